from pathlib import Path

import pytest

from ml.errors import DataError
from ml.training.config import CONFIGS, config_hash, read_config
from ml.training.embedder.config import EmbedderConfig
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
    assert (config.temperature, config.batch, config.rate) == (0.07, 64, 3e-4)
    assert (config.weight_decay, config.epochs, config.dimension) == (1e-6, 40, 128)
    assert (config.architecture, config.size) == ("vit_tiny_patch16_224", 224)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bach = 8", "no setting 'bach'"),
        ('batch = "8"', "'batch' must be int"),
        ("batch = true", "'batch' must be int"),
        ("batch = [", "cannot be read"),
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
