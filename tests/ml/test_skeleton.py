from ml.skeleton import FLIP, INDEX, KEYPOINTS, PARTS, SIGMAS, SKELETON, mirror


def test_the_first_seventeen_are_ap10k_in_its_order():
    from mmengine.config import Config

    from ml.compat import prepare_mmpose

    prepare_mmpose()
    from importlib.resources import files

    meta = files("mmpose") / ".mim/configs/_base_/datasets/ap10k.py"
    info = Config.fromfile(str(meta)).dataset_info
    spelled = {"l_f_paw": "left_front_paw", "r_f_paw": "right_front_paw"}
    spelled |= {"l_b_paw": "left_back_paw", "r_b_paw": "right_back_paw"}
    for index, point in info.keypoint_info.items():
        name = point["name"].lower().replace(" ", "_")
        name = spelled.get(name, name.replace("l_", "left_", 1) if name[:2] == "l_" else name)
        name = name.replace("r_", "right_", 1) if name[:2] == "r_" else name
        assert KEYPOINTS[index] == name
    assert SIGMAS[:17] == tuple(info.sigmas)


def test_every_point_has_a_part_and_a_sigma_and_an_edge():
    assert len(KEYPOINTS) == len(set(KEYPOINTS)) == len(SIGMAS) == 21
    assert set(PARTS) == set(KEYPOINTS)
    assert {index for edge in SKELETON for index in edge} == set(range(21))


def test_mirrored_points_share_part_and_sigma():
    assert len(FLIP) == 9
    for left, right in FLIP:
        assert mirror(KEYPOINTS[left]) == KEYPOINTS[right]
        assert PARTS[KEYPOINTS[left]] == PARTS[KEYPOINTS[right]]
        assert SIGMAS[left] == SIGMAS[right]


def test_the_skeleton_is_its_own_mirror_image():
    mirrored = {
        frozenset((INDEX[mirror(KEYPOINTS[a])], INDEX[mirror(KEYPOINTS[b])])) for a, b in SKELETON
    }
    assert mirrored == {frozenset(edge) for edge in SKELETON}


def test_a_point_on_the_middle_line_is_its_own_mirror():
    assert mirror("nose") == "nose"
    assert mirror("root_of_tail") == "root_of_tail"
