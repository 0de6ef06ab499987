"""Whether this process is about to end, for all that would keep it waiting."""

from __future__ import annotations

import time

_LAST_WORDS = 2.0  # seconds before the end, in which those who still wait are answered


class Drain:
    """The time that a process which was asked to end has for what it is at."""

    def __init__(self) -> None:
        self._until: float | None = None

    def begin(self, seconds: float) -> None:
        """Start the time; harmless if it runs."""
        if self._until is None:
            self._until = time.monotonic() + seconds

    @property
    def begun(self) -> bool:
        """Whether the process was asked to end."""
        return self._until is not None

    @property
    def ending(self) -> bool:
        """Whether the time is all but over."""
        return self._until is not None and time.monotonic() > self._until - _LAST_WORDS


DRAIN = Drain()  # of this process
