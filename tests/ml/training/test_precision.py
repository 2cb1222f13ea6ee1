import pytest
import torch

from ml.errors import DataError
from ml.training.precision import pick


def test_the_device_at_hand() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert pick("auto", "bf16").device.type == expected
    with pytest.raises(DataError, match="'nonsense' is not there"):
        pick("nonsense", "bf16")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(DataError, match="auto or cpu"):
        pick("cuda", "bf16")


@pytest.mark.parametrize(
    ("bits", "kind"),
    [("bf16", torch.bfloat16), ("fp16", torch.float16), ("off", torch.float32)],
)
def test_what_autocast_computes_in(bits: str, kind: torch.dtype) -> None:
    precision = pick("cpu", bits)  # type: ignore[arg-type]
    with precision.autocast():
        assert torch.nn.Linear(4, 4)(torch.zeros(2, 4)).dtype == kind
    assert precision.scaler().is_enabled() == (bits == "fp16")
