import subprocess
import sys

import pytest

from ml import compat


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_torchvision_and_mmpose_import_in_a_fresh_process():
    code = (
        "from ml.compat import prepare_mmpose; prepare_mmpose(); prepare_mmpose();"
        "import torchvision.transforms.v2, timm, mmpose.models;"
        "from mmpose.registry import MODELS;"
        "assert MODELS.get('TopdownPoseEstimator') and MODELS.get('HRNet')"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_an_operator_that_is_not_there_says_so_only_when_called():
    compat.prepare_mmpose()
    stand_in = sys.modules["mmcv._ext"]
    if not isinstance(stand_in, compat._MissingExtension):
        pytest.skip("mmcv with its compiled operators is installed")
    with pytest.raises(NotImplementedError, match=r"mmcv\.ops\.nms"):
        stand_in.nms()
    assert not hasattr(stand_in, "__file__")


def test_what_stands_in_for_mmdet_has_nothing_else():
    compat.prepare_mmpose()
    if getattr(sys.modules["mmdet"], "__file__", None):
        pytest.skip("mmdet is installed")
    with pytest.raises(ImportError):
        from mmdet.apis import inference_detector  # noqa: F401


def test_a_library_that_is_already_there_is_left_alone(monkeypatch):
    compat.prepare_torchvision()
    import torchvision

    monkeypatch.setattr(compat, "_declared", [])
    compat.prepare_torchvision.cache_clear()
    compat.prepare_torchvision()
    assert compat._declared == []
    assert sys.modules["torchvision"] is torchvision
