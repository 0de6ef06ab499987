"""The web process reads requests however they arrive; one that is cut off is a 400 in JSON."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.running_service import Service, start_service

pytestmark = pytest.mark.service

FEW = {"WORKERS": "0", "WEB_PROCESSES": "1", "WEB_THREADS": "4", "MAX_WAITING": "1",
       "MAX_STREAMS": "1"}  # fmt: skip
HEAD = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
POST = "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{length}\r\n\r\n"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A web server of one process and four threads."""
    running = start_service(tmp_path_factory.mktemp("narrow"), "serve", **FEW)
    yield running
    assert running.stop() == 0


def exchange(service: Service, pieces: list[bytes], pause: float = 0.0) -> bytes:
    """Send pieces, then the end, on one connection; return all that is received."""
    address = ("127.0.0.1", int(service.environment["PORT"]))
    with socket.create_connection(address, 20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            client.sendall(piece)
            time.sleep(pause)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


def requests_of(name: str, count: int) -> list[bytes]:
    """Return requests with names, the last of which ends the connection."""
    heads = [HEAD + f"X-Request-ID: {name}-{i}\r\n".encode() for i in range(count)]
    return [head + b"\r\n" for head in heads[:-1]] + [heads[-1] + b"Connection: close\r\n\r\n"]


def answered(received: bytes) -> list[str]:
    """Return the names of the requests that replies belong to."""
    return re.findall(r"X-Request-ID: (\S+)", received.decode())


@pytest.mark.parametrize("pieces", [1, 7, 200])
def test_a_head_in_pieces_is_read(narrow: Service, pieces: int) -> None:
    text = HEAD + b"X-Long: " + b"x" * 8000 + b"\r\nConnection: close\r\n\r\n"
    size = -(-len(text) // pieces)
    received = exchange(narrow, [text[at : at + size] for at in range(0, len(text), size)])
    assert received.startswith(b"HTTP/1.1 200 OK") and received.endswith(b"}")


@pytest.mark.parametrize("pause", [0.0, 0.05])
@pytest.mark.parametrize("cut", ["nowhere", "between", "in a head", "before the end of a head"])
def test_requests_on_one_connection_are_answered_in_order(
    narrow: Service, cut: str, pause: float
) -> None:
    one, two, three = requests_of("a", 3)
    pieces = {
        "nowhere": [one + two + three],
        "between": [one, two, three],
        "in a head": [one + two[:20], two[20:] + three],
        "before the end of a head": [one[:-1], one[-1:] + two[:-2], two[-2:] + three],
    }[cut]
    assert answered(exchange(narrow, pieces, pause)) == ["a-0", "a-1", "a-2"]


@pytest.mark.parametrize("count", [3, 4, 12])
def test_busy_clients_are_all_answered_though_they_are_more_than_the_threads(
    narrow: Service, count: int
) -> None:
    with ThreadPoolExecutor(count) as pool:
        calls = [requests_of(f"client{i}", 40) for i in range(count)]
        replies = list(pool.map(lambda pieces: answered(exchange(narrow, pieces)), calls))
    assert replies == [[f"client{i}-{j}" for j in range(40)] for i in range(count)]


def test_clients_that_never_end_their_connections_hold_up_nobody(service: Service) -> None:
    """Each would cost the main thread of a process two seconds, in which it accepts nobody."""
    address = ("127.0.0.1", int(service.environment["PORT"]))
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            client = stack.enter_context(socket.create_connection(address, 20))
            client.sendall(HEAD + b"Connection: close\r\n\r\n")
        for _ in range(4):  # each process
            assert requests.get(f"{service.url}/health/live", timeout=20).ok


@pytest.mark.parametrize("length", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_body_that_ends_too_soon_is_a_400(narrow: Service, length: str) -> None:
    head = POST.format(path="/api/model/validate", kind="application/json", length=length)
    reply = exchange(narrow, [head.encode()])
    assert reply.startswith(b"HTTP/1.1 400 ") and b'"success":false' in reply


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n{}", b"2\r\n{}x", b"2;\x00\r\n{}\r\n"])
def test_a_broken_chunk_is_a_400_after_which_the_connection_ends(
    narrow: Service, chunk: bytes
) -> None:
    """The bytes after it could be taken for a request that somebody else has sent."""
    length = "Transfer-Encoding: chunked"
    head = POST.format(path="/api/model/validate", kind="application/json", length=length)
    reply = exchange(narrow, [head.encode() + chunk + b"\r\n\r\nGET /health/live HTTP/1.1\r\n\r\n"])
    assert reply.startswith(b"HTTP/1.1 400 ") and reply.count(b"HTTP/1.1 ") == 1
    assert b"Traceback" not in reply


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health/live HTTP/1.1\r\n",
        HEAD + b"Transfer-Encoding: identity, chunked\r\n",
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n",
        HEAD + b"Transfer-Encoding: xchunked\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ],
)
def test_a_head_that_others_may_read_otherwise_is_a_400_after_which_the_connection_ends(
    narrow: Service, head: bytes
) -> None:
    reply = exchange(narrow, [head + b"\r\n0\r\n\r\n" + HEAD + b"\r\n"])
    assert reply.startswith(b"HTTP/1.1 400 ") and reply.count(b"HTTP/1.1 ") == 1


def test_a_broken_body_that_nobody_reads_has_one_reply_after_which_the_connection_ends(
    narrow: Service,
) -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    reply = exchange(narrow, [head + b"2\r\n{}x\r\n0\r\n\r\n" + HEAD + b"\r\n"])
    assert reply.startswith(b"HTTP/1.1 200 ") and reply.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/api/data/upload", "text/csv",
         b"date,plant,application,panel_size,wip,throughput\n2024-01-01,A,B,C,9,9\n"),
        ("/api/data/generate", "application/json", b""),
    ],
)  # fmt: skip
def test_a_body_that_is_cut_off_is_not_stored(
    narrow: Service, path: str, kind: str, body: bytes
) -> None:
    """A table without its last rows is a table; a body that never came could be an empty one."""
    head = POST.format(path=path, kind=kind, length="Content-Length: 100000")
    before = narrow.get("/api/data").json()["datasets"]
    assert b" of 100000 bytes" in exchange(narrow, [head.encode(), body])
    assert narrow.get("/api/data").json()["datasets"] == before
