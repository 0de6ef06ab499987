"""Keys over the API: made and revoked by administrators; and the limits that callers are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from tests.support.running_service import wait_until
from tests.support.stores import settings_in
from utils.auth.key_store import KeyStore
from utils.auth.keys import id_of


@pytest.fixture
def guarded(tmp_path: Path) -> tuple[FlaskClient, dict[str, Any]]:
    """A service that takes keys, and the headers of its administrator."""
    settings = settings_in(tmp_path)
    key = KeyStore(settings.database_url).add("boss", "admin")
    return create_app(settings).test_client(), {"headers": {"Authorization": f"Bearer {key}"}}


def test_a_key_is_shown_once_works_and_ends_when_it_is_revoked(
    guarded: tuple[FlaskClient, dict[str, Any]], tmp_path: Path
) -> None:
    client, boss = guarded
    fields = {"name": " planning ", "role": "write", "days": 30}
    made = client.post("/api/keys", json=fields, **boss).get_json()
    key, id = made.pop("key"), made["key_id"]
    assert id == id_of(key) and (made["name"], made["state"]) == ("planning", "valid")
    headers = {"X-API-Key": key}
    wait_until(lambda: client.get("/api/access", headers=headers).status_code == 200)
    access = client.get("/api/access", headers=headers).get_json()
    assert (access["name"], access["role"]) == ("planning", "write")

    listed = client.get("/api/keys", **boss)
    assert key not in listed.text
    assert listed.get_json()["keys"][0] == {name: made[name] for name in made if name != "success"}
    assert client.delete(f"/api/keys/{id}", **boss).status_code == 200
    newest, first = client.get("/api/keys", **boss).get_json()["keys"]
    assert newest["state"] == "revoked" and newest["revoked_at"] >= newest["created_at"]
    assert first["expires_at"] is None

    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [(line["action"], line["subject"], line["name"]) for line in lines] == [
        ("key.create", id, "boss"),
        ("key.revoke", id, "boss"),
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"role": "read"}, "name"),
        ({"name": "a\nb"}, "printable"),
        ({"name": "x" * 101}, "name"),
        ({"name": "x", "role": "boss"}, "role"),
        ({"name": "x", "days": 0}, "days"),
    ],
)
def test_keys_that_break_a_rule_are_refused(
    guarded: tuple[FlaskClient, dict[str, Any]], fields: dict[str, Any], words: str
) -> None:
    client, boss = guarded
    reply = client.post("/api/keys", json=fields, **boss)
    assert reply.status_code == 422 and words in reply.get_json()["error"]
    assert len(client.get("/api/keys", **boss).get_json()["keys"]) == 1


def test_a_key_revokes_another_one_but_not_itself(
    guarded: tuple[FlaskClient, dict[str, Any]],
) -> None:
    client, boss = guarded
    own = id_of(boss["headers"]["Authorization"].removeprefix("Bearer "))
    refused = client.delete(f"/api/keys/{own}", **boss)
    assert refused.status_code == 409 and "itself" in refused.get_json()["error"]
    assert client.delete("/api/keys/nobody", **boss).status_code == 404


def test_the_first_key_is_made_on_the_command_line(client: FlaskClient) -> None:
    assert client.get("/api/keys").get_json()["keys"] == []
    reply = client.post("/api/keys", json={"name": "first", "role": "admin"})
    assert reply.status_code == 409 and "python run.py keys create" in reply.get_json()["error"]
    assert client.get("/api/models").status_code == 200


@pytest.mark.parametrize(("rates", "cheap"), [("auto", None), ("off", None), ("on", "3000/minute")])
def test_limits_are_those_of_the_settings(tmp_path: Path, rates: str, cheap: str | None) -> None:
    client = create_app(settings_in(tmp_path, rate_limits=rates, max_series=7)).test_client()
    limits = client.get("/api/limits").get_json()
    assert limits["max_series"] == 7 and limits["rate_cheap"] == cheap
    assert limits["stored_data_mb"] == limits["stored_models_mb"] == 0
