"""The audit log: a line for whoever changes or takes something, whole, whatever happens."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from app import create_app
from tests.support.running_service import FAST, ROOT, SMALL, Service, make_key, run_command
from tests.support.stores import settings_in
from utils.auth.caller import Caller, set_caller
from utils.auth.keys import id_of
from utils.http import audit
from utils.http.views import ENDPOINTS
from utils.settings import Settings

# POST of the contract that leave everything as it was.
HARMLESS = {
    "/api/jobs/<job_id>/events/ticket",
    "/api/data/preview",
    "/api/data/validate",
    "/api/model/predict",
    "/api/model/predict/batch",
    "/api/model/predict/scenarios",
    "/api/model/validate",
    "/api/model/plant/<plant>/predict",
    "/api/masterdata/validate",
    *(f"/api/plan/{name}" for name in ("finish", "output", "unit", "advise", "compare", "line")),
}
DOWNLOADS = {"/api/data/<dataset_id>", "/api/model/<model_id>/download", "/api/masterdata/export"}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_whatever_changes_or_takes_something_has_an_action(app: Flask) -> None:
    found = audit.audited(app, ENDPOINTS)
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<\w+:", "<", rule.rule)
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            changes = method != "GET" and path not in HARMLESS
            expected = changes or (method == "GET" and path in DOWNLOADS)
            assert ((rule.endpoint, method) in found) == expected, (method, path)
    assert len(found) == sum(1 for each in ENDPOINTS if each.action)


def test_a_line_says_who_did_what_when(client: FlaskClient, tmp_path: Path) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)
    made = client.post("/api/data/generate", json=SMALL, headers={"X-Request-ID": "r-1"})
    id = made.get_json()["dataset_id"]
    client.get(f"/api/data/{id}?format=csv")
    client.get("/api/data")  # looking is no action
    client.delete(f"/api/data/{id}")
    client.delete(f"/api/data/{id}")
    first, *rest = lines(tmp_path / "audit.jsonl")
    assert began < datetime.fromisoformat(first.pop("time")) <= datetime.now(UTC)
    assert first == {
        "action": "data.generate",
        "subject": id,
        "caller": "local",
        "name": "local",
        "role": "admin",
        "outcome": "done",
        "status": 200,
        "address": "127.0.0.1",
        "request_id": "r-1",
    }
    assert [
        (line["action"], line["subject"], line["status"], line["outcome"]) for line in rest
    ] == [
        ("data.download", id, 200, "done"),
        ("data.delete", id, 200, "done"),
        ("data.delete", id, 404, "refused"),
    ]
    assert stat.S_IMODE((tmp_path / "audit.jsonl").stat().st_mode) == 0o600


@pytest.mark.parametrize("status", [401, 403, 409, 429])
def test_refusals_are_lines_too(app: Flask, tmp_path: Path, status: int) -> None:
    app.before_request(lambda: ({"success": False, "error": "No."}, status))
    app.test_client().delete("/api/model/some-model")
    [line] = lines(tmp_path / "audit.jsonl")
    assert (line["action"], line["subject"]) == ("model.delete", "some-model")
    assert (line["status"], line["outcome"]) == (status, "refused")


def test_a_line_names_the_caller_and_no_secret(app: Flask, tmp_path: Path) -> None:
    @app.before_request
    def name() -> None:
        set_caller(Caller("k1", "Ann\n{}", "write"))

    secret = "lstm-secret-4711"
    headers = {"Authorization": f"Bearer {secret}", "X-API-Key": secret}
    app.test_client().post(f"/api/masterdata/reload?key={secret}", headers=headers)
    [line] = lines(tmp_path / "audit.jsonl")
    assert (line["caller"], line["name"], line["role"]) == ("k1", "Ann\n{}", "write")
    assert secret not in (tmp_path / "audit.jsonl").read_text()


@pytest.mark.parametrize("name", ["a%0A%7B%22action%22%3A1%7D", "%1b%5b2J", "%ff%fe", "x" * 3000,
                                  "%e2%80%a8", "ä"])  # fmt: skip
def test_names_from_outside_stay_inside_their_line(
    client: FlaskClient, tmp_path: Path, name: str
) -> None:
    assert client.delete(f"/api/model/{name}").status_code == 404
    content = (tmp_path / "audit.jsonl").read_bytes()
    assert content.isascii() and content.count(b"\n") == 1 and content.endswith(b"\n")
    [line] = lines(tmp_path / "audit.jsonl")
    assert line["action"] == "model.delete" and len(line["subject"]) <= 200
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", content)


def test_a_lone_surrogate_is_written_too(tmp_path: Path) -> None:
    audit.AuditLog(tmp_path / "log").write({"subject": "\udcff"})
    assert lines(tmp_path / "log") == [{"subject": "\udcff"}]


def full_disk(_folder: Path) -> Path:
    return Path("/dev/full")


def a_folder(folder: Path) -> Path:
    (folder / "log").mkdir()
    return folder / "log"


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "log"


@pytest.mark.parametrize("place", [full_disk, a_folder, below_a_file])
def test_a_log_that_cannot_be_written_changes_no_reply(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    client = create_app(settings_in(tmp_path, audit_log=str(place(tmp_path)))).test_client()
    with capture_logs() as logged:
        assert client.post("/api/masterdata/reload").status_code == 200
    [error] = [each for each in logged if each["log_level"] == "error"]
    assert error["event"] == "cannot write the audit log" and error["reason"]
    assert error["line"]["action"] == "master_data.reload"  # so that it is not lost


def test_the_line_after_one_that_was_cut_off_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"whole": 1}\n{"cut o')
    audit.AuditLog(path).write({"whole": 2})
    audit.AuditLog(path).write({"whole": 3})
    assert path.read_bytes() == b'{"whole": 1}\n{"cut o\n{"whole": 2}\n{"whole": 3}\n'


_APPEND = """
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from utils.http.audit import AuditLog

