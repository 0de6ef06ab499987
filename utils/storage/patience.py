"""Patience with a database that may hang: operations end in time, and few threads wait for it.

A server that is stopped, or behind a broken network, accepts connections and never answers. No
timeout of the server helps then, so an operation that lasts too long has its connections shut down
here, which its driver reports as an error. While the database is suspected, one operation at a time
tries it and all others are refused at once (the circuit breaker of M. Nygard, "Release It!", 2007).
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from utils.errors import Unavailable

LONGEST = 4.0  # seconds that an operation may last
_WAIT = 0.25  # seconds to wait for a place
_SUSPICIOUS = 1.0  # seconds after which an operation that fails makes the database suspected
_RETRY_AFTER = 1.0  # seconds from a failure to the next attempt
_WATCH_EVERY = 0.25  # seconds between two looks at the running operations


class Patience:
    """The operations of one engine that run now. Safe to share between threads.

    Args:
        engine: of PostgreSQL or SQLite; only connections with a socket can be shut down.
        places: operations that may run at once.
    """

    def __init__(self, engine: sa.Engine, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._lock = threading.Lock()
        self._running: dict[int, float] = {}  # thread → when its operation began
        self._connections: set[Any] = set()
        self._failed_at: float | None = None  # of the last operation, if it failed
        self._is_trying = False
        self._watched = False
        sa.event.listen(engine, "connect", self._on_connect)
        sa.event.listen(engine, "close", self._on_close)

    def _on_connect(self, connection: Any, _record: object) -> None:
        with self._lock:
            self._connections.add(connection)

    def _on_close(self, connection: Any, _record: object) -> None:
        with self._lock:
            self._connections.discard(connection)

    @contextlib.contextmanager
    def operation(self) -> Iterator[None]:
        """Hold a place for the operation of this thread while the context is open.

        Raises:
            Unavailable: the database failed a moment ago, or all places are taken.
        """
        thread = threading.get_ident()
        if thread in self._running:  # a part of an operation
            yield
            return
        is_attempt = self._enter(thread)
        failed = True
        try:
            yield
            failed = False
        finally:
            self._leave(thread, is_attempt, failed)

    def _enter(self, thread: int) -> bool:
        with self._lock:
            is_attempt = self._failed_at is not None
            if is_attempt:
                waits = time.monotonic() - (self._failed_at or 0.0) < _RETRY_AFTER
                if waits or self._is_trying:
                    raise _unavailable()
                self._is_trying = True
        if not self._places.acquire(timeout=_WAIT):
            with self._lock:
                self._is_trying = self._is_trying and not is_attempt
            raise _unavailable()
        with self._lock:
            self._running[thread] = time.monotonic()
            if not self._watched:
                self._watched = True
                threading.Thread(target=self._watch, name="database-watch", daemon=True).start()
        return is_attempt

    def _leave(self, thread: int, is_attempt: bool, failed: bool) -> None:
        with self._lock:
            lasted = time.monotonic() - self._running.pop(thread)
            if is_attempt:
                self._is_trying = False
            if failed and lasted >= _SUSPICIOUS:
                self._failed_at = time.monotonic()
            elif is_attempt or not failed:
                self._failed_at = None
        self._places.release()

    def _watch(self) -> None:
        """Shut the connections down while an operation is late; ends where none runs."""
        while True:
            time.sleep(_WATCH_EVERY)
            with self._lock:
                if not self._running:
                    self._watched = False
                    return
                late = time.monotonic() - min(self._running.values()) > LONGEST
                connections = list(self._connections) if late else []
            for connection in connections:
                _shut_down(connection)


def _unavailable() -> Unavailable:
    return Unavailable("The database does not answer.", retry_after=2)


def _shut_down(connection: Any) -> None:
    """End a connection's socket under its driver, which notices at once."""
    with (
        contextlib.suppress(Exception),  # it has no socket, or is just being closed
        socket.socket(fileno=os.dup(connection.fileno())) as duplicate,
    ):
        duplicate.shutdown(socket.SHUT_RDWR)
