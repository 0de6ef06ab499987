"""Clients that are slow, silent, rude or busy hold up nobody else."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import trustme

from tests.support.running_service import ROOT, Service, start_service

pytestmark = pytest.mark.service

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
    running = start_service(
        folder, "serve", authority=folder / "authority.pem" if secure else None, **settings
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The same, waiting for half a second where the real one waits for ten."""
    paths = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    other = {"GUNICORN_CMD_ARGS": "--worker-class impatient.Worker", "PYTHONPATH": paths}
    running = start_service(tmp_path_factory.mktemp("impatient"), "serve", **FEW, **other)
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


def told(service: Service, pieces: list[bytes], pause: float = 0.0) -> bytes:
    """All that comes back on a connection on which so much is said, until the server closes."""
    address = ("127.0.0.1", int(service.environment["PORT"]))
    with socket.create_connection(address, 20) as raw:
        client: socket.socket = raw
        if service.authority:
            context = ssl.create_default_context(cafile=str(service.authority))
            client = context.wrap_socket(raw, server_hostname="127.0.0.1")
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            client.sendall(piece)
            time.sleep(pause)
        received = b"".join(iter(lambda: client.recv(1 << 16), b""))
        client.close()
    return received


@pytest.mark.parametrize("pieces", [1, 7, 200])
def test_a_head_in_pieces_is_read(narrow: Service, pieces: int) -> None:
    text = HEAD + b"X-Long: " + b"x" * 8000 + b"\r\nConnection: close\r\n\r\n"
    size = -(-len(text) // pieces)
    received = told(narrow, [text[at : at + size] for at in range(0, len(text), size)])
    assert received.startswith(b"HTTP/1.1 200 OK") and received.endswith(b"}")


def requests_of(name: str, count: int) -> list[bytes]:
    """Requests with names, the last of which ends the connection."""
    heads = [HEAD + f"X-Request-ID: {name}-{i}\r\n".encode() for i in range(count)]
    return [head + b"\r\n" for head in heads[:-1]] + [heads[-1] + b"Connection: close\r\n\r\n"]


def named(received: bytes) -> list[str]:
    """The names of the requests that replies are to."""
    return re.findall(r"X-Request-ID: (\S+)", received.decode())


# As they come while their thread is still there, and after that.
@pytest.mark.parametrize("pause", [0.0, 0.001, 0.05])
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
    assert named(told(narrow, pieces, pause)) == ["a-0", "a-1", "a-2"]


def test_a_head_that_never_ends_after_an_answer_takes_no_thread(narrow: Service) -> None:
    first, last = requests_of("a", 2)
    with clients(narrow, MANY, say(first + last[:20])):
        assert named(told(narrow, requests_of("b", 3))) == ["b-0", "b-1", "b-2"]


@pytest.mark.parametrize("count", [3, 4, 12])
def test_busy_clients_are_all_answered_though_they_are_more_than_the_threads(
    narrow: Service, count: int
) -> None:
    with ThreadPoolExecutor(count) as pool:
        asked = [requests_of(f"client{i}", 40) for i in range(count)]
        answers = list(pool.map(lambda pieces: named(told(narrow, pieces)), asked))
    assert answers == [[f"client{i}-{j}" for j in range(40)] for i in range(count)]


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
    said = answer(impatient, BODY + length + b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400 ") and b'"success":false' in said


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
