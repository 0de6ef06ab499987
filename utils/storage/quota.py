"""The quota of a store: the bytes that its artifacts may take together, and those they take."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from utils.errors import TooLarge
from utils.storage.files import Files, listing

_MB = 1_000_000
_FRESH_FOR = 5.0  # seconds for which a measured size is used, plus what this process stores


class Quota(NamedTuple):
    """The bytes that all artifacts of a store may take together, and the setting of it."""

    setting: str
    megabytes: int


class StoredSize:
    """The bytes of a store's files, checked against its quota.

    Args:
        endings: of the names of the counted files.
        noun: what an artifact is called in messages.
        quota: None: as much as the disk has.
    """

    def __init__(
        self, files: Files, endings: tuple[str, ...], noun: str, quota: Quota | None
    ) -> None:
        self._files, self._endings, self._noun, self._quota = files, endings, noun, quota
        self._at, self._size = -math.inf, 0

    def size(self) -> int:
        """Return the bytes of all files, at most some seconds old.

        Raises:
            Unavailable: the location cannot be reached.
        """
        if time.monotonic() - self._at > _FRESH_FOR:
            with listing(self._noun):
                self._size = self._files.size(self._endings)
            self._at = time.monotonic()
        return self._size

    def expect(self, more: int = 1) -> None:
        """Refuse to store more bytes than the quota allows.

        Raises:
            TooLarge: the quota would be exceeded.
            Unavailable: the location cannot be reached.
        """
        if self._quota is None or self.size() + more <= self._quota.megabytes * _MB:
            return
        adding = f", and this one would add {more / _MB:,.1f} MB" if more > 1 else ""
        raise TooLarge(
            f"All {self._noun}s together may take at most {self._quota.megabytes:,} MB "
            f"({self._quota.setting}). They take {self.size() / _MB:,.1f} MB{adding}; delete some "
            "first."
        )

    def grew(self, by: int) -> None:
        """Add what was stored."""
        self._size += by

    def shrank(self) -> None:
        """Measure again at the next check."""
        self._at = -math.inf
