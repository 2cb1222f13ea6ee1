"""Training configurations: one typed TOML file each, see `ml/training/configs`."""

import dataclasses
import hashlib
import json
import tomllib
import typing
from pathlib import Path
from typing import Any, TypeVar

from ml.errors import DataError
from ml.training.data import Source

CONFIGS = Path(__file__).parent / "configs"

Config = TypeVar("Config")


def read_config(kind: type[Config], path: Path, **changes: Any) -> Config:
    """A configuration of dataclass `kind` from a TOML file, `changes` over it where not None.

    Tables named `source` become `Source`. Raises DataError for an unreadable file, an unknown
    field or a value of the wrong type.
    """
    try:
        data = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"The configuration {path} cannot be read.", str(error)) from error
    sources = data.pop("source", None)
    if sources is not None:
        data["sources"] = [_checked(Source, source, path) for source in sources]
    data.update({name: value for name, value in changes.items() if value is not None})
    return _checked(kind, data, path)


def config_hash(config: Any) -> str:
    """sha256 hex over a configuration dataclass."""
    plain = json.dumps(dataclasses.asdict(config), sort_keys=True, default=str)
    return hashlib.sha256(plain.encode()).hexdigest()


def _checked(kind: type[Config], data: dict[str, Any], path: Path) -> Config:
    data = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
    hints = typing.get_type_hints(kind)
    for name, value in data.items():
        if name not in hints:
            raise DataError(f"{path.name}: there is no setting '{name}' in {kind.__name__}.")
        wanted = hints[name]
        if wanted in (int, float, str, bool):
            fits = isinstance(value, (int, float) if wanted is float else wanted)
            if not fits or (isinstance(value, bool) and wanted is not bool):
                raise DataError(f"{path.name}: '{name}' must be {wanted.__name__}, not {value!r}.")
    try:
        return kind(**data)
    except TypeError as error:
        raise DataError(f"{path.name}: {error}.") from error
