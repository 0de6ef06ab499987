"""A guard that ends what a test run started and left running, however the run ended.

Every process of a run inherits the run's id in its environment. The guard is a process of its own
that waits for the end of pytest (also by SIGKILL: its standard input is closed then), and ends
whatever still carries the id. It reads `/proc`: elsewhere than on Linux it finds nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

VARIABLE = "LSTM_TEST_RUN"
_STOP_WITHIN = 8.0  # seconds from SIGTERM to SIGKILL


def carrying(run_id: str) -> dict[int, str]:
    """Return the command line of every running process that a run started, by process id."""
    mark = f"{VARIABLE}={run_id}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()  # empty for a zombie
            if mark in environment.split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(folder.name)] = command.decode(errors="replace").strip()
        except OSError:  # it has ended, or belongs to somebody else
            continue
    return found


class Guard:
    """The guard of a run, seen from pytest's first process."""

    def __init__(self) -> None:
        self._run_id = os.environ[VARIABLE] = str(uuid4())
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__, self._run_id],
            stdin=subprocess.PIPE,
            env={},  # does not carry the id itself
            start_new_session=True,  # a Ctrl-C does not reach it
        )

    def leftovers(self) -> list[str]:
        """Return the command lines of what still runs besides this process."""
        return [command for pid, command in carrying(self._run_id).items() if pid != os.getpid()]

    def finish(self) -> None:
        """Have the guard end the leftovers, and wait until it has."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def end(run_id: str) -> None:
    """End all processes of a run: with SIGTERM, then with SIGKILL."""
    signalled: set[int] = set()
    deadline = time.monotonic() + _STOP_WITHIN
    while left := carrying(run_id).keys():
        late = time.monotonic() > deadline
        for pid in left if late else left - signalled:
            try:
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
            except ProcessLookupError:  # it has just ended
                continue
        signalled |= left
        time.sleep(0.1)


if __name__ == "__main__":
    sys.stdin.buffer.read()  # until pytest has ended
    end(sys.argv[1])
