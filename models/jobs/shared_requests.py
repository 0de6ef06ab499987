"""Equal requests that come at the same moment, to any web process: they share one id.

Example: three posts of the same training find the id that the first of them recorded, and each
submits the job of that id; the job engine keeps one.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from utils.storage.database import answering, make_tables

_METADATA = sa.MetaData()
_REQUESTS = sa.Table(
    "shared_requests",
    _METADATA,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("shared_id", sa.String(36), nullable=False),  # of the job, or of the group of jobs
)


class SharedRequests:
    """The ids that requests in progress share, by fingerprint.

    Every method raises Unavailable if the database does not answer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def claim(self, fingerprint: str, new_id: str, is_over: Callable[[str], bool]) -> str:
        """Return the id of the requests with a fingerprint that are in progress.

        Args:
            new_id: their id where none is in progress.
            is_over: id → True if the work of that id has ended.
        """
        make_tables(self._engine, _METADATA)
        mine = _REQUESTS.c.fingerprint == fingerprint
        row = {"fingerprint": fingerprint, "shared_id": new_id}
        # SQLite writes ON CONFLICT as PostgreSQL does.
        first = postgresql.insert(_REQUESTS).values(**row).on_conflict_do_nothing()
        while True:
            with answering(self._engine), self._engine.begin() as connection:
                connection.execute(first)
                known = connection.scalar(sa.select(_REQUESTS.c.shared_id).where(mine))
            if known == new_id or (known is not None and not is_over(known)):
                return known
            if known is not None:
                self.release(fingerprint, known)

    def release(self, fingerprint: str, shared_id: str) -> None:
        """Forget an id, unless others with the fingerprint have a later one."""
        mine = _REQUESTS.c.fingerprint == fingerprint, _REQUESTS.c.shared_id == shared_id
        with answering(self._engine), self._engine.begin() as connection:
            connection.execute(_REQUESTS.delete().where(*mine))
