"""A TCP proxy in front of a server of this machine, to take the server away from its clients.

It can be cut (connections break, new ones are refused) or stalled (they stay, and nothing passes).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from tests.support.running_service import free_port


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
            for each in (self._listening, *self._connected):
                with contextlib.suppress(OSError):  # already broken
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._listening, self._connected = None, set()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the proxy is closed
            while True:
                client = listening.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._target_port))
                self._connected |= {client, server}
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):  # one of the two has closed
            while content := source.recv(65_536):
                self._flows.wait()
                target.sendall(content)
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def tcp_proxy(target_port: int) -> Iterator[TcpProxy]:
    """Yield an open proxy to a port; it is closed with the context."""
    proxy = TcpProxy(target_port)
    proxy.open()
    try:
        yield proxy
    finally:
        proxy.close()