log = AuditLog(Path(sys.argv[1]))
with ThreadPoolExecutor(4) as threads:
    for number in range(1000):
        threads.submit(log.write, {"from": sys.argv[2], "number": number, "text": "x" * 300})
"""


@pytest.mark.service
def test_many_processes_and_threads_append_whole_lines_through_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    with ThreadPoolExecutor() as threads:
        runs = [
            threads.submit(
                subprocess.run,
                [sys.executable, "-c", _APPEND, str(path), name],
                cwd=ROOT,
                check=True,
            )
            for name in "abc"
        ]
        moved = 0
        while not all(run.done() for run in runs):
            if moved < 5 and path.exists() and path.stat().st_size > 50_000:
                path.rename(tmp_path / f"audit.{moved}")  # as logrotate does
                moved += 1
            time.sleep(0.005)
        for run in runs:
            run.result()
    written = [line for file in tmp_path.iterdir() for line in lines(file)]
    assert moved and len(written) == 3000
    assert {(line["from"], line["number"]) for line in written} == {
        (name, number) for name in "abc" for number in range(1000)
    }


def test_a_training_is_noted_when_it_is_accepted(service: Service, dataset: dict[str, Any]) -> None:
    """Whoever waits for it may hang up, and this process may end: the line is there."""
    path, asked = service.folder / "audit.jsonl", FAST | {"datasetId": dataset["dataset_id"]}
    service.wait_for_worker()
    waited = service.post("/api/model/train", asked | {"epochs": 1}).json()["model_id"]
    one = asked | {"plants": ["P 1"], "background": True}
    [left] = service.post("/api/model/train/parallel/plants", one).json()["jobs"].values()
    assert service.get(f"/api/model/{waited}/download").ok
    assert service.call("DELETE", f"/api/model/{waited}").ok
    found = {id: [e for e in lines(path) if e["subject"] == id] for id in (waited, left)}
    assert [e["action"] for e in found[waited]] == ["model.train", "model.download", "model.delete"]
    for id, entries in found.items():
        first = entries[0]
        assert (first["action"], first["job"], first["status"]) == ("model.train", id, 202)
    assert len(found[left]) == 1
    service.wait_for(left, "succeeded")


@pytest.mark.long
@pytest.mark.service
def test_the_command_line_leaves_lines_too(tmp_path: Path) -> None:
    key = make_key(tmp_path, "Ann", "read")
    assert run_command(tmp_path, "keys", "revoke", id_of(key)).returncode == 0
    found = lines(tmp_path / "audit.jsonl")
    assert [line["action"] for line in found] == ["key.create", "key.revoke"]
    for line in found:
        assert (line["subject"], line["outcome"]) == (id_of(key), "done")
        assert line["caller"].startswith("user:") and line["role"] == "admin"
    assert key not in (tmp_path / "audit.jsonl").read_text()


@pytest.mark.parametrize(
    ("settings", "file"),
    [
        ({}, ROOT / "saved_data" / "audit.jsonl"),
        ({"database_url": "sqlite:////var/lib/x/jobs.sqlite"}, Path("/var/lib/x/audit.jsonl")),
        ({"database_url": "sqlite:////v/j.sqlite?timeout=3"}, Path("/v/audit.jsonl")),
        ({"database_url": "postgresql://h/d", "data_store": "/data"}, Path("/data/audit.jsonl")),
        ({"database_url": "postgresql://h/d", "data_store": "s3://b/p"}, None),
        ({"audit_log": "stdout"}, None),
        ({"audit_log": "/var/log/lstm.jsonl"}, Path("/var/log/lstm.jsonl")),
    ],
)
def test_where_it_is(settings: dict[str, str], file: Path | None) -> None:
    assert Settings(**settings).audit_file == file  # type: ignore[arg-type]


@pytest.mark.service
def test_standard_output() -> None:
    script = (
        "from utils.http.audit import AuditLog as A\n"
        "A(None).write({'a': 1}); A(None).write({'b': 2})"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout == b'{"a": 1}\n{"b": 2}\n'
