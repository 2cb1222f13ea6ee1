"""What MMPose's registries need from us to learn from partly labelled photos."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from ml.compat import prepare_mmpose

prepare_mmpose()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from mmcv.transforms import BaseTransform  # noqa: E402
from mmengine.hooks import Hook  # noqa: E402
from mmengine.optim import OptimWrapper  # noqa: E402
from mmengine.runner import Runner  # noqa: E402
from mmpose.datasets.datasets.base import BaseCocoStyleDataset  # noqa: E402
from mmpose.registry import DATASETS, HOOKS, OPTIM_WRAPPERS, TRANSFORMS  # noqa: E402

from ml.training.keypoints.points import metainfo  # noqa: E402
from ml.traits import MIRRORED, POSTURES, VIEWS  # noqa: E402


@DATASETS.register_module()
class PawkinDataset(BaseCocoStyleDataset):
    """A file made by `ml.training.keypoints.datasets.convert`.

    `absent_weight` (0..1) is the loss weight of "this point is not to be seen" for a point that
    the data set knows and did not label here; a point that it does not know carries no loss.
    `hidden_weight` is that of a labelled but hidden point (COCO's v = 1).
    """

    METAINFO = metainfo()

    def __init__(
        self, *args: Any, absent_weight: float, hidden_weight: float = 1.0, **kwargs: Any
    ) -> None:
        self.absent_weight = absent_weight
        self.hidden_weight = hidden_weight
        super().__init__(*args, **kwargs)

    def parse_data_info(self, raw_data_info: dict[str, Any]) -> dict[str, Any] | None:
        info = super().parse_data_info(raw_data_info)
        if info is None:
            return None
        annotation = raw_data_info["raw_ann_info"]
        defined = np.array(annotation["defined"], dtype=np.float32)
        info["absent_weights"] = defined[None] * self.absent_weight
        hidden = np.array(annotation["keypoints"], dtype=np.float32)[2::3] == 1
        info["posture"] = _place(POSTURES, annotation.get("posture"))
        info["view"] = _place(VIEWS, annotation.get("view"))
        info["keypoints_visible"] = np.where(
            hidden[None], self.hidden_weight, info["keypoints_visible"]
        ).astype(np.float32)
        return info


def _place(words: Sequence[str], word: str | None) -> int:
    """A trait's place among its words, -1 where it is not told."""
    return words.index(word) if word in words else -1


@TRANSFORMS.register_module()
class TraitTargets(BaseTransform):
    """Posture and view of what will be seen: -1 where they are not known.

    Runs after RandomFlip and RandomHalfBody. A mirrored dog faces the other way, and what half a
    dog does cannot be told.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if results.get("flip") and results["view"] >= 0:
            results["view"] = MIRRORED[results["view"]]
        whole = (results["bbox"][0, :2] + results["bbox"][0, 2:]) / 2
        if np.abs(results["bbox_center"][0] - whole).max() > 1:
            results["posture"] = -1
        return results


@TRANSFORMS.register_module()
class WeighAbsent(BaseTransform):
    """Makes an empty heatmap a target where the point is known not to be in view.

    Runs after GenerateTarget. Which points a data set knows is the same for left and right, so
    that a mirrored photo needs no care.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        weights = results["keypoint_weights"]
        results["keypoint_weights"] = np.where(
            weights > 0, weights, results["absent_weights"]
        ).astype(np.float32)
        return results


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Forward pass in bfloat16 on CPU or GPU; needs no loss scaling.

    mmengine's AmpOptimWrapper refuses a CPU.
    """

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        device = next(model.parameters()).device.type
        autocast: AbstractContextManager[Any] = torch.autocast(device, dtype=torch.bfloat16)
        with ExitStack() as stack:
            stack.enter_context(super().optim_context(model))
            stack.enter_context(autocast)
            yield


@HOOKS.register_module()
class PlainCheckpoint(Hook):
    """Keeps objects of mmengine and NumPy out of checkpoints, so that a run can be resumed.

    `torch.load` has refused them by default since torch 2.6. What is left out are the logged
    curves, which the log files hold, and a description of the data set.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        checkpoint["message_hub"] = {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}}
        checkpoint["meta"].pop("dataset_meta", None)


@HOOKS.register_module()
class StopOnNaN(Hook):
    """Ends a run whose loss is not a number before the next checkpoint overwrites a good one."""

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if outputs is not None and not torch.isfinite(outputs["loss"]).all():
            raise FloatingPointError(f"loss {outputs['loss']} at iteration {runner.iter}")
