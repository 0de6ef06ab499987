"""Tokens of an OpenID provider, of a real one on this machine that serves its keys over HTTP."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask.testing import FlaskClient

from app import create_app
from tests.support.stores import settings_in
from tests.utils.http.test_access import bearer, refused
from utils.auth import oidc
from utils.auth.caller import Caller, caller
from utils.auth.key_store import KeyStore
from utils.errors import SettingsError

AUDIENCE = "lstm"
SIGNERS: dict[str, Any] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "ec": ec.generate_private_key(ec.SECP256R1()),
    "next": ec.generate_private_key(ec.SECP384R1()),
    "stranger": rsa.generate_private_key(65537, 2048),
}
ALGORITHMS = {"rsa": "RS256", "ec": "ES256", "next": "ES384", "stranger": "RS256"}


class Issuer:
    """The provider: what it serves, and what it was asked for."""

    def __init__(self) -> None:
        self.published = ["rsa", "ec"]
        self.asked: list[str] = []
        self.more: dict[str, Any] = {}
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                body = json.dumps(issuer.documents()[self.path]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/realms/plant"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def documents(self) -> dict[str, Any]:
        path = self.url[self.url.index("/realms") :]
        about = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.more
        return {
            f"{path}/.well-known/openid-configuration": about,
            f"{path}/keys": {"keys": [jwk(name) for name in self.published]},
        }

    def token(self, signer: str = "rsa", header: Any = None, **claims: Any) -> str:
        content = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "u1",
            "exp": time.time() + 300,
            "roles": ["read"],
        }
        content = {name: value for name, value in (content | claims).items() if value is not None}
        headers = {"kid": signer} | (header or {})
        headers = {name: value for name, value in headers.items() if value is not None}
        return jwt.encode(content, SIGNERS[signer], ALGORITHMS[signer], headers=headers)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def jwk(name: str) -> dict[str, Any]:
    public = SIGNERS[name].public_key()
    made = jwt.get_algorithm_by_name(ALGORITHMS[name]).to_jwk(public, as_dict=True)
    return made | {"kid": name, "use": "sig"}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.close()


def client_of(tmp_path: Path, issuer: Issuer, **more: Any) -> FlaskClient:
    given = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE} | more
    return create_app(settings_in(tmp_path, **given)).test_client()


@pytest.fixture
def client(tmp_path: Path, issuer: Issuer) -> FlaskClient:
    return client_of(tmp_path, issuer)


def status(client: FlaskClient, token: str, method: str = "GET", path: str = "/api/models") -> int:
    return client.open(path, method=method, headers=bearer(token)).status_code


@pytest.mark.parametrize("signer", ["rsa", "ec"])
def test_a_token_of_the_provider_is_let_in(
    client: FlaskClient, issuer: Issuer, signer: str
) -> None:
    token = issuer.token(signer)
    assert [status(client, token) for _ in range(5)] == [200] * 5
    assert len(issuer.asked) == 2  # its configuration and its keys, once
    refused(client.get("/api/models"), 401)
    refused(client.post("/api/masterdata/reload", headers=bearer(token)), 403, "`read`", "`admin`")
    refused(client.get("/api/models", headers=bearer("lstm_x")), 401)


def b64(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(issuer: Issuer) -> str:
    claims = issuer.token().split(".")[1]
    return f"{b64({'alg': 'none', 'kid': 'rsa'})}.{claims}."


def signed_by_what_all_know(issuer: Issuer) -> str:
    """HS256, its secret the public key: what takes the algorithm's name from the token accepts."""
    import hashlib
    import hmac

    public = (
        SIGNERS["rsa"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    head = f"{b64({'alg': 'HS256', 'kid': 'rsa'})}.{issuer.token().split('.')[1]}"
    return f"{head}.{b64(hmac.new(public, head.encode(), hashlib.sha256).digest())}"


def altered(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    claims = issuer.token(roles=["admin"]).split(".")[1]
    return f"{head}.{claims}.{signature}"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (unsigned, "algorithm"),
        (signed_by_what_all_know, "algorithm"),
        (altered, "ignature"),
        (lambda issuer: issuer.token(aud="other"), "udience"),
        (lambda issuer: issuer.token(aud=None), "aud"),
        (lambda issuer: issuer.token(iss="https://evil.example.com"), "ssuer"),
        (lambda issuer: issuer.token(exp=time.time() - 60), "expired"),
        (lambda issuer: issuer.token(exp=None), "exp"),
        (lambda issuer: issuer.token(nbf=time.time() + 60), "not yet"),
        (lambda issuer: issuer.token(sub=None), "sub"),
        (lambda issuer: issuer.token("stranger"), "none of the provider's"),
        (lambda issuer: issuer.token("stranger", {"kid": "rsa"}), "ignature"),
        (lambda issuer: issuer.token("rsa", {"kid": "ec"}), "algorithm"),
        (lambda issuer: f"{b64(b'[' * 4000)}.{b64({})}.", "not valid"),
        (lambda issuer: "a.b.c", "not valid"),
        (lambda issuer: "x" * 3000, "not valid"),
    ],
)
def test_what_is_no_valid_token_is_refused(
    client: FlaskClient, issuer: Issuer, make: Any, words: str
) -> None:
    refused(client.get("/api/models", headers=bearer(make(issuer))), 401, words)


@pytest.mark.parametrize(
    ("claim", "claims", "role"),
    [
        ("roles", {"roles": ["other", "admin", "read"]}, "admin"),
        ("roles", {"roles": "write"}, "write"),
        ("scope", {"scope": "openid read write"}, "write"),
        ("realm_access.roles", {"realm_access": {"roles": ["read"]}}, "read"),
        ("https://example.com/roles", {"https://example.com/roles": ["read"]}, "read"),
    ],
)
def test_the_highest_role_of_the_claim_counts(
    tmp_path: Path, issuer: Issuer, claim: str, claims: dict[str, Any], role: str
) -> None:
    client, seen = client_of(tmp_path, issuer, oidc_role_claim=claim), []
    client.application.add_url_rule("/who", "who", lambda: seen.append(caller()) or "")
    token = issuer.token(**{"roles": None, "preferred_username": "Jo"} | claims)
    assert status(client, token, path="/who") == (200 if role == "admin" else 403)
    assert status(client, token) == 200
    assert seen == ([Caller("oidc:u1", "Jo", "admin")] if role == "admin" else [])
    may_write = 403 if role == "read" else 404
    assert status(client, token, "DELETE", "/api/model/none") == may_write


@pytest.mark.parametrize("roles", [None, [], ["reader"], "admins", {"admin": True}, [["admin"]], 7])
def test_a_token_without_a_role_may_do_nothing(
    client: FlaskClient, issuer: Issuer, roles: Any
) -> None:
    refused(client.get("/api/models", headers=bearer(issuer.token(roles=roles))), 403, "'roles'")


def test_an_unknown_key_is_fetched_once_per_cool_down(client: FlaskClient, issuer: Issuer) -> None:
    assert status(client, issuer.token()) == 200
    issuer.published = ["next"]
    for _ in range(20):
        assert status(client, issuer.token("next")) == 401
    assert len(issuer.asked) == 2


def test_a_new_key_is_fetched_and_a_withdrawn_one_refused(
    tmp_path: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "_COOLDOWN", 0.0)
    client, again = client_of(tmp_path, issuer), issuer.token()
    assert status(client, again) == 200
    issuer.published = ["next"]
    assert status(client, issuer.token("next")) == 200
    assert len(issuer.asked) == 4
    assert status(client, again) == 200, "a checked token is not checked again for a minute"
    assert status(client, issuer.token(sub="u2")) == 401


def test_a_token_without_a_key_id_is_of_the_only_key(client: FlaskClient, issuer: Issuer) -> None:
    issuer.published = ["rsa"]
    assert status(client, issuer.token(header={"kid": None})) == 200


def test_a_provider_that_does_not_answer_is_contacted_once_per_cool_down(
    client: FlaskClient, issuer: Issuer
) -> None:
    issuer.more = {"issuer": "http://127.0.0.1/other"}
    for _ in range(5):
        refused(client.get("/api/models", headers=bearer(issuer.token())), 503, "OpenID provider")
    assert len(issuer.asked) == 1


@pytest.mark.long
def test_a_token_is_remembered_no_longer_than_it_is_valid(
    client: FlaskClient, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "_LEEWAY", 0.0)
    token = issuer.token(exp=time.time() + 1.2)
    assert status(client, token) == 200
    time.sleep(1.3)
    refused(client.get("/api/models", headers=bearer(token)), 401, "expired")


def test_fetched_keys_outlast_the_provider(tmp_path: Path) -> None:
    issuer = Issuer()
    client, late = client_of(tmp_path, issuer), client_of(tmp_path, issuer)
    assert status(client, issuer.token()) == 200
    issuer.close()
    assert status(client, issuer.token(sub="u2")) == 200
    refused(late.get("/api/models", headers=bearer(issuer.token())), 503, "OpenID provider")


@pytest.mark.parametrize(
    "more",
    [
        {"issuer": "http://127.0.0.1/other"},
        {"jwks_uri": "http://keys.example.com/"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
    ],
)
def test_a_configuration_that_leads_astray_is_not_followed(
    client: FlaskClient, issuer: Issuer, more: dict[str, Any]
) -> None:
    issuer.more = more
    refused(client.get("/api/models", headers=bearer(issuer.token())), 503, "OpenID provider")
    assert len(issuer.asked) == 1


def test_keys_work_beside_tokens(tmp_path: Path, issuer: Issuer) -> None:
    key = KeyStore(settings_in(tmp_path).database_url).add("a", "read")
    client = client_of(tmp_path, issuer)
    assert status(client, key) == status(client, issuer.token()) == 200


@pytest.mark.parametrize("url", ["http://id.example.com", "id.example.com", "file:///etc"])
def test_a_provider_has_to_be_reached_safely(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="https://"):
        create_app(settings_in(tmp_path, oidc_issuer=url, oidc_audience="x"))
