"""Rate limits over HTTP: what is counted for whom, refusals, headers, the storage in Redis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort, request
from flask.testing import FlaskClient

from app import create_app
from tests.support import redis_server
from tests.support.running_service import start_service, wait_until
from tests.support.stores import settings_in
from tests.support.tcp_proxy import tcp_proxy
from utils.api.openapi import EXEMPT, RATE_HEADERS
from utils.auth.caller import Caller, set_caller
from utils.http.rate_limits import RateLimits
from utils.http.views import ENDPOINTS
from utils.settings import Settings

CHEAP, EXPENSIVE = "/api/models", "/api/data/generate"
BODY = {"plants": ["a"], "applications": ["b"], "panelSizes": ["c"], "historicalDays": 2}


def settings_at(folder: Path, **more: Any) -> Settings:
    few = {"rate_limits": "on", "rate_cheap": "4/minute", "rate_expensive": "2/minute"}
    return settings_in(folder, **few | more)


def client_of(app: Flask) -> FlaskClient:
    """Its client; the header names the caller."""

    def access() -> None:
        name = request.headers.get("X-API-Key")
        if name == "wrong":
            abort(401, "The key is not valid.")
        if name:
            set_caller(Caller(name, name, "write"))

    hooks, control = app.before_request_funcs[None], app.extensions["access"]
    place = next(i for i, hook in enumerate(hooks) if getattr(hook, "__self__", None) is control)
    hooks[place] = access  # keys have tests of their own
    return app.test_client()


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return client_of(create_app(settings_at(tmp_path)))


def statuses(client: FlaskClient, path: str, count: int, **more: Any) -> list[int]:
    return [client.get(path, **more).status_code for _ in range(count)]


def test_the_request_too_many_gets_the_limit_and_the_time_to_retry(client: FlaskClient) -> None:
    left = [client.post(EXPENSIVE, json=BODY) for _ in range(2)]
    assert [reply.status_code for reply in left] == [200, 200]
    assert [reply.headers["RateLimit-Remaining"] for reply in left] == ["1", "0"]
    reply = client.post(EXPENSIVE, json=BODY)
    assert reply.status_code == 429 and reply.mimetype == "application/json"
    wait = int(reply.headers["Retry-After"])
    assert 0 < wait <= 60 and reply.headers["RateLimit-Reset"] == str(wait)
    assert reply.headers["RateLimit-Limit"] == "2" and reply.headers["RateLimit-Remaining"] == "0"
    assert reply.headers["RateLimit-Policy"] == '"expensive";q=2;w=60'
    body = reply.get_json()
    assert body["success"] is False and body["request_id"] == reply.headers["X-Request-ID"]
    assert body["error"] == (
        "One caller may make at most 2 expensive requests per minute (RATE_EXPENSIVE); try again "
        f"in {wait} s."
    )


def test_cheap_and_expensive_requests_count_apart(client: FlaskClient) -> None:
    assert [client.post(EXPENSIVE, json=BODY).status_code for _ in range(3)] == [200, 200, 429]
    assert statuses(client, CHEAP, 5) == [200, 200, 200, 200, 429]
    assert (
        "at most 4 cheap requests per minute (RATE_CHEAP)" in client.get(CHEAP).get_json()["error"]
    )


def test_what_is_not_there_counts_as_cheap(client: FlaskClient) -> None:
    assert statuses(client, "/nothing", 5) == [404, 404, 404, 404, 429]


def test_every_key_and_every_address_counts_for_itself(client: FlaskClient) -> None:
    def asked(key: str | None, address: str) -> list[int]:
        headers = {"X-API-Key": key} if key else {}
        return statuses(client, CHEAP, 5, headers=headers, environ_base={"REMOTE_ADDR": address})

    full = [200, 200, 200, 200, 429]
    assert asked("one", "192.0.2.1") == full
    assert asked("two", "192.0.2.1") == full
    assert asked(None, "192.0.2.1") == full
    assert asked("one", "192.0.2.9") == [429] * 5  # a key is the same wherever it is used
    assert asked(None, "192.0.2.2") == full
    assert asked(None, "2001:db8::1") == full
    assert asked(None, "2001:db8::ffff:2") == [429] * 5  # somebody's network, not another caller
    assert asked(None, "2001:db8:0:1::1") == full


def test_guesses_at_keys_count_by_address(client: FlaskClient) -> None:
    wrong = {"headers": {"X-API-Key": "wrong"}}
    assert statuses(client, CHEAP, 5, **wrong) == [401, 401, 401, 401, 429]
    reply = client.get(CHEAP, **wrong)
    assert int(reply.headers["Retry-After"]) > 0 and "RATE_CHEAP" in reply.get_json()["error"]


def test_probes_and_questions_of_browsers_never_count(client: FlaskClient) -> None:
    for path in EXEMPT:
        found = [client.get(path) for _ in range(6)]
        assert {reply.status_code for reply in found} <= {200, 503}
        assert not any(name in reply.headers for reply in found for name in RATE_HEADERS)
    asked = {"Origin": "http://localhost:4200", "Access-Control-Request-Method": "POST"}
    assert {client.options(EXPENSIVE, headers=asked).status_code for _ in range(6)} == {200}


def test_pages_of_an_allowed_origin_can_read_the_headers(client: FlaskClient) -> None:
    reply = client.get(CHEAP, headers={"Origin": "http://localhost:4200"})
    exposed = reply.headers["Access-Control-Expose-Headers"].split(", ")
    assert {*RATE_HEADERS, "Retry-After"} <= {*exposed}


def test_every_route_is_cheap_or_expensive_as_the_table_of_endpoints_says(tmp_path: Path) -> None:
    app = create_app(settings_at(tmp_path))
    rates: RateLimits = app.extensions["rates"]
    routes, kinds = app.url_map.bind("localhost"), {}
    for row in ENDPOINTS:
        path = row.path.replace("<", "").replace(">", "")
        kinds[row.method, row.path] = rates.kind_of(routes.match(path, row.method)[0])
    stated = {
        (row.method, row.path): None
        if row.path in EXEMPT
        else "expensive"
        if row.expensive
        else "cheap"
        for row in ENDPOINTS
    }
    assert kinds == stated
    # What is no row of the table (the docs, the index) is cheap.
    views = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert sum(rates.kind_of(view) == "expensive" for view in views) == sum(
        row.expensive for row in ENDPOINTS
    )
    worked = {row.path for row in ENDPOINTS if row.method == "POST" and "/train" in row.path}
    dear = {row.path for row in ENDPOINTS if row.expensive}
    assert worked - dear == {"/api/training/logs"}


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({"rate_limits": "auto"}, False),
        ({"rate_limits": "auto", "host": "0.0.0.0"}, True),
        ({"rate_limits": "off", "host": "0.0.0.0"}, False),
        ({"rate_limits": "on"}, True),
    ],
)
def test_this_machine_without_a_key_is_spared_unless_told_otherwise(
    tmp_path: Path, more: dict[str, str], counts: bool
) -> None:
    client = client_of(create_app(settings_at(tmp_path, **more)))
    found = statuses(client, CHEAP, 6)
    assert (429 in found) is counts
    assert ("RateLimit-Limit" in client.get(CHEAP).headers) is counts
    if more["rate_limits"] == "auto":  # with a key it counts in any case, and so do guesses
        assert 429 in statuses(client, CHEAP, 6, headers={"X-API-Key": "one"})
        assert 429 in statuses(client, CHEAP, 6, headers={"X-API-Key": "wrong"})


@pytest.mark.service
def test_redis_counts_for_all_processes_together(tmp_path: Path) -> None:
    with redis_server.running(tmp_path) as url:
        clients = [client_of(create_app(settings_at(tmp_path, rate_store=url))) for _ in range(2)]
        found = [clients[i % 2].get(CHEAP) for i in range(6)]
    assert [reply.status_code for reply in found] == [200] * 4 + [429] * 2
    assert [reply.headers["RateLimit-Remaining"] for reply in found] == [*"321000"]
    assert all(0 < int(reply.headers["RateLimit-Reset"]) <= 60 for reply in found)


@pytest.mark.service
def test_each_process_counts_for_itself_while_redis_is_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def left(client: FlaskClient) -> str:
        reply = client.get(CHEAP)
        assert reply.status_code == 200
        return reply.headers["RateLimit-Remaining"]

    with (
        redis_server.running(tmp_path) as url,
        tcp_proxy(int(url.rsplit(":", 1)[1].partition("/")[0])) as proxy,
        caplog.at_level("INFO", "flask-limiter"),
    ):
        address = f"redis://user:s3cr3t@127.0.0.1:{proxy.port}/0"
        redis_server.add_user(url, "user", "s3cr3t")
        settings = settings_at(tmp_path, rate_store=address, rate_cheap="1000/hour")
        one, other = (client_of(create_app(settings)) for _ in range(2))
        assert [left(one), left(other)] == ["999", "998"]
        proxy.close()
        assert [left(one), left(one), left(other)] == ["999", "998", "999"]
        assert "falling back to in-memory" in caplog.text and "s3cr3t" not in caplog.text
        proxy.open()
        wait_until(
            lambda: left(one) and left(other) and caplog.text.count("storage recovered") == 2
        )
        assert int(left(one)) - int(left(other)) == 1


@pytest.mark.service
def test_headers_are_left_out_when_redis_is_lost_between_count_and_reply(tmp_path: Path) -> None:
    with redis_server.running(tmp_path) as url:
        app = create_app(settings_at(tmp_path, rate_store=url))
        client = client_of(app)

        @app.before_request
        def stop_redis() -> None:
            redis_server.stop(url)

        reply = client.get(CHEAP)
    assert reply.status_code == 200
    assert not any(name in reply.headers for name in RATE_HEADERS)


def test_the_document_states_refusals_and_headers(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    paths, responses = document["paths"], document["components"]["responses"]
    train = paths["/api/model/train"]["post"]
    assert train["x-rate-limit"] == "expensive"
    every = {*RATE_HEADERS, "X-Request-ID"}
    refusal = responses[train["responses"]["429"]["$ref"].rsplit("/", 1)[1]]
    assert {*refusal["headers"]} == {*every, "Retry-After"}
    assert {*train["responses"]["200"]["headers"]} == every
    assert "x-rate-limit" not in paths["/health/live"]["get"]


def test_by_default_each_process_counts_in_its_own_memory(tmp_path: Path) -> None:
    clients = [client_of(create_app(settings_at(tmp_path))) for _ in range(2)]
    assert [statuses(client, CHEAP, 5) for client in clients] == [[200, 200, 200, 200, 429]] * 2


@pytest.mark.service
def test_all_processes_of_a_server_count_together(tmp_path: Path) -> None:
    with redis_server.running(tmp_path) as url:
        limits = {"RATE_LIMITS": "on", "RATE_CHEAP": "40/hour", "RATE_STORE": url}
        service = start_service(tmp_path, WORKERS="0", WEB_PROCESSES="2", **limits)
        try:
            found = [service.get(CHEAP).status_code for _ in range(60)]  # a connection each
            assert found == [200] * 40 + [429] * 20
        finally:
            assert service.stop() == 0
