"""Runs the processes of one machine together: starts them, restarts workers, stops them all."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from utils.logs import logger
from utils.settings import ROOT

log = logger("supervisor")

_LOOK_EVERY = 0.2  # seconds
_PAUSES = (1.0, 10.0)  # seconds from one start to the next: at least, and at most
_WELL = 30.0  # seconds after which a program that ends is one that had worked
_AFTER_DRAIN = 5.0  # seconds beside those that requests have to end in; then what is left is killed
_PR_SET_PDEATHSIG = 1


@dataclass
class Program:
    """A command to keep running; a `vital` one that cannot takes the others down with it."""

    name: str
    command: list[str]
    environment: dict[str, str]
    vital: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = _PAUSES[0]

    def start(self) -> None:
        """Start it, in a group of its own, so that a Ctrl-C reaches it through us alone."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  # nosec B603  # our own programs
            self.command,
            env=os.environ | self.environment,
            cwd=ROOT,  # where gunicorn finds its configuration, wherever the service is started
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )

    @property
    def ended(self) -> bool:
        """Whether it was started and is not running any more."""
        return self.process is not None and self.process.poll() is not None

    @property
    def killed(self) -> bool:
        """Whether it was ended by a signal: by somebody, or for want of memory."""
        return self.process is not None and (self.process.poll() or 0) < 0

    def restart(self) -> None:
        """Start it again, once its time has come: later and later while it fails by itself."""
        least, most = _PAUSES
        lived = time.monotonic() - self.started
        if lived < self.pause:
            return
        self.pause = least if self.killed or lived > _WELL else min(most, 2 * self.pause)
        log.warning("restarting", program=self.name)
        self.start()


def _end_with_parent() -> None:
    """Have Linux stop a child whose parent was killed without a chance to do so."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def run(
    programs: list[Program], on_start: Callable[[], None] = lambda: None, drain: float = 0.0
) -> int:
    """Run programs until SIGTERM, Ctrl-C, or the failure of a vital one; returns an exit code.

    Args:
        drain: seconds that the programs have for what they are at when they are stopped.
    """
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    for program in programs:
        if program.vital:
            program.start()
    # The others get the machine once the vital ones are up: people wait for those.
    on_start()
    for program in programs:
        if not program.vital and not stopping:
            program.start()
    code = 0
    while not stopping:
        vital = next((p for p in programs if p.vital and p.ended and not p.killed), None)
        if vital is not None:
            code = vital.process.returncode if vital.process else 1
            break
        for program in programs:
            if program.ended:
                program.restart()
        time.sleep(_LOOK_EVERY)
    _stop(programs, drain + _AFTER_DRAIN)
    return code


def _stop(programs: list[Program], seconds: float) -> None:
    running = [p.process for p in programs if p.process is not None and not p.ended]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + seconds
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("killing", pid=process.pid)
            process.kill()
            process.wait()
