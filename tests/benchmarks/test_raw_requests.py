"""Requests that are almost HTTP: a slice of `python -m benchmarks.raw_requests`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.raw_requests import run
from benchmarks.raw_requests.framing import Reply, Stream, replies_in, requests_in
from tests.support.running_service import start_service

GET = b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: one\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nX-Request-ID: one\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.long
@pytest.mark.service
def test_mutated_requests_find_nothing(tmp_path: Path) -> None:
    service = start_service(tmp_path, **run.SETTINGS)
    try:
        found = run.run(service, range(300), seed=1)
    finally:
        service.stop()
    assert found.findings == []
    assert found.statuses.total() > 300 and len(found.statuses) > 5


def test_attempts_are_the_same_for_the_same_seed() -> None:
    first, again, other = (run.Attempt.of(seed, 7) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("data", "methods", "rest"),
    [
        (GET + GET, [b"GET", b"GET"], ""),
        (GET + GET[:-2], [b"GET"], "head"),
        (POST + b"2\r\n{}\r\n0\r\n\r\n" + GET, [b"POST", b"GET"], ""),
        (POST + b"2\r\n{}\r\n", [b"POST"], "body"),
        (POST + b"2\r\n{}x\r\n" + GET, [b"POST"], "body"),
        (b"no HTTP\r\n\r\n" + GET, [], "head"),
    ],
)
def test_requests_are_found_until_one_is_broken(
    data: bytes, methods: list[bytes], rest: str
) -> None:
    found = requests_in(data)
    assert (found.methods, found.rest) == (methods, rest)


@pytest.mark.parametrize(
    ("received", "end", "finding"),
    [
        (OK, "closed", []),
        (OK + OK, "closed", ["more replies than requests (incomplete)"]),
        (OK[:-1], "closed", ["no HTTP is received"]),
        (b"", "closed", ["a valid request has no reply"]),
        (OK, "open", ["the connection is open after 20 s"]),
        (OK.replace(b"200 OK", b"500 No"), "closed", ["a status of 500 or more"]),
        (OK.replace(b"one", b"after"), "closed", ["a reply is that of another request"]),
    ],
)
def test_what_is_wrong_is_found(received: bytes, end: str, finding: list[str]) -> None:
    found = run.Found()
    run.judge(run.Attempt(GET, 1, ()), Stream([b"GET"], [b"one"]), received, end, found)
    assert [each.partition(" (closed)")[0] for each in found.findings] == finding


def test_a_reply_to_head_has_no_body() -> None:
    head = OK.removesuffix(b"{}")
    assert replies_in(head + OK, [b"HEAD", b"GET"]) == [Reply(200, b"one")] * 2
