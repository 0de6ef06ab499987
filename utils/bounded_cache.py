"""A few things kept at hand, within a budget: what was put in first goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedCache(Generic[T]):
    """Things by key. Safe to share between threads.

    Args:
        budget: what all of them together may cost.
    """

    def __init__(self, budget: int) -> None:
        self._budget, self._spent = budget, 0
        self._things: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = Lock()

    def known(self, keys: Iterable[Hashable]) -> dict[Hashable, T]:
        """What is at hand of what is asked for."""
        with self._lock:
            return {key: self._things[key][0] for key in keys if key in self._things}

    def put(self, key: Hashable, thing: T, cost: int) -> None:
        """Keep a thing; others go, if it must be, or it is not kept itself."""
        with self._lock:
            if key in self._things:
                return
            self._things[key] = thing, cost
            self._spent += cost
            while self._spent > self._budget:
                self._spent -= self._things.popitem(last=False)[1][1]
