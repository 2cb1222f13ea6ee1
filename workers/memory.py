"""How much memory this process holds, and how much more it may take.

A photo that needs more is refused, before the system has to end a process of its own choice, which
may be the database.
"""

from __future__ import annotations

import logging
import resource
import sys

import psutil

log = logging.getLogger(__name__)


def held() -> int:
    """Bytes of this process that are in memory."""
    return int(psutil.Process().memory_info().rss)


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
    if more <= 0 or not psutil.LINUX:
        return
    _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = psutil.Process().memory_info().data + more
    if hard != resource.RLIM_INFINITY:
        allowed = min(allowed, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))
    log.info("May take %s MB more memory than now", more // 2**20)
