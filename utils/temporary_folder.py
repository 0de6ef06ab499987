"""A temporary folder of this process alone, and the removal of those of processes that were killed.

TensorFlow writes generated code into the temporary folder, and a killed process leaves it there.
The owner of a folder holds a lock on a file in it, which the system releases when the process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_LOCK = "owner"


def use_own(prefix: str) -> Path:
    """Have Python's `tempfile` use a new folder; remove those of the prefix without an owner.

    Args:
        prefix: that the folders of one kind of process begin with.
    """
    above = Path(tempfile.gettempdir())
    for left_behind in above.glob(f"{prefix}*"):
        if not _is_owned(left_behind):
            shutil.rmtree(left_behind, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=above))
    lock = os.open(folder / _LOCK, os.O_WRONLY | os.O_CREAT, 0o600)  # open until the process ends
    fcntl.flock(lock, fcntl.LOCK_EX)
    tempfile.tempdir = str(folder)
    return folder


def _is_owned(folder: Path) -> bool:
    """Return whether a living process holds the lock of a folder, or may be about to."""
    with contextlib.suppress(OSError), (folder / _LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    return True
