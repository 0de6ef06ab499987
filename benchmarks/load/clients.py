"""Clients with a kept connection each, in one thread: they ask, compare the reply, note the time.

Raw sockets under asyncio: where two cores do everything, the clients should take next to nothing.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle

from benchmarks.speed.client import body_length

_LAST_REPLIES = 30.0  # seconds after the end within which all that was asked has to be answered
_SHOWN = 3  # examples that are kept of each kind of error

_Due = Callable[[], Awaitable[float | None]]  # when the next request is due; None: no more


@dataclass(frozen=True)
class Question:
    """A request as it goes over the wire, and the one right body of its reply."""

    request: bytes
    reply: bytes


@dataclass
class Tally:
    """The outcome of the requests.

    Args:
        seconds: of each request that was answered rightly.
        errors: how many there were of each kind.
        reconnected: connections that the server closed between two requests, as it may.
        lasted: seconds from the first request to the last reply.
    """

    seconds: array[float] = field(default_factory=lambda: array("d"))
    errors: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    reconnected: int = 0
    lasted: float = 0.0

    def wrong(self, kind: str, example: str) -> None:
        """Count an error."""
        self.errors[kind] += 1
        shown = self.examples.setdefault(kind, [])
        if len(shown) < _SHOWN:
            shown.append(example)


class Connection(asyncio.Protocol):
    """A kept connection; one request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._wanted: int | None = None  # bytes of the reply, once its head is here
        self._head = b""
        self._reply: asyncio.Future[tuple[bytes, bytes]] | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[tuple[bytes, bytes]]:
        """Send a request; (head, body) of its reply, or else ConnectionError."""
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._reply

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._received += data
        if self._wanted is None:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = bytes(self._received[:end])
            self._wanted = end + 4 + body_length(self._head)
        if len(self._received) >= self._wanted and self._reply is not None:
            body = bytes(self._received[len(self._head) + 4 :])
            self._received.clear()
            self._wanted = None
            reply, self._reply = self._reply, None
            if not reply.done():
                reply.set_result((self._head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self.lost = True
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(exc or ConnectionResetError("closed without a reply"))

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


class Crowd:
    """So many clients of a port of this machine.

    Without a rate, each client asks again as soon as it has its reply: what a request then takes
    is mostly the queue of all the others. With one, requests are due at fixed times, whatever
    became of those before, and the seconds of each count from when it was due.

    Args:
        rate: requests a second, of all clients together.
    """

    def __init__(
        self, port: int, questions: Sequence[Question], clients: int, rate: float | None = None
    ) -> None:
        self._port, self._questions = port, cycle(questions)
        self._clients, self._rate = clients, rate
        self._tally = Tally()

    async def run(self, seconds: float) -> Tally:
        """Ask for so many seconds, wait for the last replies, hang up."""
        began = time.perf_counter()
        due = self._paced(began, seconds) if self._rate else _at_once(began + seconds)
        clients = [asyncio.create_task(self._client(due)) for _ in range(self._clients)]
        _, stuck = await asyncio.wait(clients, timeout=seconds + _LAST_REPLIES)
        self._tally.lasted = time.perf_counter() - began
        for client in stuck:
            self._tally.wrong("no reply", f"none within {_LAST_REPLIES:.0f} s after the end")
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        return self._tally

    async def _client(self, due: _Due) -> None:
        connection = await self._connect()
        try:
            while (at := await due()) is not None:
                if connection.lost:
                    self._tally.reconnected += 1
                    connection = await self._connect()
                try:
                    await self._ask(connection, next(self._questions), at)
                except OSError as error:
                    self._tally.wrong(f"connection: {type(error).__name__}", str(error))
        finally:
            connection.close()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
        return connection

    async def _ask(self, connection: Connection, question: Question, at: float) -> None:
        head, body = await connection.ask(question.request)
        if not head.startswith(b"HTTP/1.1 200 "):
            status = head.partition(b"\r\n")[0].decode()
            self._tally.wrong(status, body[:300].decode(errors="replace"))
        elif body != question.reply:
            self._tally.wrong("another forecast", body[:300].decode(errors="replace"))
        else:
            self._tally.seconds.append(time.perf_counter() - at)

    def _paced(self, began: float, seconds: float) -> _Due:
        """Requests that are due at even steps, one client's after the other's."""
        assert self._rate is not None
        gap, numbers = 1 / self._rate, count()

        async def due() -> float | None:
            at = began + gap * next(numbers)
            if at >= began + seconds:
                return None
            await asyncio.sleep(at - time.perf_counter())
            return at

        return due


def _at_once(end: float) -> _Due:
    """Requests that are due as soon as there is somebody to send them."""

    async def due() -> float | None:
        now = time.perf_counter()
        return now if now < end else None

    return due
