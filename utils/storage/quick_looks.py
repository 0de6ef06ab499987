"""Looks at a store that nobody waits for long: forecasts go on with what was seen before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.25  # for which a look is waited for
_LOOKS = 8  # at once


class QuickLooks:
    """Looks at one store. Safe to share between threads.

    A look that is late goes on by itself. Nobody waits for another one before it has ended.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKS, "look")
        self._late: Future[Any] | None = None

    def look(self, read: Callable[[], T]) -> T:
        """Return what a function reads from the store.

        Raises:
            TimeoutError: it takes long, or one that took long has not ended.
        """
        if self._late is not None and not self._late.done():
            raise TimeoutError
        begun = self._threads.submit(read)
        try:
            return begun.result(_LOOK_SECONDS)
        except TimeoutError:
            self._late = begun
            raise
