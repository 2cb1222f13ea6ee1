"""A checkpoint that another run goes on from."""

import pytest

from ml.compat import prepare_mmpose

prepare_mmpose()

import torch  # noqa: E402
from mmengine.registry import DefaultScope  # noqa: E402
from mmpose.registry import MODELS  # noqa: E402

from ml.errors import ModelMismatch  # noqa: E402
from ml.networks.pose import vit_heatmap  # noqa: E402
from ml.training.keypoints.points import POINTS  # noqa: E402
from ml.training.keypoints.start import blended, fitted, with_traits_of  # noqa: E402


def test_a_run_goes_on_from_one_of_a_smaller_input(tmp_path):
    """Where things lie, position embeddings and traits stay what they were, spread over more."""

    def network(size):
        settings = vit_heatmap(
            "vit_tiny_patch16_224",
            size,
            points=len(POINTS),
            head_channels=(8,),
            postures=4,
            views=8,
        )
        with DefaultScope.overwrite_default_scope("mmpose"):
            return MODELS.build(settings).eval()

    torch.manual_seed(0)
    small = network((64, 64))
    torch.nn.init.normal_(small.backbone.vit.pos_embed)
    checkpoint = tmp_path / "iter_1.pth"
    torch.save({"state_dict": small.state_dict()}, checkpoint)
    assert fitted(checkpoint, (64, 64), tmp_path / "start.pth") == checkpoint
    path = fitted(checkpoint, (96, 96), tmp_path / "run" / "start.pth")
    large = network((96, 96))
    large.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    flat = torch.full((1, 192, 4, 4), 0.3), torch.full((1, 192, 6, 6), 0.3)
    for before, after in zip(small.head.tell((flat[0],)), large.head.tell((flat[1],)), strict=True):
        assert torch.allclose(before, after, atol=0.05)
    corners = [model.backbone.vit.pos_embed[0, 1] for model in (small, large)]
    assert torch.cosine_similarity(*corners, dim=0) > 0.8


def test_a_foreign_checkpoint_is_refused(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"state_dict": {"weight": torch.zeros(1)}}, path)
    with pytest.raises(ModelMismatch, match="leave --start out"):
        fitted(path, (192, 192), tmp_path / "start.pth")


def test_only_the_traits_are_taken_of_a_run_that_learnt_them(tmp_path):
    old = {"head.traits.0.bias": torch.zeros(2), "head.deconv.bias": torch.zeros(1)}
    new = {"head.traits.0.bias": torch.ones(2), "head.deconv.bias": torch.ones(1)}
    for name, state in (("start", old), ("end", new)):
        torch.save({"state_dict": state}, tmp_path / f"{name}.pth")
    path = with_traits_of(tmp_path / "end.pth", tmp_path / "start.pth", tmp_path / "merged.pth")
    state = torch.load(path, weights_only=True)["state_dict"]
    assert state["head.traits.0.bias"].tolist() == [1, 1]
    assert state["head.deconv.bias"].tolist() == [0]


def test_weights_between_a_start_and_an_end(tmp_path):
    for name, value in (("start", 0.0), ("end", 4.0)):
        state = {"weight": torch.full((2,), value), "count": torch.tensor(int(value))}
        torch.save({"state_dict": state}, tmp_path / f"{name}.pth")
    path = blended(tmp_path / "start.pth", tmp_path / "end.pth", 0.25, tmp_path / "blend.pth")
    state = torch.load(path, weights_only=True)["state_dict"]
    assert state["weight"].tolist() == [1, 1]
    assert state["count"].item() == 4
