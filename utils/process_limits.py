"""What a training worker may take of its machine: memory, threads, its turn on the processors."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from pathlib import Path

_SHARE = 0.8  # of the machine's memory, for all workers together
_CGROUP = Path("/sys/fs/cgroup/memory.max")
_MB = 1_000_000
_NICENESS = 10
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # glibc's M_MMAP_THRESHOLD and M_ARENA_MAX
ON_THE_HEAP = {"ARROW_DEFAULT_MEMORY_POOL": "system"}  # the environment of `use_the_heap`
_LARGE = 8 << 20  # bytes; more than what a batch is made of, which is to stay in the heap


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


def use_threads(count: int) -> None:
    """Have the numerical libraries use so many threads; to be called before they are imported."""
    for name in (
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
    ):
        os.environ.setdefault(name, str(count))


def give_way() -> None:
    """Let processes that somebody waits for, the web server's, go before this one."""
    with contextlib.suppress(OSError, AttributeError):  # not allowed, or not Unix
        os.nice(_NICENESS)


def share_the_heap() -> None:
    """Have glibc's threads share one heap: by itself it keeps eight a processor, full of holes."""
    _mallopt(_ARENA_MAX, 1)


def use_the_heap() -> None:
    """Have Arrow allocate as all else does; to be called before it is imported.

    Its own allocator keeps some 7 MB of each thread that ever wrote a table, as long as the thread
    is there: of a web process, for good. `pyarrow.set_memory_pool` does not reach its writer.
    """
    for name, value in ON_THE_HEAP.items():
        os.environ.setdefault(name, value)


def return_large_arrays() -> None:
    """Have glibc give the memory of large arrays back as they go.

    By itself it learns from the first one that goes to keep all the others, in a heap full of
    holes: a training on a million rows would take twice the memory that it needs.
    """
    _mallopt(_MMAP_THRESHOLD, _LARGE)


def _mallopt(parameter: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(parameter, value)


def _machine() -> int:
    """Bytes of memory that this machine, or this container, has."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no container, or "max"
        total = min(total, int(_CGROUP.read_text()))
    return total
