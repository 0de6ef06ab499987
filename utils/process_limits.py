"""Limits of a process on its machine: memory, descriptors, threads, priority."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from pathlib import Path

# Of the machine's memory, for all processes of a kind together.
_SHARE, WEB_SHARE = 0.8, 0.5
_CGROUP = Path("/sys/fs/cgroup/memory.max")
_MB = 1_000_000
_LEAST_MB = 500  # a web process reserves up to 390 of it before any request
_NICENESS = 10
_MOST_DESCRIPTORS = 65_536
_MOST_CONNECTIONS = 1000  # of one web process
_OTHER_DESCRIPTORS = 64  # database, listeners, libraries
# Arrow's setting: allocate as all else does. Its own allocator keeps 7 MB for each thread that ever
# wrote a table, for good: 460 MB of a web process with 64 threads, where this takes 57 MB.
ARROW_POOL = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
_M_ARENA_MAX, _HEAPS = -8, 2  # of mallopt(3)


def cap_memory(megabytes: int, processes: int, share: float = _SHARE) -> int:
    """Cap this process's memory; return the cap in MB.

    An allocation beyond it fails, which ends what needed it, not the machine.

    Args:
        megabytes: the cap; 0 takes this process's part of the share, and 500 at least.
        processes: processes that have the share together.
        share: of the machine's memory.
    """
    if not megabytes:
        part = int(share * _machine_memory() / max(1, processes) / _MB)
        megabytes = max(_LEAST_MB, part)
    with contextlib.suppress(ValueError, OSError):  # a tighter limit stands already
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes * _MB, hard))
    return megabytes


def be_ended_first() -> None:
    """Have Linux end this process before any other, should the machine run out of memory."""
    with contextlib.suppress(OSError):  # no Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("900")


def raise_descriptors() -> int:
    """Let this process have as many open files as it may; return the number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return most if soft == resource.RLIM_INFINITY else soft


def connections(descriptors: int, threads: int) -> int:
    """Return how many connections a web process may hold.

    A request may open a file beside its connection. There are always more connections than
    threads, else the server would keep none open between two requests.

    Args:
        descriptors: files that the process may have open.
        threads: requests that it answers at once.
    """
    left = descriptors - _OTHER_DESCRIPTORS - threads
    return max(threads + 1, min(_MOST_CONNECTIONS, left))


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


def share_heaps() -> None:
    """Have all threads share two heaps, where the C library can.

    glibc makes a heap for nearly each thread. What one has freed no other takes, and it counts
    against the cap: after 20 uploads of 4.6 MB, five at a time, 1,040 MB in place of 650.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_M_ARENA_MAX, _HEAPS)


def _machine_memory() -> int:
    """Return the memory of this machine, or of this container, in bytes."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no container, or "max"
        total = min(total, int(_CGROUP.read_text()))
    return total
