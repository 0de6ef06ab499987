"""The page of a list that a query asks for, as an index selects it."""

from __future__ import annotations

from utils.api.paging import PageQuery
from utils.storage.artifact_index import Selection


def selection(query: PageQuery) -> Selection:
    """Return the selection of a query.

    Raises:
        InvalidInput: its cursor is not one of this list in this order.
    """
    return Selection(
        limit=query.limit,
        by="created_at" if query.sort_field == "created_at" else "number",
        descending=query.descending,
        after=query.after,
        search=query.q,
    )
