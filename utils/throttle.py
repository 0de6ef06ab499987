"""Turns at work that costs a processor: one at a time, and sparingly once it was in vain."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from utils.errors import Unavailable

_LINE = 4  # threads that may wait for a turn while the work is in vain
_WARY_FOR = 1.0  # seconds after work in vain
_REST = 4  # work in vain is followed by a pause this many times as long


class Throttle:
    """Turns of a process. Safe to share between threads.

    Work that somebody asks for again and again, always in vain, takes a fifth of a processor and
    holds a few threads. As long as it is not in vain, any number may wait.
    """

    def __init__(self) -> None:
        self._working = threading.Lock()
        self._line = threading.BoundedSemaphore(_LINE)
        self._wary_until = self._rests_until = float("-inf")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and have it.

        Raises:
            Unavailable: there is too much in vain to wait for.
        """
        has_place = self._line.acquire(blocking=False)
        try:
            self._expect(has_place)
            with self._working:
                self._expect(has_place)  # it may have turned out so while this one waited
                time.sleep(max(0.0, self._rests_until - time.monotonic()))
                yield
        finally:
            if has_place:
                self._line.release()

    def was_in_vain(self, seconds: float) -> None:
        """State, within a turn, that its work was in vain, and how long it took."""
        now = time.monotonic()
        self._wary_until, self._rests_until = now + _WARY_FOR, now + _REST * seconds

    def _expect(self, has_place: bool) -> None:
        if not has_place and time.monotonic() < self._wary_until:
            raise Unavailable("Too many wrong keys are being checked now.", retry_after=1)
