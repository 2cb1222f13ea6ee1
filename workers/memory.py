"""How much memory this process holds, and how much more it may take.

A photo that needs more is refused, before the system has to end a process of its own choice, which
may be the database.
"""

from __future__ import annotations

import logging
import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")

log = logging.getLogger(__name__)


def held(field: str = "VmRSS") -> int | None:
    """Bytes by a field of /proc/self/status (proc(5)): VmRSS is what is in memory, VmData what was
    asked for. None where there is no such file (macOS)."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    found = next((line.split() for line in lines if line.startswith(f"{field}:")), None)
    return int(found[1]) * 1024 if found else None


def held_on_gpu() -> int | None:
    """Bytes that torch has reserved on the GPU; None where this process uses none."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    return int(torch.cuda.memory_reserved())


def limit(more: int) -> None:
    """From here on this process may ask for so many bytes more; a request beyond is a MemoryError.

    RLIMIT_DATA counts private writable memory (setrlimit(2)), not the address space, which models
    and their libraries reserve by the gigabyte without using it. Called again, it counts from what
    is held then, so models that are loaded later do not use up the allowance.
    """
    data = held("VmData")
    if data is None or more <= 0:
        return
    _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = data + more
    if hard != resource.RLIM_INFINITY:
        allowed = min(allowed, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))
    log.info("May take %s MB more memory than now", more // 2**20)
