"""A way to a server of this machine that can be shut: connections break, new ones are refused."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator

from tests.support.live import free_port


class Gate:
    """Takes connections at a port of its own and passes all on to another port and back."""

    def __init__(self, to: int) -> None:
        self.port, self._to = free_port(), to
        self._listening: socket.socket | None = None
        self._open: set[socket.socket] = set()

    def open(self) -> None:
        """Let connections through."""
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def shut(self) -> None:
        """Break what is connected, and refuse everybody."""
        if self._listening is not None:
            for each in (self._listening, *self._open):
                with contextlib.suppress(OSError):  # it broke by itself
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._listening, self._open = None, set()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the gate is shut
            while True:
                client = listening.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._to))
                self._open |= {client, server}
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):  # one of them has hung up
            with source.makefile("rb", 0) as reading, target.makefile("wb", 0) as writing:
                shutil.copyfileobj(reading, writing)
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def gate(to: int) -> Iterator[Gate]:
    """An open gate to a port."""
    made = Gate(to)
    made.open()
    try:
        yield made
    finally:
        made.shut()
