import dataclasses
from pathlib import Path

import pytest

from ml.errors import DataError
from ml.training.config import CONFIGS, changed, config_hash, read_config, read_variants
from ml.training.embedder.config import LOSSES, EmbedderConfig
from ml.training.subject import SubjectConfig


def written(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text)
    return path


def test_file_then_flags(tmp_path: Path) -> None:
    path = written(tmp_path, 'batch = 8\nepochs = 3\n[[source]]\nimages = "a"\nskip = ["x"]\n')
    config = read_config(EmbedderConfig, path, epochs=5, rate=None)
    assert (config.batch, config.epochs, config.rate) == (8, 5, 3e-4)
    assert config.sources[0].skip == ("x",)


def test_simclr_defaults_are_the_specified_ones() -> None:
    config = EmbedderConfig()
    assert (config.architecture, config.size) == ("vit_tiny_patch16_224", 224)
    assert (config.normalisation, config.pool) == ("imagenet", "cls")
    assert (config.head, config.dimension) == ("mlp", 128)
    assert (config.temperature, config.batch, config.accumulate) == (0.07, 64, 1)
    assert (config.rate, config.weight_decay, config.epochs) == (3e-4, 1e-6, 40)
    assert (config.policy, config.crop_least, config.jitter) == ("mild", 0.8, 0.4)
    assert (config.tuning, config.precision) == ("full", "bf16")
    assert [name for name in LOSSES if getattr(config, name)] == ["contrast"]
    simclr = read_config(EmbedderConfig, CONFIGS / "simclr.toml")
    own = {"sources": simclr.sources, "pretrained": simclr.pretrained}
    assert dataclasses.replace(config, **own) == simclr


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"contrast": 0.0}, "All losses are off"),
        ({"distil": 1.0}, "'distil' needs 'pretrained'"),
        ({"logits": 1.0}, "'logits' needs 'pretrained'"),
        ({"ranking": 1.0}, "'ranking' needs 'rankings'"),
        ({"attribute": 1.0}, "'attribute' needs 'attributes'"),
        ({"imitate": 1.0}, "'imitate' needs 'targets'"),
        ({"head_start": "targets"}, "needs 'targets'"),
        ({"batch_statistics": True, "accumulate": 2}, "chunks instead of the batch"),
        ({"accumulate": 0}, "must be 1 or more"),
    ],
)
def test_settings_that_contradict_are_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(DataError, match=told):
        EmbedderConfig(**changes)  # type: ignore[arg-type]


def test_variants_are_the_file_with_their_own_settings(tmp_path: Path) -> None:
    text = """
        batch = 8
        [[source]]
        images = "a"
        [[variant]]
        name = "plain"
        [[variant]]
        name = "long"
        epochs = 90
        batch = 9
    """
    found = read_variants(EmbedderConfig, written(tmp_path, text), threads=2, epochs=None)
    assert [(n, c.batch, c.epochs, c.threads) for n, c in found.items()] == [
        ("plain", 8, 40, 2),
        ("long", 9, 90, 2),
    ]
    assert {c.sources[0].images for c in found.values()} == {"a"}
    assert list(read_variants(EmbedderConfig, written(tmp_path, "batch = 8"))) == ["run"]
    for mistake in ("[[variant]]", '[[variant]]\nname="a"\n[[variant]]\nname="a"'):
        with pytest.raises(DataError, match="a name of its own"):
            read_variants(EmbedderConfig, written(tmp_path, mistake))
    assert len(read_variants(EmbedderConfig, CONFIGS / "ablation.toml")) >= 8


def test_changes_are_checked_as_a_file_is() -> None:
    assert changed(EmbedderConfig(), {"batch": 8}, "--vary").batch == 8
    with pytest.raises(DataError, match="--vary: there is no setting 'bach'"):
        changed(EmbedderConfig(), {"bach": 8}, "--vary")
    with pytest.raises(DataError, match="'batch' must be int"):
        changed(EmbedderConfig(), {"batch": "many"}, "--vary")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bach = 8", "no setting 'bach'"),
        ('batch = "8"', "'batch' must be int"),
        ("batch = true", "'batch' must be int"),
        ("batch = [", "cannot be read"),
        ('tuning = "half"', "'tuning' must be one of full, partial, frozen, not 'half'"),
        ('policy = "wild"', "'policy' must be one of none, mild, randaugment, trivial, strong"),
        ('[[source]]\nimage = "a"', "no setting 'image'"),
        ('[[source]]\nkind = "dog"', "images"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_config(EmbedderConfig, written(tmp_path, text))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_config(EmbedderConfig, tmp_path / "none.toml")


def test_shipped_configurations_are_valid() -> None:
    assert read_config(SubjectConfig, CONFIGS / "subject.toml").sources
    assert read_config(EmbedderConfig, CONFIGS / "embedder.toml").sources


def test_hash_sees_every_setting() -> None:
    assert config_hash(EmbedderConfig()) != config_hash(EmbedderConfig(seed=1))
    assert config_hash(EmbedderConfig()) == config_hash(EmbedderConfig())
