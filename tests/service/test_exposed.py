"""A service that other machines reach: no start without keys, and keys while it runs."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from tests.support.running_service import (
    ROOT,
    Service,
    environment_of,
    free_port,
    make_key,
    run_command,
    start_service,
    wait_until,
)
from utils.auth.keys import id_of

EVERYWHERE = {"HOST": "0.0.0.0"}


@pytest.mark.parametrize(
    "program",
    [
        [sys.executable, "run.py"],
        [sys.executable, "-m", "gunicorn", "app:app"],
        [sys.executable, "-m", "gunicorn", "--bind", "0.0.0.0:{port}", "app:app"],
    ],
    ids=["run.py", "gunicorn", "gunicorn --bind"],
)
def test_it_does_not_start_where_others_reach_it_and_nobody_has_a_key(
    tmp_path: Path, program: list[str]
) -> None:
    settings = {} if "--bind" in program else EVERYWHERE
    port = free_port()
    done = subprocess.run(
        [word.format(port=port) for word in program],
        cwd=ROOT,
        env=environment_of(tmp_path, PORT=str(port), **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "at 0.0.0.0" in done.stderr and "python run.py keys create" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def exposed(endless: tuple[Path, str]) -> Iterator[Service]:
    """A service on every address of this machine, called by an admin."""
    folder, _ = endless
    key = make_key(folder, "admin", "admin")
    running = start_service(folder, WORKERS="0", **EVERYWHERE)
    yield replace(running, key=key)
    assert running.stop() == 0


@pytest.mark.long
def test_the_log_advises_a_proxy_once(exposed: Service, service: Service) -> None:
    assert (exposed.folder / "log").read_text().count("put nginx in front") == 1
    assert "put nginx in front" not in (service.folder / "log").read_text()


def new_key(exposed: Service, role: str) -> str:
    settings = {"DATABASE_URL": exposed.environment["DATABASE_URL"]}
    return make_key(exposed.folder, f"made for {role}", role, **settings)


def revoke(exposed: Service, key: str) -> None:
    url = exposed.environment["DATABASE_URL"]
    done = run_command(exposed.folder, "keys", "revoke", str(id_of(key)), DATABASE_URL=url)
    assert done.returncode == 0, done.stderr


def answers(service: Service, times: int = 12) -> set[int]:
    """Return the statuses of both web processes: each call makes a connection of its own."""
    return {service.get("/api/models").status_code for _ in range(times)}


def test_with_a_key_it_serves_other_machines(exposed: Service) -> None:
    here = socket.gethostbyname(socket.gethostname())
    elsewhere = replace(exposed, url=f"http://{here}:{exposed.environment['PORT']}")
    for reached in (exposed, elsewhere):
        assert answers(reached) == {200}
        assert answers(replace(reached, key="")) == {401}
        assert replace(reached, key="").get("/health/live").ok


def test_a_key_works_once_it_is_made_and_ends_once_it_is_revoked(exposed: Service) -> None:
    client = replace(exposed, key=new_key(exposed, "read"))
    assert answers(client) == {200}
    assert client.post("/api/data/generate", {}).status_code == 403
    revoke(exposed, client.key)
    wait_until(lambda: answers(client) == {401}, 20)
    assert answers(exposed) == {200}


def test_the_readme_leads_to_a_first_call_with_a_key(exposed: Service) -> None:
    section = (ROOT / "README.md").read_text().partition("## Access")[2]
    make, serve, call = section.partition("```sh\n")[2].partition("```")[0].strip().splitlines()
    assert serve == "HOST=0.0.0.0 python run.py"  # as this service was started
    script = f"{make}\n{call}".replace("python", sys.executable)
    script = script.replace("http://127.0.0.1:5000", exposed.url)
    done = subprocess.run(
        ["bash", "-ec", script], cwd=ROOT, env=exposed.environment, capture_output=True, check=True
    )
    assert json.loads(done.stdout)["status"] == "healthy"


def test_a_large_body_without_a_key_is_refused_with_a_reason(exposed: Service) -> None:
    headers = {"Content-Type": "text/csv"}
    reply = replace(exposed, key="").post(
        "/api/data/upload", data=b"x" * 5_000_000, headers=headers
    )
    assert reply.status_code == 401 and "keys create" in reply.json()["error"]


def stream(exposed: Service, url: str, **headers: str) -> requests.Response:
    """Open a stream as a browser does, without a header that identifies the caller."""
    return requests.get(exposed.url + url, headers=headers, stream=True, timeout=60)


def first_epoch(reply: requests.Response) -> str:
    """Return the id of the first epoch event of a stream."""
    assert reply.status_code == 200, reply.text
    id = ""
    for line in reply.iter_lines(chunk_size=1, decode_unicode=True):
        id = line.removeprefix("id: ") if line.startswith("id: ") else id
        if line == "event: epoch":
            return id
    raise AssertionError("the stream ended without an epoch")


def test_a_ticket_opens_the_events_of_its_job_again_and_again(
    exposed: Service, endless: tuple[Path, str]
) -> None:
    _, job = endless
    made = exposed.post(f"/api/jobs/{job}/events/ticket").json()
    assert made["url"] == f"/api/jobs/{job}/events?ticket={made['ticket']}"
    assert made["expires_in_seconds"] == 60
    with stream(exposed, made["url"]) as first:
        last = first_epoch(first)
    with stream(exposed, made["url"], **{"Last-Event-ID": last}) as again:
        assert int(first_epoch(again)) > int(last)
    with stream(exposed, made["url"], Authorization="Bearer lstm_wrong") as wrong:
        assert wrong.status_code == 401


def test_a_ticket_opens_nothing_else(exposed: Service, endless: tuple[Path, str]) -> None:
    _, job = endless
    ticket = exposed.post(f"/api/jobs/{job}/events/ticket").json()["ticket"]
    # Not its last character: two bits of that one are beyond the end of the signature.
    other = ticket[:-2] + ("A" if ticket[-2] != "A" else "B") + ticket[-1]
    for path, words in {
        f"/api/jobs/other/events?ticket={ticket}": "another job",
        f"/api/jobs/{job}/events?ticket={other}": "none of this service",
        f"/api/jobs/{job}/events?ticket=x": "none of this service",
        f"/api/jobs/{job}/events?ticket=": "keys create",
        f"/api/jobs/{job}?ticket={ticket}": "keys create",
        f"/api/models?ticket={ticket}": "keys create",
    }.items():
        with stream(exposed, path) as reply:
            assert reply.status_code == 401 and words in reply.json()["error"]
    assert exposed.post("/api/jobs/none/events/ticket").status_code == 404


@pytest.mark.long
def test_streams_end_when_their_key_is_revoked(exposed: Service, endless: tuple[Path, str]) -> None:
    _, job = endless
    client = replace(exposed, key=new_key(exposed, "read"))
    url = client.post(f"/api/jobs/{job}/events/ticket").json()["url"]
    with (
        stream(exposed, url) as by_ticket,
        client.get(f"/api/jobs/{job}/events", stream=True) as by_header,
    ):
        revoke(exposed, client.key)
        began = time.monotonic()
        for reply in (by_ticket, by_header):
            assert b"event: epoch" in reply.content  # it has an end
        assert time.monotonic() - began < 60
    with stream(exposed, url) as again:
        assert again.status_code == 401


def test_neither_keys_nor_tickets_are_in_the_logs(
    exposed: Service, endless: tuple[Path, str]
) -> None:
    _, job = endless
    wrong = exposed.key[:-3] + "AAA"
    for name, value in {"X-API-Key": wrong, "Authorization": f"Bearer {wrong}"}.items():
        with stream(exposed, "/api/jobs", **{name: value}) as reply:
            assert reply.status_code == 401
    made = exposed.post(f"/api/jobs/{job}/events/ticket").json()
    with stream(exposed, made["url"]) as reply:
        first_epoch(reply)
    damaged = new_key(exposed, "read")
    with sqlite3.connect(exposed.folder / "jobs.sqlite") as connection:
        change = "UPDATE service_keys SET hash = '$argon2id$damaged' WHERE id = ?"
        connection.execute(change, (id_of(damaged),))
    connection.close()
    reached = replace(exposed, key=damaged)
    wait_until(lambda: reached.get("/api/jobs").status_code == 500, 10)
    strange = replace(exposed, key=wrong).call("DELETE", "/api/model/strangers")
    assert strange.status_code == 401
    log = (exposed.folder / "log").read_text()
    audit = [json.loads(line) for line in (exposed.folder / "audit.jsonl").read_text().splitlines()]
    [refused] = [line for line in audit if line["subject"] == "strangers"]
    assert (refused["caller"], refused["role"], refused["outcome"]) == (None, None, "refused")
    assert "key.create" in {line["action"] for line in audit}
    assert log.count("status=401") >= 2 and f"/api/jobs/{job}/events" in log
    assert "Traceback" in log and "VerificationError" in log
    keys = [exposed.key, wrong, damaged]
    secrets = [*(key.split("_", 2)[2][:20] for key in keys), made["ticket"][:20], "ticket="]
    log += json.dumps(audit)
    assert [secret for secret in secrets if secret in log] == []
    assert not re.search(r"lstm_[a-z2-9]{10}_[\w-]{43}", log)
