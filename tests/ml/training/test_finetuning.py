import pytest
import torch
from torch import nn

from ml.networks.backbone import build_backbone
from ml.training.finetuning import between, choose_parameters, keep_statistics, layers, rate_groups


def trained(backbone: nn.Module) -> set[str]:
    return {name for name, parameter in backbone.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("architecture", ["test_vit", "test_convnext", "test_efficientnet"])
def test_frozen_partial_and_full(architecture: str) -> None:
    backbone = build_backbone(architecture, (32, 32))
    everything = {name for name, _ in backbone.named_parameters()}
    last = max(layers(backbone).values())
    choose_parameters(backbone, "frozen", 2)
    assert trained(backbone) == set()
    choose_parameters(backbone, "partial", 2)
    assert trained(backbone) == {n for n, place in layers(backbone).items() if place >= last - 1}
    choose_parameters(backbone, "full", 0)
    assert trained(backbone) == everything


def test_the_last_blocks_of_a_transformer_and_its_norm() -> None:
    backbone = build_backbone("test_vit", (32, 32))
    choose_parameters(backbone, "partial", 2)
    parts = {name.split(".")[0] + "." + name.split(".")[1] for name in trained(backbone)}
    assert parts == {"blocks.4", "blocks.5", "norm.weight", "norm.bias"}
    choose_parameters(backbone, "partial", 99)
    assert "pos_embed" in trained(backbone)


def test_each_layer_has_a_share_of_the_rate_of_the_next() -> None:
    backbone = build_backbone("test_vit", (32, 32))
    groups = rate_groups(backbone, rate=0.1, decay=0.5, weight_decay=0.2)
    rates = {id(p): g["lr"] for g in groups for p in g["params"]}
    decays = {id(p): g["weight_decay"] for g in groups for p in g["params"]}
    assert len(rates) == sum(1 for _ in backbone.parameters())
    for name, parameter in backbone.named_parameters():
        assert rates[id(parameter)] == pytest.approx(0.1 * 0.5 ** (6 - layers(backbone)[name]))
        spared = parameter.ndim == 1 or name in ("pos_embed", "cls_token")
        assert decays[id(parameter)] == (0.0 if spared else 0.2)


def test_frozen_parameters_are_in_no_group() -> None:
    backbone = build_backbone("test_vit", (32, 32))
    choose_parameters(backbone, "partial", 1)
    grouped = sum(len(group["params"]) for group in rate_groups(backbone, 0.1, 0.5, 0.0))
    assert grouped == len(trained(backbone))


def test_between_start_and_end() -> None:
    start = {"a": torch.tensor([0.0, 2.0]), "count": torch.tensor(3)}
    end = {"a": torch.tensor([4.0, 2.0]), "count": torch.tensor(9)}
    assert between(start, end, 0.25)["a"].tolist() == [1.0, 2.0]
    assert between(start, end, 0.25)["count"] == 9
    assert torch.equal(between(start, end, 1.0)["a"], end["a"])


def test_batch_norms_that_keep_their_statistics() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()
    keep_statistics(module)
    before = module[1].running_mean.clone()  # type: ignore[union-attr, operator]
    module(torch.randn(8, 3, 4, 4) + 5)
    assert torch.equal(module[1].running_mean, before)  # type: ignore[arg-type]
    assert module[2].training
