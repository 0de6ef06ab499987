"""Looks at a store that nobody waits for long: forecasts go on with what was seen before."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.4  # for which a look is waited for
_PAUSE = 1.0  # seconds after a late one in which none is begun
_LOOKS = 8  # at once


class QuickLooks:
    """Looks at one store. Safe to share between threads; a look that is late goes on by itself."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKS, "look")
        self._late_at = -_PAUSE

    def look(self, read: Callable[[], T]) -> T:
        """Return what a function reads from the store.

        Raises:
            TimeoutError: it takes long, or another look just did.
        """
        if time.monotonic() - self._late_at < _PAUSE:
            raise TimeoutError
        try:
            return self._threads.submit(read).result(_LOOK_SECONDS)
        except TimeoutError:
            self._late_at = time.monotonic()
            raise
