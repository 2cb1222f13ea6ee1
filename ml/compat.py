"""Lets packages of different builds import beside each other. Nothing installed is patched.

Call `prepare_torchvision` before the first import of torchvision (timm imports it), and
`prepare_mmpose` before the first import of mmpose. Both may be called any number of times.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import torch

_TORCHVISION_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# A library's declarations vanish with its handle.
_declared: list[torch.library.Library] = []


@cache
def prepare_torchvision() -> None:
    """Make `import torchvision` work where its compiled part is linked against another torch.

    The wheel on the package index is linked against CUDA torch. Beside CPU torch it does not load,
    and torchvision then fails on two operators that it only wants to register shapes for. They are
    declared here without an implementation: transforms and models work, `torchvision.ops` does not.
    """
    if "torchvision" in sys.modules or torch.version.cuda is not None:
        return
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    for extension in Path(spec.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(str(extension))
        except OSError:
            continue
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _TORCHVISION_OPERATORS:
        library.define(schema)
    _declared.append(library)


class _MissingExtension(ModuleType):
    """Stands in for `mmcv._ext`: any operator may be looked up, none may be called."""

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*args: Any, **kwargs: Any) -> NoReturn:
            raise NotImplementedError(
                f"mmcv.ops.{name} is compiled code that mmcv-lite does not carry. "
                "Install mmcv 2.1.0 built with its operators to use this architecture."
            )

        return missing


def _reduce_mean(tensor: torch.Tensor) -> torch.Tensor:
    """The mean over processes, as `mmdet.utils.reduce_mean` gives it."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return tensor
    tensor = tensor.clone()
    torch.distributed.all_reduce(tensor.div_(torch.distributed.get_world_size()))
    return tensor


def _stand_in(module: ModuleType) -> None:
    """Put a module where import finds it, with a spec because mmengine asks for one."""
    module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, loader=None)
    sys.modules[module.__name__] = module


def _installed(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None


@cache
def prepare_mmpose() -> None:
    """Make `import mmpose.models` work with mmcv-lite and without mmdet.

    mmpose 1.3 imports compiled operators and `mmdet.utils` for heads that are not used here. Where
    the real ones are installed they are left alone. The first import happens here, without the
    warnings by which mmcv and mmengine speak to their own developers.
    """
    prepare_torchvision()
    if not _installed("mmcv._ext"):
        _stand_in(_MissingExtension("mmcv._ext"))
    if not _installed("mmdet"):
        package = ModuleType("mmdet")
        package.__path__ = []
        utils = ModuleType("mmdet.utils")
        utils.__dict__.update(
            ConfigType=dict[str, Any],
            OptConfigType=dict[str, Any] | None,
            reduce_mean=_reduce_mean,
        )
        package.__dict__["utils"] = utils
        _stand_in(package)
        _stand_in(utils)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("mmpose.models")
