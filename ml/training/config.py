"""Training configurations: one typed TOML file each, see `ml/training/configs`."""

import dataclasses
import hashlib
import json
import tomllib
import typing
from collections.abc import Mapping
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
    return _configured(kind, _read(path), path, changes)


def read_variants(kind: type[Config], path: Path, **changes: Any) -> dict[str, Config]:
    """Configurations by name: the file's own, with the settings of each [[variant]] over it.

    A variant has a `name` beside its settings; without variants the file is the only one, under its
    own name. Raises DataError as `read_config` does, and for a name that is missing or twice there.
    """
    data = _read(path)
    listed = data.pop("variant", None) or [{"name": path.stem}]
    found: dict[str, Config] = {}
    for variant in listed:
        name = str(variant.pop("name", ""))
        if not name or name in found:
            raise DataError(f"{path.name}: every [[variant]] needs a name of its own.")
        found[name] = _configured(kind, {**data, **variant}, path, changes)
    return found


def changed(config: Config, changes: Mapping[str, Any], told: str) -> Config:
    """The configuration with other values of some settings, checked as in a file called `told`."""
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    return _checked(type(config), {**fields, **changes}, Path(told))


def read_sources(path: Path) -> list[Source]:
    """Only the sources of a configuration of any kind; raises DataError as `read_config` does."""
    sources = _read(path).get("source", [])
    if not sources:
        raise DataError(f"The configuration {path} names no [[source]].")
    return [_checked(Source, source, path) for source in sources]


def config_hash(config: Any) -> str:
    """sha256 hex over a configuration dataclass."""
    plain = json.dumps(dataclasses.asdict(config), sort_keys=True, default=str)
    return hashlib.sha256(plain.encode()).hexdigest()


def _configured(
    kind: type[Config], data: dict[str, Any], path: Path, changes: Mapping[str, Any]
) -> Config:
    data = dict(data)
    sources = data.pop("source", None)
    if sources is not None:
        data["sources"] = [_checked(Source, source, path) for source in sources]
    data.update({name: value for name, value in changes.items() if value is not None})
    return _checked(kind, data, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"The configuration {path} cannot be read.", str(error)) from error


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
        choices = typing.get_args(wanted) if typing.get_origin(wanted) is typing.Literal else ()
        if choices and value not in choices:
            told = ", ".join(str(choice) for choice in choices)
            raise DataError(f"{path.name}: '{name}' must be one of {told}, not {value!r}.")
    try:
        return kind(**data)
    except TypeError as error:
        raise DataError(f"{path.name}: {error}.") from error
