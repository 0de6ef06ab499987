"""A client that costs little: a kept connection, requests made beforehand, replies hardly read."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def request_of(path: str, body: Any) -> bytes:
    """A POST, as it goes over the wire."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def body_length(head: bytes) -> int:
    """The bytes that follow a reply's head."""
    lines = head.lower().split(b"\r\n")
    return int(next(x for x in lines if x.startswith(b"content-length:")).split(b":")[1])


class Connection:
    """A kept connection to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def ask(self, request: bytes) -> float:
        """Send a request, read the reply; the seconds in between. Only 200 will do."""
        began = time.perf_counter()
        self._socket.sendall(request)
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._socket.recv(1 << 20)
        head, _, body = self._rest.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{head.decode()} {body.decode()[:500]}")
        missing = body_length(head) - len(body)
        while missing > 0:
            missing -= len(self._socket.recv(1 << 20))
        self._rest = b""
        return time.perf_counter() - began

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def latencies(port: int, requests: Sequence[bytes], count: int) -> list[float]:
    """Seconds of so many requests, one after the other."""
    connection = Connection(port)
    found = [connection.ask(requests[i % len(requests)]) for i in range(count)]
    connection.close()
    return found


def per_second(port: int, requests: Sequence[bytes], clients: int, count: int) -> float:
    """Requests that are answered in a second, where each of some clients asks so many."""
    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda _: latencies(port, requests, count), range(clients)))
    return clients * count / (time.perf_counter() - began)
