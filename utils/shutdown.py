"""The end of a process: the time that its requests have left, and the end of its parent."""

from __future__ import annotations

import ctypes
import signal
import sys
import time
from types import FrameType

_LAST_SECONDS = 2.0  # before the end, in which requests that still wait are answered
_PR_SET_PDEATHSIG = 1


class Drain:
    """The time that a stopping process has for the requests in it.

    >>> drain = Drain()
    >>> drain.begun
    False
    >>> drain.begin(seconds=25)
    >>> drain.begun, drain.ending
    (True, False)
    """

    def __init__(self) -> None:
        self._until: float | None = None

    def begin(self, seconds: float) -> None:
        """Start the time; without effect if it runs."""
        if self._until is None:
            self._until = time.monotonic() + seconds

    def begin_on_sigterm(self, seconds: float) -> None:
        """Start the time when SIGTERM arrives, before the handler that is installed now runs."""
        installed = signal.getsignal(signal.SIGTERM)

        def handle(number: int, frame: FrameType | None) -> None:
            self.begin(seconds)
            if callable(installed):
                installed(number, frame)

        signal.signal(signal.SIGTERM, handle)
        signal.siginterrupt(signal.SIGTERM, False)

    @property
    def begun(self) -> bool:
        """True once the process was asked to stop."""
        return self._until is not None

    @property
    def ending(self) -> bool:
        """True once the time is all but over."""
        return self._until is not None and time.monotonic() > self._until - _LAST_SECONDS


DRAIN = Drain()  # of this process


def end_with_parent() -> None:
    """Have Linux send this process SIGTERM when its parent is killed; elsewhere: nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
