"""A cache in memory of limited size: what was used last stays.

>>> cache = BoundedCache[str, str](8)
>>> [cache.get(word, lambda: word.upper(), len) for word in ("four", "five", "four", "nine")]
['FOUR', 'FIVE', 'FOUR', 'NINE']
>>> sorted(cache.keys())
['four', 'nine']
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """Values by key. Safe to share between threads; two may make a value at the same time.

    Args:
        capacity: sum of the sizes of all values; larger ones are not kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity, self._size, self._lock = capacity, 0, Lock()
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def keys(self) -> set[K]:
        """Return the keys of the values that are kept."""
        with self._lock:
            return set(self._kept)

    def get(self, key: K, make: Callable[[], V], size_of: Callable[[V], int]) -> V:
        """Return the value of a key, made if it is not kept.

        Args:
            make: returns the value.
            size_of: returns the size of a value.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        value = make()
        self._keep(key, value, size_of(value))
        return value

    def _keep(self, key: K, value: V, size: int) -> None:
        if size > self._capacity:
            return
        with self._lock:
            self._size += size - self._kept.pop(key, (value, 0))[1]
            self._kept[key] = value, size
            while self._size > self._capacity:
                self._size -= self._kept.popitem(last=False)[1][1]
