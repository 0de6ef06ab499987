"""Supervision of the processes of one machine: starts them, restarts them, stops them all."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from utils.logs import logger
from utils.settings import ROOT
from utils.shutdown import end_with_parent

log = logger("supervisor")

_INTERVAL = 0.2  # seconds between two looks at the programs
_PAUSES = (1.0, 10.0)  # seconds from one start to the next: at least, and at most
_STABLE_AFTER = 30.0  # seconds after which a program that ends counts as one that had worked
_READY_WITHIN = 30.0  # seconds after which the other programs start in any case
_CHILDREN_END_WITHIN = 2.0  # seconds that processes which outlived their parent have to end in
_AFTER_DRAIN = 5.0  # seconds beyond the drain, after which programs are killed


@dataclass
class Program:
    """A command to keep running, with all processes that it starts.

    Attributes:
        name: what log lines call it.
        command: program and arguments.
        environment: variables besides those of this process.
        vital: its failure stops all programs.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    vital: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = _PAUSES[0]
    ended_at: float | None = None

    def start(self) -> None:
        """Start it, in a process group of its own, so that a Ctrl-C reaches this process alone."""
        self.started, self.ended_at = time.monotonic(), None
        self.process = subprocess.Popen(  # noqa: S603  # nosec B603  # a program of the service
            self.command,
            env=os.environ | self.environment,
            cwd=ROOT,  # where gunicorn finds its configuration, wherever the service is started
            start_new_session=True,
            preexec_fn=end_with_parent,
        )

    @property
    def ended(self) -> bool:
        """True if it was started and is not running any more."""
        return self.process is not None and self.process.poll() is not None

    @property
    def killed(self) -> bool:
        """True if a signal ended it: an operator's, or the kernel's for want of memory."""
        return self.process is not None and (self.process.poll() or 0) < 0

    def restart(self) -> None:
        """Start it again once its pause is over; the pause grows while it fails by itself."""
        least, most = _PAUSES
        now = time.monotonic()
        self.ended_at = self.ended_at or now
        lived = now - self.started
        if lived < self.pause or (
            now - self.ended_at < _CHILDREN_END_WITHIN and self._signal_group(0)
        ):
            return
        stable = self.killed or lived > _STABLE_AFTER
        self.pause = least if stable else min(most, 2 * self.pause)
        log.warning("restarting", program=self.name)
        self._signal_group(signal.SIGKILL)  # a child that outlived it may hold the port
        self.start()

    def terminate(self) -> None:
        """Tell it to stop, if it was started."""
        if self.process is not None:
            self.process.terminate()

    def stop(self, deadline: float) -> None:
        """Wait for its end until a deadline, then kill what is left of it.

        Args:
            deadline: a time of `time.monotonic`.
        """
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("killing", program=self.name)
        self._signal_group(signal.SIGKILL)
        self.process.wait()

    def _signal_group(self, number: int) -> bool:
        """Signal it and the processes that it started; return False if there are none."""
        if self.process is None:
            return False
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):  # on macOS, of one that has just ended
            return False
        return True


def run(
    programs: list[Program], is_ready: Callable[[], bool] = lambda: True, drain: float = 0.0
) -> int:
    """Run programs until SIGTERM, Ctrl-C, or the failure of a vital one; return an exit code.

    Args:
        programs: the vital ones start first.
        is_ready: asked repeatedly; the other programs start once it returns True.
        drain: seconds that programs have to finish their requests when they are stopped.
    """
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    for program in programs:
        if program.vital:
            program.start()
    waiting = [program for program in programs if not program.vital]
    ready, ready_by = False, time.monotonic() + _READY_WITHIN
    code = 0
    while not stopping:
        failed = next((p for p in programs if p.vital and p.ended and not p.killed), None)
        if failed is not None and failed.process is not None:
            code = failed.process.returncode
            break
        if not ready and (is_ready() or time.monotonic() > ready_by):
            ready = True
            for program in waiting:
                program.start()
        for program in programs:
            if program.ended:
                program.restart()
        time.sleep(_INTERVAL)
    _stop(programs, drain + _AFTER_DRAIN)
    return code


def _stop(programs: list[Program], seconds: float) -> None:
    for program in programs:
        program.terminate()
    deadline = time.monotonic() + seconds
    for program in programs:
        program.stop(deadline)
