"""Clients that are slow, silent or rude hold up nobody else."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import trustme

from live import ROOT, Service, start

FEW = {"WORKERS": "0", "WEB_PROCESSES": "1", "WEB_THREADS": "4", "MAX_WAITING": "1",
       "MAX_STREAMS": "1"}  # fmt: skip
MANY = 40  # clients for each of which, held by a thread, all others would wait for seconds
HEAD = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
BODY = b"POST /api/model/validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def say(*words: bytes) -> Callable[[socket.socket], None]:
    def speak(client: socket.socket) -> None:
        for word in words:
            client.sendall(word)

    return speak


def ask_and_stay(client: socket.socket) -> None:
    client.sendall(HEAD + b"Connection: close\r\n\r\n")
    while client.recv(1 << 16):
        pass  # it has said that it is over, and we do not close our end


def client_hello() -> bytes:
    """What a client says first over TLS."""
    outgoing, context = ssl.MemoryBIO(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


@pytest.fixture(scope="module", params=["http", "https"])
def narrow(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A web server of one process and four threads."""
    folder, secure = tmp_path_factory.mktemp("narrow"), request.param == "https"
    settings = dict(FEW)
    if secure:
        authority = trustme.CA()
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            folder / "both.pem"
        )
        authority.cert_pem.write_to_path(folder / "authority.pem")
        settings |= {name: str(folder / "both.pem") for name in ("TLS_CERT", "TLS_KEY")}
    running = start(
        folder, "serve", authority=folder / "authority.pem" if secure else None, **settings
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The same, waiting for half a second where the real one waits for ten."""
    paths = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    other = {"GUNICORN_CMD_ARGS": "--worker-class impatient.Worker", "PYTHONPATH": paths}
    running = start(tmp_path_factory.mktemp("impatient"), "serve", **FEW, **other)
    yield running
    running.stop()


@contextlib.contextmanager
def clients(service: Service, count: int, what: Callable[[socket.socket], None]) -> Iterator[None]:
    with contextlib.ExitStack() as opened:
        for _ in range(count):
            address = ("127.0.0.1", int(service.environment["PORT"]))
            what(opened.enter_context(socket.create_connection(address, 20)))
        yield


@pytest.mark.parametrize(
    "what", [say(), say(b"G"), say(HEAD), ask_and_stay,
             say(client_hello()[:100]), say(client_hello())],
    ids=["silent", "one byte", "half a head", "stays when it is over",
         "half a hello", "half a handshake"],
)  # fmt: skip
def test_others_are_served_at_once(narrow: Service, what: Callable[[socket.socket], None]) -> None:
    session = requests.Session()

    def asked() -> int:
        verify = str(narrow.authority) if narrow.authority else None
        return session.get(f"{narrow.url}/health/live", timeout=5, verify=verify).status_code

    assert asked() == 200
    with clients(narrow, MANY, what):
        assert asked() == 200  # on the connection that it has
        session.close()
        assert asked() == 200  # and on a new one
    session.close()


@pytest.mark.parametrize("pieces", [1, 7, 200])
def test_a_head_in_pieces_is_read(narrow: Service, pieces: int) -> None:
    text = HEAD + b"X-Long: " + b"x" * 8000 + b"\r\nConnection: close\r\n\r\n"
    address = ("127.0.0.1", int(narrow.environment["PORT"]))
    with socket.create_connection(address, 20) as raw:
        client: socket.socket = raw
        if narrow.authority:
            context = ssl.create_default_context(cafile=str(narrow.authority))
            client = context.wrap_socket(raw, server_hostname="127.0.0.1")
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        size = -(-len(text) // pieces)
        for begin in range(0, len(text), size):
            client.sendall(text[begin : begin + size])
        received = b"".join(iter(lambda: client.recv(1 << 16), b""))
        client.close()
    assert received.startswith(b"HTTP/1.1 200 OK") and received.endswith(b"}")


def answer(service: Service, said: bytes) -> bytes:
    """All that comes back until the server closes."""
    address = ("127.0.0.1", int(service.environment["PORT"]))
    with socket.create_connection(address, 20) as client:
        client.sendall(said)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


@pytest.mark.parametrize("said", [b"G", HEAD])
def test_a_head_that_does_not_come_ends_the_connection(impatient: Service, said: bytes) -> None:
    assert answer(impatient, said) == b""


@pytest.mark.parametrize("length", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_a_400(impatient: Service, length: bytes) -> None:
    told = answer(impatient, BODY + length + b"\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 400 ") and b'"success":false' in told


@pytest.mark.parametrize("path", [b"/api/data/upload", b"/api/data/generate"])
def test_what_is_cut_off_is_not_taken_for_a_whole(impatient: Service, path: bytes) -> None:
    """A table less its last rows is a table; an object that never came could be an empty one."""
    table = b"date,plant,application,panel_size,wip,throughput\n2024-01-01,A,B,C,9,9\n"
    said = BODY.replace(b"/api/model/validate", path) + b"Content-Length: 100000\r\n\r\n"
    if path.endswith(b"upload"):
        said = said.replace(b"application/json", b"text/csv") + table
    before = impatient.get("/api/data").json()["datasets"]
    assert b" of 100000 bytes" in answer(impatient, said)
    assert impatient.get("/api/data").json()["datasets"] == before


def test_bodies_that_do_not_come_hold_nobody_for_long(impatient: Service) -> None:
    with clients(impatient, MANY // 4, say(BODY + b"Content-Length: 100\r\n\r\n{")):
        assert impatient.get("/health/live").status_code == 200


def test_who_does_not_read_its_reply_is_let_go_of(impatient: Service) -> None:
    made = impatient.post("/api/data/generate", {"historicalDays": 5000, "seed": 1}).json()
    asked = f"GET /api/data/{made['dataset_id']}?format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with clients(impatient, 4, say(asked.encode())):  # one for each thread
        assert impatient.get("/health/live").status_code == 200
    assert "Traceback" not in Path(impatient.folder, "log").read_text()
