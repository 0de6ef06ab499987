"""A bound on the requests of one process that wait for the end of a job."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from utils.errors import Unavailable


class WaitingRequests:
    """Places for requests that wait for jobs; each holds a thread of the web server.

    Args:
        most: how many may wait at once (MAX_WAITING).
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._places = threading.BoundedSemaphore(most)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places while the context is open.

        Raises:
            Unavailable: all of them are held.
        """
        if not self._places.acquire(blocking=False):
            raise Unavailable(
                f"{self._most} requests are waiting for jobs here already (MAX_WAITING); try "
                'again when one has ended, or with "background": true.'
            )
        try:
            yield
        finally:
            self._places.release()
