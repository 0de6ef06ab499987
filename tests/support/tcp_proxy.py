"""A TCP proxy in front of a server of this machine, to take the server away from its clients.

It can be cut (connections break, new ones are refused), stalled (they stay, and nothing passes), or
forget its connections (their clients are not told, as after a crash of the server's machine).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

from tests.support.running_service import free_port

_TCP_REPAIR = 19  # an option of Linux; Python has no name for it
_LOOK_EVERY = struct.pack("ll", 0, 250_000)  # seconds and microseconds


class TcpProxy:
    """Listens at a free port and passes every connection on to another port and back."""

    def __init__(self, target_port: int) -> None:
        self.port, self._target_port = free_port(), target_port
        self._listening: socket.socket | None = None
        self._connected: set[socket.socket] = set()
        self._flows = threading.Event()
        self._flows.set()

    def stall(self) -> None:
        """Let nothing pass, in either direction; new connections are accepted."""
        self._flows.clear()

    def flow(self) -> None:
        """Let everything pass again."""
        self._flows.set()

    def open(self) -> None:
        """Accept connections."""
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def close(self) -> None:
        """Break all connections, and refuse new ones."""
        if self._listening is not None:
            for each in (self._listening, *list(self._connected)):
                with contextlib.suppress(OSError):  # already broken
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._listening, self._connected = None, set()

    def forget(self) -> None:
        """Leave all connections half-open: their clients notice when they send something."""
        for each in list(self._connected):
            with contextlib.suppress(OSError):  # already broken
                each.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)  # closed without a word
                each.close()
        self._connected = set()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the proxy is closed
            while True:
                client = listening.accept()[0]
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        """Pass a connection on until both sides have ended it."""
        to = ("127.0.0.1", self._target_port)
        with client, contextlib.suppress(OSError), socket.create_connection(to) as server:
            both = {client, server}
            self._connected |= both
            back = threading.Thread(target=self._copy, args=(server, client), daemon=True)
            back.start()
            self._copy(client, server)
            back.join()
            self._connected -= both

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):  # one of the two has closed
            source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _LOOK_EVERY)
            while (content := self._received(source)) != b"":
                self._flows.wait()
                target.sendall(content or b"")
            target.shutdown(socket.SHUT_WR)

    @staticmethod
    def _received(source: socket.socket) -> bytes | None:
        """Return what has come; None for nothing yet. Raises OSError once it was forgotten."""
        try:
            return source.recv(65_536)
        except BlockingIOError:
            return None


@contextlib.contextmanager
def tcp_proxy(target_port: int) -> Iterator[TcpProxy]:
    """Yield an open proxy to a port; it is closed with the context."""
    proxy = TcpProxy(target_port)
    proxy.open()
    try:
        yield proxy
    finally:
        proxy.close()
