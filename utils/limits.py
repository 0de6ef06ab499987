"""How much memory a training worker may use, so that one job too large fails alone."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

_SHARE = 0.8  # of the machine's memory, for all workers together
_CGROUP = Path("/sys/fs/cgroup/memory.max")
_MB = 1_000_000


def cap_memory(megabytes: int, workers: int) -> int:
    """Cap this process's memory; returns the cap in MB.

    An allocation beyond it fails, which ends the job that asked for it, not the machine. Should
    the machine run out all the same, Linux is told to end this process before any other.

    Args:
        megabytes: the cap; 0 takes this process's share of the machine.
        workers: processes that share the machine.
    """
    if not megabytes:
        megabytes = int(_SHARE * _machine() / max(1, workers) / _MB)
    with contextlib.suppress(ValueError, OSError):  # a tighter limit stands already
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes * _MB, hard))
    with contextlib.suppress(OSError):  # no Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("900")
    return megabytes


def _machine() -> int:
    """Bytes of memory that this machine, or this container, has."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no container, or "max"
        total = min(total, int(_CGROUP.read_text()))
    return total
