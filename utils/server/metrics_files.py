"""The files in which a web process counts, for the metrics library, which maps them into memory.

Where a page of a mapped file finds no room on its disk (`/dev/shm` of a container has 64 MB), the
system kills the process that writes to it. So the files get their room at the start of a process;
without room it counts for itself alone.
"""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path

# Bytes by kind: some 500 combinations of endpoint, method and status, each with 200 bytes, of the
# histogram 150 with 17 buckets.
_SIZES = {"counter": 1 << 19, "histogram": 1 << 20, "gauge_livesum": 1 << 14}


def reserve(folder: Path, pid: int) -> bool:
    """Make the files of a process with room for all figures; return False if there is none."""
    try:
        for path, size in _files(folder, pid).items():
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(handle, 0, size)
            finally:
                os.close(handle)
    except OSError:
        for path in _files(folder, pid):
            path.unlink(missing_ok=True)
        return False
    return True


def shrink(folder: Path, pid: int) -> None:
    """Give back the room that a process which has ended did not need; its figures stay."""
    for path in _files(folder, pid):
        with contextlib.suppress(OSError), path.open("r+b") as file:
            (used,) = struct.unpack("=i", file.read(4))  # the library's own first field
            file.truncate(max(used, 8))


def _files(folder: Path, pid: int) -> dict[Path, int]:
    """The files of a process, as the library names them, and their sizes."""
    return {folder / f"{kind}_{pid}.db": size for kind, size in _SIZES.items()}
