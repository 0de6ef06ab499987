"""Processor time and memory of processes of this machine, as Linux states them in /proc."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class ProcessFigures(NamedTuple):
    """Processor time since the start, in seconds, and memory that is held now, in bytes."""

    cpu_seconds: float
    memory_bytes: int


def figures(pid: int) -> ProcessFigures | None:
    """Return the figures of a process; None if it has ended, or elsewhere than on Linux."""
    try:
        fields = _stat(pid)
        pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    ticks = int(fields[11]) + int(fields[12])  # in user mode and in the system
    return ProcessFigures(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE"))


def siblings() -> list[int]:
    """Return this process and the others that its parent started by the same command."""
    own, parent = os.getpid(), os.getppid()
    try:
        command = (_PROC / str(own) / "cmdline").read_bytes()
    except OSError:
        return [own]
    return [own, *(pid for pid in _processes() if pid != own and _is(pid, parent, command))]


def _processes() -> list[int]:
    return [int(path.name) for path in _PROC.iterdir() if path.name.isdecimal()]


def _is(pid: int, parent: int, command: bytes) -> bool:
    """Return whether a process has this parent and this command."""
    try:
        same_parent = int(_stat(pid)[1]) == parent
        return same_parent and (_PROC / str(pid) / "cmdline").read_bytes() == command
    except (OSError, IndexError, ValueError):  # it has ended
        return False


def _stat(pid: int) -> list[str]:
    """The fields of a process's `stat` after its name, which may hold spaces."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
