"""Control groups of Linux, which limit the processes and threads of a service, as containers do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class ControlGroup:
    """A group whose processes and threads, together, can be limited."""

    folder: Path

    @property
    def prefix(self) -> tuple[str, ...]:
        """The command in front of one that is to run in the group."""
        return ("sh", "-c", f'echo $$ > {self.folder}/cgroup.procs; exec "$@"', "sh")

    @contextmanager
    def full(self) -> Iterator[None]:
        """No process and no thread can be started, for as long as the context lasts."""
        limit = self.folder / "pids.max"
        limit.write_text((self.folder / "pids.current").read_text())
        yield
        limit.write_text("max")


@contextmanager
def control_group() -> Iterator[ControlGroup]:
    """A new control group; its processes must have ended when the context does."""
    parent = _ROOT / "pids" if (_ROOT / "pids").is_dir() else _ROOT
    folder = parent / f"lstm-test-{uuid4()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"making a control group is not allowed here: {error}")
    try:
        if not os.access(folder / "pids.max", os.W_OK):
            pytest.skip("control groups do not limit processes here")
        yield ControlGroup(folder)
    finally:
        folder.rmdir()
