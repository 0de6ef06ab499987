"""Who may call what: with keys, without them, from elsewhere; over the app's own client."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from tests.support import postgres
from tests.support.running_service import wait_until
from tests.support.stores import settings_in
from tests.utils.auth.test_keys import change, secret_of
from utils.api.endpoint import Endpoint
from utils.auth import keys, known_keys
from utils.auth.caller import Caller, caller
from utils.auth.exposure import expect_access_control
from utils.auth.key_store import KeyStore
from utils.auth.keys import id_of, new_key
from utils.auth.roles import ROLES
from utils.errors import SettingsError
from utils.http.access import OPEN_RULES
from utils.http.views import ENDPOINTS
from utils.settings import Settings

OPEN = {("GET", "/health/live"), ("GET", "/health/ready")}
WRITING = {
    "PUT /api/data/<dataset_id>/plan",
    "POST /api/data/<dataset_id>/rows",
    "PUT /api/data/<dataset_id>/calendar",
    "POST /api/data/generate", "POST /api/data/upload", "DELETE /api/data/<dataset_id>",
    "POST /api/model/train", "POST /api/model/train/enhanced",
    "POST /api/model/train/parallel/plants", "POST /api/model/train/parallel/enhanced",
    "DELETE /api/jobs/<job_id>", "DELETE /api/model/<model_id>",
    "POST /api/model/<model_id>/continue",
    "POST /api/model/<model_id>/backtest", "POST /api/model/<model_id>/compress",
    "POST /api/training/logs",
}  # fmt: skip
ADMIN = {
    "POST /api/masterdata/reload",
    "GET /api/keys",
    "POST /api/keys",
    "DELETE /api/keys/<key_id>",
}


@pytest.fixture
def store(settings: Settings) -> KeyStore:
    return KeyStore(settings.database_url)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> tuple[FlaskClient, dict[str, str]]:
    """A service that takes keys, and one of each role."""
    settings = settings_in(tmp_path_factory.mktemp("guarded"))
    made = KeyStore(settings.database_url)
    by_role = {role: made.add(role, role) for role in ROLES}
    return create_app(settings).test_client(), by_role


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def call(client: FlaskClient, endpoint: Endpoint, **more: Any) -> TestResponse:
    """A call that gets past access control only, as its body is nothing to anybody."""
    path = re.sub(r"<\w+>", "x", endpoint.path)
    if endpoint.method == "POST":
        more |= {"data": b"{", "content_type": "application/json"}
    return client.open(path, method=endpoint.method, **more)


def refused(reply: TestResponse, status: int, *words: str) -> None:
    assert reply.status_code == status, reply.text
    body = reply.get_json()
    assert body["success"] is False and all(word in body["error"] for word in words), body
    assert (reply.headers.get("WWW-Authenticate") == "Bearer") is (status == 401)


def test_every_rule_has_a_role_or_is_open(app: Flask) -> None:
    control = app.extensions["access"]
    named = {(e.method, e.path): e.needs for e in ENDPOINTS}
    assert {call for call, role in named.items() if role is None} == OPEN
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<\w+:", "<", rule.rule)
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            needed = control.needs(method, rule.rule)
            if rule.rule in OPEN_RULES:
                assert method == "GET" and needed is None
            else:
                assert needed == named[method, path]
                assert method != "GET" or control.needs("HEAD", rule.rule) == needed
    assert control.needs("GET", "/added/later") == "admin"


def test_what_makes_or_deletes_takes_more_than_reading() -> None:
    by_role: dict[Any, set[str]] = {role: set() for role in (*ROLES, None)}
    for endpoint in ENDPOINTS:
        by_role[endpoint.needs].add(f"{endpoint.method} {endpoint.path}")
    assert by_role["write"] == WRITING and by_role["admin"] == ADMIN


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_each_endpoint_asks_for_its_role(
    guarded: tuple[FlaskClient, dict[str, str]], endpoint: Endpoint
) -> None:
    client, key = guarded
    if endpoint.needs is None:
        assert call(client, endpoint).status_code not in (401, 403)
        return
    refused(call(client, endpoint), 401, "keys create")
    enough = ROLES.index(endpoint.needs)
    for role in ROLES[:enough]:
        reply = call(client, endpoint, headers=bearer(key[role]))
        refused(reply, 403, f"`{endpoint.needs}`", f"`{role}`")
    for role in ROLES[enough:]:
        reply = call(client, endpoint, headers={"X-API-Key": key[role]})
        assert reply.status_code not in (401, 403), reply.text
        reply.close()


@pytest.mark.parametrize("path", ["/", "/api/openapi.json", "/api/docs/", "/health/live"])
def test_what_the_api_is_like_is_no_secret(
    guarded: tuple[FlaskClient, dict[str, str]], path: str
) -> None:
    client, _ = guarded
    with client.get(path, headers={"Host": "lstm.example.com"}) as reply:
        assert reply.status_code == 200


def test_what_is_not_there_is_told_to_callers_only(
    guarded: tuple[FlaskClient, dict[str, str]],
) -> None:
    client, key = guarded
    refused(client.get("/api/nothing"), 401)
    refused(client.get("/api/nothing", headers=bearer(key["read"])), 404)
    refused(client.put("/api/models", headers=bearer(key["read"])), 405)


def test_preflights_need_no_key(guarded: tuple[FlaskClient, dict[str, str]]) -> None:
    client, _ = guarded
    asked = {
        "Origin": "http://localhost:4200",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-api-key",
    }
    reply = client.options("/api/model/train", headers=asked)
    assert reply.status_code == 200
    allowed = reply.headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed and "x-api-key" in allowed
    # A page without a key learns that the key is missing, not that the service is away.
    missing = client.get("/api/models", headers={"Origin": "http://localhost:4200"})
    refused(missing, 401)
    assert missing.headers["Access-Control-Allow-Origin"] == "http://localhost:4200"


def test_two_keys_that_differ_are_refused(guarded: tuple[FlaskClient, dict[str, str]]) -> None:
    client, key = guarded
    same = bearer(key["read"]) | {"X-API-Key": key["read"]}
    assert client.get("/api/models", headers=same).status_code == 200
    refused(client.get("/api/models", headers=same | {"X-API-Key": key["admin"]}), 401, "differ")
    basic = {"Authorization": "Basic eDp5", "X-API-Key": key["read"]}  # for a proxy on the way
    assert client.get("/api/models", headers=basic).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", "Bearer lstm_", "Bearer lstm_a_b",
        "Bearer lstm_" + "é" * 10 + "_" + "é" * 43, "Bearer " + "a" * 5000,
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(
    guarded: tuple[FlaskClient, dict[str, str]], header: str
) -> None:
    client, _ = guarded
    refused(client.get("/api/models", headers={"Authorization": header}), 401)


def test_keys_with_a_wrong_part_are_refused(guarded: tuple[FlaskClient, dict[str, str]]) -> None:
    client, by_role = guarded
    key, (_, other) = by_role["read"], new_key()
    secret, elsewhere = secret_of(key), secret_of(other)
    for wrong in (
        other,
        key.replace(secret, elsewhere),
        key + "x",
        key.replace(secret, secret.swapcase()),
        f"{key},{key}",
    ):
        refused(client.get("/api/models", headers=bearer(wrong)), 401)
    assert client.get("/api/models", headers=bearer(key)).status_code == 200


def test_a_first_key_closes_and_a_revoked_one_opens_loopback(
    client: FlaskClient, store: KeyStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/api/models").status_code == 200
    assert not Path(settings.database_url.removeprefix("sqlite:///")).exists()
    monkeypatch.setattr(known_keys, "FRESH", 0.0)
    key = store.add("first", "read", days=1)
    refused(client.get("/api/models"), 401)
    assert client.get("/api/models", headers=bearer(key)).status_code == 200
    change(settings.database_url, "UPDATE service_keys SET expires_at = 1")
    refused(client.get("/api/models", headers=bearer(key)), 401, "expired")
    refused(client.get("/api/models"), 401)  # an hour that comes by itself opens nothing
    store.revoke(str(id_of(key)))
    assert client.get("/api/models").status_code == 200


def test_views_know_the_caller(settings: Settings, store: KeyStore) -> None:
    key = store.add("Grafana", "admin")
    app, seen = create_app(settings), []
    app.add_url_rule("/who", "who", lambda: seen.append(caller()) or "")
    assert app.test_client().get("/who", headers=bearer(key)).status_code == 200
    assert seen == [Caller(str(id_of(key)), "Grafana", "admin")]


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"X-Forwarded-For": "203.0.113.7"}, "proxy"),
        ({"Forwarded": "for=203.0.113.7"}, "proxy"),
        ({"X-Real-IP": "203.0.113.7"}, "proxy"),
        ({"Host": "rebound.example.com"}, "localhost only"),
        ({"Host": "rebound.example.com:5000"}, "localhost only"),
        ({"Host": "203.0.113.7:5000"}, "localhost only"),
        ({"Host": "localhost.example.com"}, "localhost only"),
        ({"Origin": "https://evil.example.com"}, "evil.example.com"),
        ({"Origin": "null"}, "CORS_ORIGINS"),
        ({"Origin": "http://localhost:4201"}, "CORS_ORIGINS"),
    ],
)
def test_an_open_service_answers_its_own_machine_alone(
    client: FlaskClient, headers: dict[str, str], words: str
) -> None:
    refused(client.post("/api/data/generate", json={}, headers=headers), 403, words)
    refused(client.delete("/api/model/none", headers=headers), 403, words)
    read = client.get("/api/models", headers=headers)
    if "Origin" in headers:  # it cannot make anything, and its browser keeps from it what it reads
        assert read.status_code == 200 and "Access-Control-Allow-Origin" not in read.headers
    else:
        refused(read, 403, words)
    with client.get("/api/docs/", headers=headers) as page:
        assert page.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:5000"},
        {"Host": "127.0.0.1"},
        {"Host": "[::1]:5000"},
        {"Origin": "http://localhost:4200"},
        {"Host": "127.0.0.1:5000", "Origin": "http://127.0.0.1:5000"},
    ],
)
def test_this_machine_and_its_pages_need_no_key(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    assert client.get("/api/models", headers=headers).status_code == 200


def test_an_open_service_listens_to_loopback_whatever_it_is_bound_to(client: FlaskClient) -> None:
    elsewhere = {"REMOTE_ADDR": "203.0.113.7"}
    refused(client.get("/api/models", environ_overrides=elsewhere), 403, "own machine")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "nowhere.example.com"])
def test_other_hosts_than_loopback_are_never_open(tmp_path: Path, host: str) -> None:
    settings = settings_in(tmp_path, host=host)
    refused(create_app(settings).test_client().get("/api/models"), 401)
    with pytest.raises(SettingsError, match=f"at {re.escape(host)}.*keys create"):
        expect_access_control(settings, [host])
    KeyStore(settings.database_url).add("a", "read")
    expect_access_control(settings, [host])


def test_addresses_of_the_command_line_count(settings: Settings) -> None:
    expect_access_control(settings, ["127.0.0.1", "localhost", "::1"])
    with pytest.raises(SettingsError, match=r"at 0\.0\.0\.0"):
        expect_access_control(settings, ["127.0.0.1", "0.0.0.0"])


def test_behind_a_proxy_it_is_never_open(tmp_path: Path, store: KeyStore) -> None:
    behind = settings_in(tmp_path, trusted_proxies="127.0.0.1, 10.0.0.0/8")
    refused(create_app(behind).test_client().get("/api/models"), 401)
    with pytest.raises(SettingsError, match=r"through TRUSTED_PROXIES.*keys create"):
        expect_access_control(behind, ["127.0.0.1"])
    store.add("a", "read")
    expect_access_control(behind, ["127.0.0.1"])


@pytest.mark.service
def test_an_outage_of_the_database_stops_new_keys_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_keys, "FRESH", 0.0)
    with postgres.running() as server:
        settings = settings_in(tmp_path, database_url=server.new_database())
        store = KeyStore(settings.database_url)
        known, new = (store.add(name, "read") for name in ("known", "new"))
        client, late = create_app(settings).test_client(), create_app(settings).test_client()
        assert client.get("/api/models", headers=bearer(known)).status_code == 200
        store.close()
        server.stop()
        assert client.get("/api/models", headers=bearer(known)).status_code == 200
        assert client.get("/api/models", headers=bearer(new)).status_code == 200
        refused(client.get("/api/models", headers=bearer(new_key()[1])), 401)
        reply = late.get("/api/models", headers=bearer(known))
        refused(reply, 503, "database does not answer")
        assert int(reply.headers["Retry-After"]) > 0
        monkeypatch.setattr(known_keys, "_OUTAGE", 0.0)
        refused(client.get("/api/models", headers=bearer(known)), 503)
        server.process = server.start()
        wait_until(server.answers)  # a server that is still starting ignores the signal to stop


def stored_by_argon2(settings: Settings, store: KeyStore) -> str:
    """Return a key whose stored hash is as version 1.0 made it."""
    key = store.add("old", "read")
    slow = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(key)
    change(settings.database_url, f"UPDATE service_keys SET hash = '{slow}'")
    return key


def test_an_argon2_hash_is_replaced_at_the_first_use_of_its_key(
    app: Flask, settings: Settings, store: KeyStore
) -> None:
    key, (_, other) = stored_by_argon2(settings, store), new_key()
    client, wrong = app.test_client(), key.replace(secret_of(key), secret_of(other))
    refused(client.get("/api/models", headers=bearer(wrong)), 401)
    assert store.all()[0].hash.startswith("$argon2id$")
    assert client.get("/api/models", headers=bearer(key)).status_code == 200
    assert store.all()[0].hash == keys.hashed(key)
    assert client.get("/api/models", headers=bearer(key)).status_code == 200
    refused(client.get("/api/models", headers=bearer(wrong)), 401)


def test_many_calls_at_once_with_one_old_key_verify_its_argon2_hash_once(
    app: Flask, settings: Settings, store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, verified, really = stored_by_argon2(settings, store), [], keys.matches

    def matches(stored: str, presented: str) -> bool:
        verified.append(stored)
        return really(stored, presented)

    monkeypatch.setattr(keys, "matches", matches)
    with ThreadPoolExecutor(32) as pool:
        replies = pool.map(
            lambda _: app.test_client().get("/api/models", headers=bearer(key)), range(64)
        )
        assert {reply.status_code for reply in replies} == {200}
    assert sum(keys.is_slow(stored) for stored in verified) == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"oidc_issuer": "https://id.example.com"}, "OIDC_AUDIENCE"),
        ({"oidc_audience": "lstm"}, "OIDC_ISSUER"),
    ],
)
def test_half_an_openid_provider_is_refused(more: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings(**more)
