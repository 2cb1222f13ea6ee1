"""Networks of many families, by timm's names: built, saved, described and built again."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ml.errors import DataError, ModelMismatch, ModelMissing
from ml.networks.backbone import (
    IMAGENET_MEAN,
    build_backbone,
    classifier_rows,
    load_pretrained,
    load_weights,
    own_normalisation,
    save_weights,
)
from ml.networks.embedder import EmbedderNetwork
from ml.training.release import network_of

FAMILIES = {
    "test_vit": "cls",
    "test_vit_relpos": "own",  # no class token
    "vit_small_patch14_reg4_dinov2": "cls",
    "test_convnext": "own",
    "test_coatnet": "own",
    "test_efficientnet": "own",
    "test_resnet": "own",
    "mobilenetv3_small_050": "own",
}


@pytest.mark.parametrize(("architecture", "pool"), FAMILIES.items())
def test_a_saved_network_is_built_again_from_what_it_says(
    architecture: str, pool: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    side = 28 if "patch14" in architecture else 32
    module = EmbedderNetwork(architecture, (side, side), 16, head="linear", std=(0.5, 0.5, 0.5))
    assert module.pool == pool
    pixels = torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8)
    with torch.inference_mode():
        vectors, features = module.eval()(pixels)
    assert vectors.norm(dim=1).tolist() == pytest.approx([1, 1])
    assert features.shape == (2, module.width)
    path = tmp_path / "a.safetensors"
    options = {"dimension": 16, "pool": module.pool, "head": "linear"}
    save_weights(
        module, path, architecture=architecture, size=(side, side), options=options, std=module.std
    )
    again = EmbedderNetwork.of(network_of(path)).eval()
    load_weights(again, path)
    with torch.inference_mode():
        assert torch.allclose(again(pixels)[0], vectors, atol=5e-3)


@pytest.mark.parametrize("prefix", [1, 5])
def test_the_mean_leaves_out_class_and_register_tokens(prefix: int) -> None:
    architecture = {1: "test_vit", 5: "vit_small_patch14_reg4_dinov2"}[prefix]
    module = EmbedderNetwork(architecture, (28, 28), pool="mean")
    tokens = torch.randn(2, prefix + 4, module.width)
    assert torch.allclose(module.pooled(tokens), tokens[:, prefix:].mean(1))
    module.pool = "cls+mean"
    assert torch.allclose(module.pooled(tokens), tokens[:, 0] + tokens[:, prefix:].mean(1))


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ModelMissing, match=r"'convnext_ato'. Nearest: convnext_atto"):
        build_backbone("convnext_ato", (32, 32))
    with pytest.raises(ModelMissing, match="Nearest"):
        build_backbone("vit_tiny_patch16_224.no_such_tag", (32, 32))


def test_own_normalisation_is_the_one_of_the_weights() -> None:
    assert own_normalisation(build_backbone("test_efficientnet", (32, 32)))[0] == IMAGENET_MEAN
    assert own_normalisation(build_backbone("test_convnext", (32, 32)))[0] == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("architecture", ["test_vit", "test_efficientnet", "test_convnext"])
def test_published_weights_lose_only_their_classifier(architecture: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = build_backbone(architecture, (64, 64), num_classes=7)
    path = tmp_path / "whole.safetensors"
    state = {k: v for k, v in whole.state_dict().items() if not k.endswith("batches_tracked")}
    save_file(state, path)
    bare = build_backbone(architecture, (64, 64))
    load_pretrained(bare, path)
    weight, bias = classifier_rows(bare, path)
    pixels = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        read = bare.eval().forward_head(bare.forward_features(pixels), pre_logits=True)
        assert torch.allclose(read @ weight.T + bias, whole.eval()(pixels), atol=1e-5)
    load_pretrained(
        build_backbone(architecture, (96, 96)), path
    )  # another size is no other network


def test_weights_that_do_not_belong_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vit.safetensors"
    save_file(build_backbone("test_vit", (32, 32)).state_dict(), path)
    with pytest.raises(ModelMismatch, match="another architecture"):
        load_pretrained(build_backbone("test_convnext", (32, 32)), path)
    with pytest.raises(DataError, match="no classifier 'head'"):
        classifier_rows(build_backbone("test_vit", (32, 32)), path)
    (tmp_path / "no.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read"):
        load_pretrained(build_backbone("test_vit", (32, 32)), tmp_path / "no.safetensors")


def test_statistics_of_batch_norms_survive_half_precision(tmp_path: Path) -> None:
    module = EmbedderNetwork("test_efficientnet", (32, 32), 8)
    statistics = next(m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d))
    statistics.running_var.fill_(1e-9)  # zero in float16
    statistics.running_mean.fill_(1e5)  # infinite in float16
    statistics.num_batches_tracked.fill_(1_000_001)
    path = tmp_path / "a.safetensors"
    options = {"dimension": 8, "pool": module.pool}
    save_weights(module, path, architecture="test_efficientnet", size=(32, 32), options=options)
    again = EmbedderNetwork.of(network_of(path))
    load_weights(again, path)
    for name, value in module.named_buffers():
        assert torch.equal(value, again.get_buffer(name))
