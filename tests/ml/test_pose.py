import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ml.errors import ModelMismatch, ModelMissing
from ml.pose import PoseEstimator
from ml.skeleton import INDEX, KEYPOINTS
from ml.spec import NetworkSpec

HRNET = "td-hm_hrnet-w32_8xb64-210e_ap10k-256x256"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def spec(size: tuple[int, int] = (192, 192), **options: object) -> NetworkSpec:
    told = {
        "head_channels": [32, 32],
        "box_padding": 1.25,
        "points": list(KEYPOINTS),
    }
    return NetworkSpec("", "", "vit_tiny_patch16_224", size, MEAN, STD, told | options)


def spotlight(pixels: np.ndarray) -> tuple[np.ndarray]:
    """Stands in for a network: the heatmap is the photo's brightness, the same for all points."""
    n, height, width, _ = pixels.shape
    cells = pixels.reshape(n, height // 4, 4, width // 4, 4, 3).astype(np.float32)
    bright = cells.mean((2, 4, 5)) / 255
    return (np.repeat(bright[:, None], len(KEYPOINTS), 1),)


def photo(x: float, y: float, width: int, height: int, radius: float) -> np.ndarray:
    image = Image.new("RGB", (width, height))
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), "white")
    return np.asarray(image)


@pytest.mark.parametrize(
    ("x", "y", "width", "height", "box"),
    [
        (60, 90, 200, 160, (30, 40, 130, 150)),
        (150, 40, 200, 160, (100, 0, 200, 160)),
        (800, 500, 2400, 1600, (300, 100, 1500, 1200)),
        (40, 300, 100, 640, (10, 40, 80, 600)),
        (1000.0, 30.0, 1300, 64, (10, 0, 1290, 64)),
    ],
)
def test_a_point_comes_back_where_it_is_in_the_photo(x, y, width, height, box):
    long = max(box[2] - box[0], box[3] - box[1])
    estimator = PoseEstimator(spotlight, spec())
    found = estimator.estimate([photo(x, y, width, height, long / 25)], [box])
    assert found.shape == (1, 21, 3)
    assert found.dtype == np.float32
    # A cell's index stands for the first of its four pixels, a blob's middle for all four.
    assert found[0, :, 0] == pytest.approx(np.full(21, x), abs=0.02 * long)
    assert found[0, :, 1] == pytest.approx(np.full(21, y), abs=0.02 * long)


def test_photos_of_any_sizes_go_in_one_call_and_keep_their_order():
    places = [(50 + 3 * i, 60 + 2 * i) for i in range(19)]
    photos = [photo(x, y, 200 + i, 180, 6) for i, (x, y) in enumerate(places)]
    boxes = [(20.0, 20.0, 160.0, 170.0)] * 19
    estimator = PoseEstimator(spotlight, spec())
    together = estimator.estimate(photos, boxes)
    assert np.abs(together[:, 0, :2] - places).max() < 3
    alone = np.concatenate(
        [estimator.estimate([p], [b]) for p, b in zip(photos, boxes, strict=True)]
    )
    np.testing.assert_array_equal(together, alone)
    assert estimator.estimate([], []).shape == (0, 21, 3)


def test_frames_and_pixels_are_those_of_mmpose():
    from ml.compat import prepare_mmpose

    prepare_mmpose()
    from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

    image = np.random.default_rng(1).integers(0, 255, (120, 170, 3), np.uint8)
    box = (20.0, 30.5, 150.0, 90.0)
    results = {"img": image, "bbox": np.array([box], np.float32)}
    results = GetBBoxCenterScale(padding=1.25).transform(results)
    results = TopdownAffine(input_size=(192, 192)).transform(results)
    estimator = PoseEstimator(spotlight, spec())
    frame = estimator._frame(box)
    cut = estimator._cut(image, frame)
    assert frame[2] == pytest.approx(results["input_scale"][0])
    assert frame[:2] == pytest.approx(results["input_center"] - results["input_scale"] / 2)
    assert np.abs(cut.astype(int) - results["img"]).max() <= 2


def test_the_score_is_the_peaks_height_kept_to_0_and_1():
    heights = np.linspace(-0.5, 1.5, 21, dtype=np.float32)

    def even(pixels: np.ndarray) -> tuple[np.ndarray]:
        return (np.broadcast_to(heights[:, None, None], (len(pixels), 21, 48, 48)),)

    found = PoseEstimator(even, spec()).estimate([photo(9, 9, 80, 80, 4)], [(0, 0, 80, 80)])
    assert found[0, :, 2] == pytest.approx(heights.clip(0, 1))


