"""On which device and with how many bits a training computes."""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch

from ml.errors import DataError

Bits = Literal["bf16", "fp16", "off"]


@dataclass(frozen=True)
class Precision:
    """A device, and the type that autocast computes in there; float32 where it is off."""

    device: torch.device
    bits: Bits = "bf16"

    def autocast(self) -> AbstractContextManager[None]:
        """For the forward pass of a network."""
        kind = torch.float16 if self.bits == "fp16" else torch.bfloat16
        return torch.autocast(self.device.type, kind, enabled=self.bits != "off")

    def scaler(self) -> torch.amp.GradScaler:
        """Keeps float16 gradients above zero; does nothing for the other types."""
        return torch.amp.GradScaler(self.device.type, enabled=self.bits == "fp16")


def pick(device: str, bits: Bits) -> Precision:
    """ "auto" is the accelerator at hand, of several the one of this process, else the CPU.

    Raises DataError for a device that is not there.
    """
    place = int(os.environ.get("LOCAL_RANK", "0"))
    if device == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        device = found.type if found else "cpu"
    try:
        chosen = torch.device(device, place) if device == "cuda" else torch.device(device)
        torch.zeros(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise DataError(
            f"The device '{device}' is not there. Set 'device' to auto or cpu.", str(error)[:200]
        ) from error
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    return Precision(chosen, bits)
