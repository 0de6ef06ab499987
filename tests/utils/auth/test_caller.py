"""The caller of a request, by thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from utils.auth.caller import LOCAL, Caller, caller, identified_caller, set_caller

ANN = Caller("k1", "Ann", "write")


def test_without_a_request_the_caller_is_local() -> None:
    assert caller() is LOCAL
    assert identified_caller() is None


def test_threads_have_callers_of_their_own() -> None:
    def named(name: str) -> str:
        set_caller(Caller(name, name, "read"))
        with ThreadPoolExecutor(1) as inner:
            assert inner.submit(identified_caller).result() is None
        return caller().id

    with ThreadPoolExecutor(4) as pool:
        names = [f"k{i}" for i in range(20)]
        assert list(pool.map(named, names)) == names
    assert identified_caller() is None


def test_the_caller_is_cleared_at_the_end_of_a_request(app: Flask) -> None:
    seen: list[Caller] = []

    def view() -> str:
        seen.append(caller())
        return ""

    app.add_url_rule("/named", "named", view)
    app.before_request(lambda: set_caller(ANN))
    app.test_client().get("/named")
    assert seen == [ANN]
    assert identified_caller() is None


def test_the_caller_is_cleared_after_a_request_that_fails(app: Flask) -> None:
    def view() -> str:
        raise KeyError("a defect")

    app.add_url_rule("/broken", "broken", view)
    app.before_request(lambda: set_caller(ANN))
    assert app.test_client().get("/broken").status_code == 500
    assert identified_caller() is None


def test_a_streamed_body_is_sent_without_a_caller(app: Flask) -> None:
    seen: list[Caller | None] = []

    def body() -> object:
        seen.append(identified_caller())
        yield "x"

    app.add_url_rule("/stream", "stream", lambda: app.response_class(body()))
    app.before_request(lambda: set_caller(ANN))
    reply = app.test_client().get("/stream", buffered=False)
    assert reply.data == b"x"
    assert seen == [None]
