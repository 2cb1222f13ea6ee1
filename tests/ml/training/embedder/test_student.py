"""The network in training: gradient caching, heads that only training has, starts of the head."""

import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ml.errors import DataError, ModelMismatch
from ml.networks.backbone import build_backbone, load_weights, save_weights
from ml.networks.embedder import EmbedderNetwork, ProjectionHead
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.student import (
    Student,
    build_student,
    optimiser_of,
    principal_map,
    regression_map,
    start_as_linear,
)
from ml.training.losses import nt_xent
from ml.training.precision import pick

Configured = Callable[..., EmbedderConfig]
PLAIN = pick("cpu", "off")


def views(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 32, 32, 3), dtype=torch.uint8, generator=generator)


def student(architecture: str = "test_vit", **settings: bool) -> Student:
    torch.manual_seed(0)
    network = EmbedderNetwork(architecture, (32, 32), 16)
    return Student(network, PLAIN, classes=3, **settings).train()


def gradients(module: Student, loss: Callable[[Student], torch.Tensor]) -> torch.Tensor:
    module.zero_grad()
    loss(module).backward()
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


def contrast(answers: torch.Tensor) -> torch.Tensor:
    one, two = F.normalize(answers[:, :16], dim=1).chunk(2)
    return nt_xent(one, two) + answers[:, 16:].square().mean()


@pytest.mark.parametrize("architecture", ["test_vit", "test_efficientnet"])
@pytest.mark.parametrize("chunks", [2, 3, 12])
def test_gradient_caching_gives_the_gradient_of_the_one_large_batch(
    architecture: str, chunks: int
) -> None:
    module, pixels = student(architecture), views(12)
    whole = gradients(module, lambda m: contrast(m(pixels)))
    cached = gradients(module, lambda m: contrast(m(pixels, chunks)))
    assert (cached - whole).abs().max() < 1e-5 * whole.abs().max()


def test_plain_accumulation_does_not() -> None:
    """Each part then has only its own negatives."""
    module, pixels = student(), views(12)
    whole = gradients(module, lambda m: contrast(m(pixels)))
    one, two = pixels.chunk(2)
    parts = [torch.cat(part) for part in zip(one.chunk(2), two.chunk(2), strict=True)]
    plain = gradients(module, lambda m: sum(contrast(m(part)) for part in parts) / 2)  # type: ignore[return-value]
    assert (plain - whole).abs().max() > 0.05 * whole.abs().max()


def test_dropout_is_the_same_in_both_passes_of_a_chunk() -> None:
    module, pixels = student(), views(8)
    module.network.head.layers.insert(1, nn.Dropout(0.5))

    def seeded(m: Student) -> torch.Tensor:
        torch.manual_seed(4)
        return contrast(m(pixels, 2))

    cached = gradients(module, seeded)
    torch.manual_seed(4)
    parts = [module(part) for part in pixels.chunk(2)]
    module.zero_grad()
    contrast(torch.cat(parts)).backward()
    plain = torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])
    assert torch.allclose(cached, plain, atol=1e-6)


def test_only_one_chunk_is_held_at_a_time() -> None:
    """What lies between, here what the first block gives, lives for one chunk at most."""
    module, living, most = student(), weakref.WeakSet[torch.Tensor](), []

    def watch(block: nn.Module, given: object, found: torch.Tensor) -> None:
        living.add(found)
        most.append(len(living))

    module.network.backbone.blocks[0].register_forward_hook(watch)  # type: ignore[index, union-attr]
    contrast(module(views(12), 6)).backward()
    assert len(most) == 12  # each chunk twice
    assert max(most) == 1


def test_batch_norms_learn_only_when_told() -> None:
    for learns in (False, True):
        module = student("test_efficientnet", batch_statistics=learns)
        before = module.network.backbone.bn1.running_mean.clone()  # type: ignore[union-attr, operator]
        module(views(4))
        assert torch.equal(module.network.backbone.bn1.running_mean, before) != learns  # type: ignore[union-attr, arg-type]


def test_the_classifier_starts_as_the_pretrained_files_own(root: Path, small: Configured) -> None:
    config = small(logits=1.0)
    module = build_student(config, root, 0, PLAIN).eval()
    with torch.inference_mode():
        _, logits, attributes = module.split(module(views(3)))
        whole = build_backbone(config.architecture, (32, 32), num_classes=5)
        from safetensors.torch import load_file

        whole.load_state_dict(load_file(root / config.pretrained))
        expected = whole.eval()(module.network.normalise(views(3)))
    assert torch.allclose(logits, expected, atol=1e-5)
    assert attributes.shape == (3, 0)


def test_a_start_is_a_whole_embedder_and_of_the_same_kind(root: Path, small: Configured) -> None:
    earlier = build_student(small(), root, 0, PLAIN).network
    nn.init.normal_(earlier.head.layers[0].weight)  # type: ignore[arg-type]
    path = root / "earlier.safetensors"
    save_weights(earlier, path, architecture="test_vit", size=(32, 32), options={})
    again = build_student(small(start=path.name), root, 0, PLAIN).network
    for one, other in zip(earlier.parameters(), again.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-2)
    for changes in ({"dimension": 64}, {"architecture": "test_convnext", "pretrained": ""}):
        with pytest.raises(ModelMismatch, match="another architecture, dimension or size"):
            build_student(small(start=path.name, **changes), root, 0, PLAIN)
    with pytest.raises(DataError, match="cannot be read"):
        load_weights(earlier, root / "none.safetensors")


def test_a_size_that_an_architecture_cannot_take(root: Path, small: Configured) -> None:
    with pytest.raises(DataError, match="test_vit cannot take pictures of 33 pixels"):
        build_student(small(size=33), root, 0, PLAIN)


def test_rates_of_head_and_backbone(root: Path, small: Configured) -> None:
    def rates(**changes: object) -> list[float]:
        optimiser = optimiser_of(build_student(small(**changes), root, 0, PLAIN), small(**changes))
        return [group["lr"] for group in optimiser.param_groups]

    assert set(rates()) == {3e-4}
    assert set(rates(backbone_rate=1e-5)) == {3e-4, 1e-5}
    assert rates(tuning="frozen") == [3e-4]
    partial = rates(tuning="partial", tuned_blocks=2, backbone_rate=1e-5, layer_decay=0.5)
    assert sorted(set(partial)) == pytest.approx([5e-6, 1e-5, 3e-4])


@pytest.mark.parametrize("kind", ["mlp", "linear"])
def test_a_head_that_starts_as_a_projection_keeps_cosines(kind: str) -> None:
    torch.manual_seed(0)
    features = torch.randn(400, 12) @ torch.randn(12, 32)
    head = ProjectionHead(32, 16, kind)  # type: ignore[arg-type]
    start_as_linear(head, features, *principal_map(features, 16))
    ours, theirs = (F.normalize(x, dim=1) for x in (head(features), features))
    assert (ours @ ours.T - theirs @ theirs.T).abs().mean() < 0.03


def test_a_head_that_starts_from_targets_comes_near_them() -> None:
    chance = np.random.default_rng(0)
    features = torch.from_numpy(chance.normal(3, 1, (300, 20)).astype(np.float32))
    targets = features @ torch.randn(20, 6) + 2
    head = ProjectionHead(20, 6, "linear")
    start_as_linear(head, features, *regression_map(features, targets))
    assert (head(features) - targets).abs().max() < 0.3