def test_posture_and_view_come_with_the_points_of_their_photo():
    def told(pixels: np.ndarray) -> tuple[np.ndarray, ...]:
        (maps,) = spotlight(pixels)
        bright = pixels.mean((1, 2, 3)) > 100
        return maps, np.stack([bright, ~bright], 1), np.stack([~bright, bright, 0 * bright], 1)

    estimator = PoseEstimator(
        told, spec(postures=["sitting", "lying"], views=["front", "left", "right"])
    )
    light, dark = np.full((90, 90, 3), 200, np.uint8), np.zeros((90, 90, 3), np.uint8)
    photos = [light, dark, light] * 6  # more than a batch
    points, traits = estimator.describe(photos, [(0.0, 0.0, 90.0, 90.0)] * 18)
    assert traits == [("sitting", "left"), ("lying", "front"), ("sitting", "left")] * 6
    np.testing.assert_array_equal(points, estimator.estimate(photos, [(0, 0, 90, 90)] * 18))
    _, none = PoseEstimator(spotlight, spec()).describe(photos, [(0.0, 0.0, 90.0, 90.0)] * 18)
    assert none == [None] * 18


def test_what_is_seen_in_a_mirror_comes_back_on_its_side(monkeypatch):
    def seen(images, boxes):
        """The left eye at the brightest pixel, everything else at the origin."""
        assert boxes == [(60, 10, 90, 70)]
        found = np.zeros((1, len(KEYPOINTS), 3), np.float32)
        y, x = np.unravel_index(images[0][..., 0].argmax(), images[0].shape[:2])
        found[0, INDEX["left_eye"]] = x, y, 0.8
        return found

    estimator = PoseEstimator(spotlight, spec())
    monkeypatch.setattr(estimator, "estimate", seen)
    image = np.zeros((80, 100, 3), np.uint8)
    image[30, 20] = 255
    (points,) = estimator.estimate_mirrored([image], [(10, 10, 40, 70)])
    assert points[INDEX["right_eye"]].tolist() == pytest.approx([20, 30, 0.8])
    assert points[INDEX["left_eye"]].tolist() == [99, 0, 0]


def test_a_network_that_tells_traits_gives_their_logits_beside_its_maps():
    from ml.networks.pose import build_network

    torch = pytest.importorskip("torch")
    network = build_network(spec(size=(64, 96), postures=["a", "b", "c"], views=["d", "e"]), None)
    with torch.inference_mode():
        maps, postures, views = network(torch.zeros(2, 64, 96, 3, dtype=torch.uint8))
    assert (maps.shape, postures.shape, views.shape) == ((2, 21, 16, 24), (2, 3), (2, 2))


def test_a_vit_built_by_mmpose_gives_21_maps_from_bytes():
    from ml.networks.pose import build_network

    torch = pytest.importorskip("torch")
    network = build_network(spec(size=(64, 96)), None)
    with torch.inference_mode():
        maps = network(torch.zeros(2, 64, 96, 3, dtype=torch.uint8))
    assert maps.shape == (2, 21, 16, 24)


def test_hrnet_by_mmposes_own_config_gives_17_of_the_21_points():
    estimator = PoseEstimator.of(hrnet(), None, device="torch-cpu")
    found = estimator.estimate([photo(60, 70, 128, 128, 9)], [(20, 20, 110, 120)])
    assert found.shape == (1, 21, 3)
    assert np.isfinite(found).all()
    assert (found[0, :17, :2] != 0).all()
    assert (found[0, 17:] == 0).all()


def hrnet(name: str = HRNET) -> NetworkSpec:
    options = {
        "box_padding": 1.25,
        "points": list(KEYPOINTS[:17]),
    }
    return NetworkSpec("", "", name, (256, 256), MEAN, STD, options)


def test_an_unknown_config_names_the_nearest_one():
    with pytest.raises(ModelMissing, match=HRNET):
        PoseEstimator.of(hrnet("td-hm_hrnet-w32_ap10k-256x256"), None, device="torch-cpu")


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    import torch

    path = tmp_path / "other.pth"
    torch.save({"state_dict": {"weight": torch.zeros(3)}}, path)
    with pytest.raises(ModelMismatch, match=r"other\.pth"):
        PoseEstimator.of(hrnet(), path, device="torch-cpu")


def test_a_checkpoint_by_path_loads_whichever_mmpose_wrote_it(tmp_path):
    import torch

    from ml.networks.pose import build_network

    network = build_network(hrnet(), None)
    path = tmp_path / "hrnet.pth"
    torch.save({"state_dict": network.state_dict()}, path)
    again = build_network(hrnet(), path)
    old = tmp_path / "of_mmpose_0.pth"
    state = {
        name.replace("head.", "keypoint_head.", 1): v for name, v in again.state_dict().items()
    }
    assert "keypoint_head.final_layer.weight" in state
    torch.save({"meta": {"epoch": 210}, "state_dict": state}, old)
    theirs = build_network(hrnet(), old).state_dict()
    for name, value in network.state_dict().items():
        assert torch.equal(value, theirs[name])


def test_neither_torch_nor_mmpose_is_imported_before_a_network_is_built():
    code = (
        "import sys, ml.pose, ml.heatmaps;"
        "sys.exit(len({'torch', 'mmpose', 'mmengine'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
