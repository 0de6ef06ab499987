"""What the things of a store may take together, and what they take."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from utils.errors import TooLarge
from utils.storage.files import Files, listing

_MB = 1_000_000
_HOLDS_FOR = 5.0  # seconds that a size is taken to hold, but for what is stored or deleted here


class Quota(NamedTuple):
    """What all things of a store may take together, and the setting that says so."""

    setting: str
    megabytes: int


class Measured:
    """The bytes of some files, beside the room that there is for them.

    Args:
        endings: of the names of the files.
        noun: what the files make, in messages.
        room: None: as much as the disk has.
    """

    def __init__(
        self, files: Files, endings: tuple[str, ...], noun: str, room: Quota | None
    ) -> None:
        self._files, self._endings, self._noun, self._room = files, endings, noun, room
        self._at, self._size = -math.inf, 0

    def size(self) -> int:
        """Bytes of all files, as they are or as they were some seconds ago.

        Raises:
            Unavailable: the location cannot be reached.
        """
        if time.monotonic() - self._at > _HOLDS_FOR:
            with listing(self._noun):
                self._size = self._files.size(self._endings)
            self._at = time.monotonic()
        return self._size

    def expect(self, more: int = 1) -> None:
        """Refuse to store more bytes than there is room for.

        Raises:
            TooLarge: they would take more than they may.
            Unavailable: the location cannot be reached.
        """
        if self._room is None or self.size() + more <= self._room.megabytes * _MB:
            return
        adding = f", and this one would add {more / _MB:,.1f} MB" if more > 1 else ""
        raise TooLarge(
            f"All {self._noun}s together may take at most {self._room.megabytes:,} MB "
            f"({self._room.setting}). They take {self.size() / _MB:,.1f} MB{adding}; delete some "
            "first."
        )

    def grew(self, by: int) -> None:
        """Take note of what was stored."""
        self._size += by

    def shrank(self) -> None:
        """Look afresh the next time."""
        self._at = -math.inf
