"""Limits of a process on its machine: memory, threads, priority."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

_SHARE = 0.8  # of the machine's memory, for all workers together
_CGROUP = Path("/sys/fs/cgroup/memory.max")
_MB = 1_000_000
_NICENESS = 10
# Arrow's setting: allocate as all else does. Its own allocator keeps 7 MB for each thread that ever
# wrote a table, for good: 460 MB of a web process with 64 threads, where this takes 57 MB.
ARROW_POOL = {"ARROW_DEFAULT_MEMORY_POOL": "system"}


def cap_memory(megabytes: int, workers: int) -> int:
    """Cap this process's memory; return the cap in MB.

    An allocation beyond it fails, which ends the job that needed it, not the machine. Should the
    machine run out all the same, Linux ends this process before any other.

    Args:
        megabytes: the cap; 0 takes this process's share of the machine.
        workers: processes that share the machine.
    """
    if not megabytes:
        megabytes = int(_SHARE * _machine_memory() / max(1, workers) / _MB)
    with contextlib.suppress(ValueError, OSError):  # a tighter limit stands already
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes * _MB, hard))
    with contextlib.suppress(OSError):  # no Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("900")
    return megabytes


def use_threads(count: int) -> None:
    """Set the threads of the numerical libraries; to be called before they are imported."""
    for name in (
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
    ):
        os.environ.setdefault(name, str(count))


def lower_priority() -> None:
    """Lower this process's priority, so that the web server's processes go first."""
    with contextlib.suppress(OSError, AttributeError):  # not allowed, or not Unix
        os.nice(_NICENESS)


def use_system_allocator() -> None:
    """Have Arrow allocate from the system; to be called before it is imported."""
    for name, value in ARROW_POOL.items():
        os.environ.setdefault(name, value)


def _machine_memory() -> int:
    """Return the memory of this machine, or of this container, in bytes."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no container, or "max"
        total = min(total, int(_CGROUP.read_text()))
    return total
