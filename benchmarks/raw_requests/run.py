"""Sends mutated requests to a service, each on a connection of its own, and checks the replies."""

from __future__ import annotations

import select
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

import h11

from benchmarks.raw_requests.framing import Stream, replies_in, requests_in
from benchmarks.raw_requests.mutations import mutated, valid
from tests.support.running_service import Service

SETTINGS = {
    "WORKERS": "0", "WEB_PROCESSES": "1", "RATE_LIMITS": "off", "LOG_LEVEL": "ERROR",
    "MAX_JSON_MB": "1", "MAX_UPLOAD_MB": "1",
}  # fmt: skip
_CLIENTS = 8
_SILENCE = 3.0  # seconds after which the client says that nothing more will come
_PATIENCE = 20.0  # seconds within which the connection has to end then
_AFTER = b"after"
_HARMLESS = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: %s\r\n%s\r\n"


@dataclass
class Found:
    """The statuses of the replies, and what was wrong."""

    statuses: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Attempt:
    """The bytes of one connection: valid requests, a mutated one, a harmless one."""

    data: bytes
    valid: int  # requests before the mutated one
    pieces: tuple[int, ...]  # where it is cut; each piece is sent by itself

    @classmethod
    def of(cls, seed: int, number: int) -> Attempt:
        """Return the attempt with a number: the same for the same seed, whatever came before."""
        draw = Random(f"{seed} {number}")
        before = draw.choice([0, 0, 0, 1, 2])
        first = b"".join(valid(draw).data() for _ in range(before))
        last = _HARMLESS % (_AFTER, b"Connection: close\r\n")
        data = first + mutated(draw) + last
        few = sorted(draw.randrange(len(data)) for _ in range(draw.choice([0, 0, 1, 5])))
        every = draw.random() < 0.02 and len(data) < 1_000
        return cls(data, before, tuple(range(1, len(data))) if every else tuple(few))


def exchange(service: Service, attempt: Attempt, more_expected: bool) -> tuple[bytes, str]:
    """Send an attempt on one connection; return what is received, and how the connection ended.

    Args:
        more_expected: the server has to wait for more; the client says that there is none.
    """
    address = ("127.0.0.1", int(service.environment["PORT"]))
    received, end = bytearray(), "closed"
    with socket.create_connection(address, _PATIENCE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for at, until in zip(
                (0, *attempt.pieces), (*attempt.pieces, len(attempt.data)), strict=True
            ):
                client.sendall(attempt.data[at:until])
            if not more_expected and not select.select([client], [], [], _SILENCE)[0]:
                more_expected, end = True, "closed after the client's end"
            if more_expected:
                client.shutdown(socket.SHUT_WR)
            while piece := client.recv(1 << 16):
                received += piece
        except TimeoutError:
            return bytes(received), "open"
        except OSError:
            return bytes(received), "reset"
    return bytes(received), end


def judge(attempt: Attempt, sent: Stream, received: bytes, end: str, found: Found) -> None:
    """Note the statuses of what was received, and what is wrong with it."""
    wrong: list[str] = []
    try:
        replies = replies_in(received, sent.methods)
    except h11.RemoteProtocolError as error:
        found.findings.append(f"no HTTP is received ({end}): {error}; {received[:100]!r}")
        return
    found.statuses.update(str(reply.status) for reply in replies)
    if end != "closed" or not replies:
        found.statuses[f"{len(replies)} replies, {end}"] += 1
    if end == "open":
        wrong.append(f"the connection is open after {_PATIENCE:g} s")
    if [reply.status for reply in replies if reply.status >= 500]:
        wrong.append("a status of 500 or more")
    beyond = replies[len(sent.methods) :]  # to what is no request
    if len(beyond) > (sent.rest == "head") or any(reply.status < 400 for reply in beyond):
        wrong.append(f"more replies than requests ({sent.broken or 'incomplete'})")
    for id, reply in zip(sent.ids, replies, strict=False):
        if reply.status == 200 and (id == _AFTER) != (reply.id == _AFTER):
            wrong.append("a reply is that of another request")
    if end != "reset" and len(replies) < attempt.valid:
        wrong.append("a valid request has no reply")
    found.findings += wrong


def run(service: Service, numbers: range, seed: int) -> Found:
    """Send the mutated requests with these numbers."""
    found = Found()

    def one(number: int) -> Found:
        own, attempt = Found(), Attempt.of(seed, number)
        sent = requests_in(attempt.data)
        received, end = exchange(service, attempt, not sent.broken)
        judge(attempt, sent, received, end, own)
        own.findings = [
            f"request {number}: {finding}\n  sent: {attempt.data[:500]!r}\n"
            f"  received: {received[:100]!r}"
            for finding in own.findings
        ]
        return own

    with ThreadPoolExecutor(_CLIENTS) as clients:
        for own in clients.map(one, numbers):
            found.statuses += own.statuses
            found.findings += own.findings
    if not service.get("/health").ok:
        found.findings.append("the service does not answer afterwards")
    log = (service.folder / "log").read_text()
    if "Traceback" in log:
        found.findings.append(f"in the log: {log[log.index('Traceback') :][:3_000]}")
    return found
