"""Small file systems, and what fills them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int, inodes: int = 10_000) -> Iterator[Path]:
    """A file system of its own that is soon full."""
    folder.mkdir()
    size = f"size={megabytes}m,nr_inodes={inodes}"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting a file system is not allowed here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """No space left on a disk, for as long as the context lasts."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"x" * 4096)
    yield
    ballast.unlink()


@contextmanager
def without_inodes(disk: Path) -> Iterator[None]:
    """No file or folder can be made on a disk, for as long as the context lasts."""
    ballast = disk / "ballast"
    ballast.mkdir()
    with pytest.raises(OSError, match="No space left"):
        for number in range(1_000_000):
            (ballast / str(number)).touch()
    yield
    shutil.rmtree(ballast)


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Nothing can be written to a disk, for as long as the context lasts."""
    folder = str(disk)
    # Over it, a view of itself: what is open for writing forbids to make the disk itself read-only.
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    yield
    subprocess.run(["umount", "-l", folder], check=True)
