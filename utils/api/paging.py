"""Pages of lists: the query fields that all of them take, and the cursor of the next page."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson
from pydantic import Field

from utils.api.parsing import Int, Request
from utils.errors import InvalidInput

Place = tuple[Any, str]  # the value that an entry is sorted by, and its id


class PageQuery(Request):
    """A page of a list. Subclasses say which values `sort` may have; `-`: the largest first."""

    limit: Int = Field(100, ge=1, le=1000, description="entries at most")
    cursor: str | None = Field(
        None, max_length=2000, description="`next_cursor` of the page before; absent: the first"
    )
    q: str | None = Field(
        None, min_length=1, max_length=200, description="only entries that contain this text"
    )
    sort: str

    @property
    def descending(self) -> bool:
        """True for the largest first."""
        return self.sort.startswith("-")

    @property
    def sort_field(self) -> str:
        """The field that the entries are sorted by."""
        return self.sort.removeprefix("-")

    @property
    def after(self) -> Place | None:
        """The last entry of the page before; None: this is the first page.

        Raises:
            InvalidInput: the cursor is not one of this list in this order.
        """
        if self.cursor is None:
            return None
        try:
            sort, value, id = orjson.loads(base64.urlsafe_b64decode(self.cursor.encode()))
        except (binascii.Error, ValueError, TypeError):
            sort = value = id = None
        kinds = str if self._sort_is_text else (int, float)
        if sort != self.sort or not isinstance(value, kinds) or not isinstance(id, str):
            rule = "must be the `next_cursor` of a page in the same order"
            raise InvalidInput.of("cursor", rule, self.cursor)
        return value, id

    def cursor_after(self, last: Place | None) -> str | None:
        """Return the cursor of the page after an entry; None if it is the last one."""
        if last is None:
            return None
        return base64.urlsafe_b64encode(orjson.dumps([self.sort, *last])).decode()

    @property
    def _sort_is_text(self) -> bool:
        return self.sort_field == "created_at"
