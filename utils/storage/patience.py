"""Patience with a database or a store that may hang: few threads wait for it, and not for long.

A server that is stopped, or behind a broken network, accepts connections and never answers. Once an
operation has failed after a while, the server is suspected, and operations are refused at once
until it has answered again (the circuit breaker of M. Nygard, "Release It!", 2007).
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from utils.errors import Unavailable

LONGEST = 2.5  # seconds that an operation may last; a connection that is made anew adds two
_WAIT = 0.25  # seconds to wait for a place
_SUSPICIOUS = 1.0  # seconds after which an operation that fails makes the server suspected
_RETRY_AFTER = 1.0  # seconds from a failure to the next attempt
_WITHOUT_PROBE = 10.0  # the same, where a probe asks meanwhile: it may hang itself
_WATCH_EVERY = 0.25  # seconds between two looks at the running operations
_WATCH_ON = 600.0  # seconds without an operation after which nobody looks any more


class Patience:
    """The operations on one server that run now. Safe to share between threads.

    Args:
        name: of the server, in sentences.
        places: operations that may run at once.
        probe: asks the server for something, and raises an error where it does not answer. Without
            it, one operation at a time tries a server that is suspected, after a second; with it,
            a thread does, and operations only after ten.
    """

    def __init__(self, name: str, places: int, probe: Callable[[], object] | None = None) -> None:
        self._name, self._probe = name, probe
        self._places = threading.BoundedSemaphore(places)
        self._lock = threading.Lock()
        self._running: dict[int, float] = {}  # thread → when its operation began
        self._failed_at: float | None = None  # of the last operation, if it failed
        self._is_trying = self._is_probing = False

    @contextlib.contextmanager
    def operation(self, *answers: type[Exception]) -> Iterator[None]:
        """Hold a place for the operation of this thread while the context is open.

        Args:
            answers: errors that are answers of the server, however late.

        Raises:
            Unavailable: the server failed a moment ago, or all places are taken.
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
        except answers:
            failed = False
            raise
        finally:
            self._leave(thread, is_attempt, failed)

    def _enter(self, thread: int) -> bool:
        with self._lock:
            is_attempt = self._failed_at is not None
            if is_attempt:
                pause = _RETRY_AFTER if self._probe is None else _WITHOUT_PROBE
                waits = time.monotonic() - (self._failed_at or 0.0) < pause
                if waits or self._is_trying:
                    raise self._unavailable()
                self._is_trying = True
        if not self._places.acquire(timeout=_WAIT):
            with self._lock:
                self._is_trying = self._is_trying and not is_attempt
            raise self._unavailable()
        with self._lock:
            self._running[thread] = time.monotonic()
            self._on_enter()
        return is_attempt

    def _on_enter(self) -> None:
        """Note, with the lock held, that an operation runs."""

    def _leave(self, thread: int, is_attempt: bool, failed: bool) -> None:
        with self._lock:
            lasted = time.monotonic() - self._running.pop(thread)
            if is_attempt:
                self._is_trying = False
            if failed and lasted >= _SUSPICIOUS:
                self._failed_at = time.monotonic()
                self._begin_to_probe()
            elif is_attempt or not failed:
                self._failed_at = None
        self._places.release()

    def _begin_to_probe(self) -> None:
        if self._probe is not None and not self._is_probing:
            threading.Thread(target=self._keep_probing, name="probe", daemon=True).start()
            self._is_probing = True

    def _keep_probing(self) -> None:
        try:
            while not self._is_answered():
                time.sleep(_RETRY_AFTER)
            with self._lock:
                self._failed_at = None
        finally:
            self._is_probing = False

    def _is_answered(self) -> bool:
        try:
            if self._probe is not None:
                self._probe()
        # Whatever is raised: clients of stores also cancel their own requests (CancelledError).
        except BaseException:  # noqa: BLE001
            return False
        return True

    def _unavailable(self) -> Unavailable:
        return Unavailable(f"{self._name} does not answer.", retry_after=2)


class DatabasePatience(Patience):
    """The operations of one engine. One that lasts too long has its connections shut down.

    Its driver reports that as an error: no timeout of a server helps that does not answer.

    Args:
        engine: of PostgreSQL or SQLite; only connections with a socket can be shut down.
        places: operations that may run at once.
    """

    def __init__(self, engine: sa.Engine, places: int) -> None:
        super().__init__("The database", places)
        self._connections: set[Any] = set()
        self._watched = False
        self._entered = threading.Event()
        sa.event.listen(engine, "connect", self._on_connect)
        sa.event.listen(engine, "close", self._on_close)

    def _on_connect(self, connection: Any, _record: object) -> None:
        with self._lock:
            self._connections.add(connection)

    def _on_close(self, connection: Any, _record: object) -> None:
        with self._lock:
            self._connections.discard(connection)

    def _on_enter(self) -> None:
        """Have the running operations watched.

        The thread stays: starting one needs memory, and Python waits forever where it cannot begin.
        """
        if not self._watched:
            threading.Thread(target=self._watch, name="database-watch", daemon=True).start()
            self._watched = True
        self._entered.set()

    def _watch(self) -> None:
        """Shut the connections down while an operation is late."""
        while True:
            self._entered.wait(_WATCH_ON)
            time.sleep(_WATCH_EVERY)
            with self._lock:
                if not self._running:
                    self._watched = self._entered.is_set()
                    self._entered.clear()
                    if not self._watched:
                        return
                    continue
                late = time.monotonic() - min(self._running.values()) > LONGEST
                connections = list(self._connections) if late else []
            for connection in connections:
                _shut_down(connection)


def _shut_down(connection: Any) -> None:
    """End a connection's socket under its driver, which notices at once."""
    with (
        contextlib.suppress(Exception),  # it has no socket, or is just being closed
        socket.socket(fileno=os.dup(connection.fileno())) as duplicate,
    ):
        duplicate.shutdown(socket.SHUT_RDWR)
