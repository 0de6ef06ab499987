"""Bounds: each is a setting, and each refusal names it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import request
from flask.testing import FlaskClient

from app import create_app
from tests.support.running_service import FAST, SMALL, Service
from tests.support.stores import settings_in, visible_files
from utils.api.request_limits import Streams
from utils.auth.caller import LOCAL, Caller, set_caller
from utils.errors import SettingsError, TooLarge, TooManyRequests, Unavailable
from utils.settings import Settings, read
from utils.storage.artifact_store import ArtifactStore
from utils.storage.quota import Quota

GENERATE, TRAIN, UPLOAD = "/api/data/generate", "/api/model/train", "/api/data/upload"
PREDICT = "/api/model/predict"
ASK = {"model_id": "x", "plant": "a", "application": "b", "panelSize": "c"}
ROWS = [
    {"day": day, "plant": plant, "application": "b", "panel_size": "c", "wip": 1, "throughput": 1}
    for plant in "xyz"
    for day in range(9)
]
ANY = "00000000-0000-4000-8000-000000000000"


def client_of(folder: Path, **more: Any) -> FlaskClient:
    """The client of an app at a folder; a header names the caller."""
    app = create_app(settings_in(folder, **more))

    def access() -> None:
        if name := request.headers.get("X-API-Key"):
            set_caller(Caller(name, name, "write"))

    app.before_request_funcs[None].append(access)
    return app.test_client()


@pytest.mark.parametrize(
    ("setting", "value", "path", "more", "status", "sentence"),
    [
        (
            "max_rows",
            19,
            GENERATE,
            {"json": SMALL},
            413,
            "480 rows; a data set may have at most 19",
        ),
        ("max_rows", 19, UPLOAD, {"json": ROWS}, 413, "at most 19 rows"),
        ("max_series", 3, GENERATE, {"json": SMALL}, 413, "at most 3 series"),
        ("max_series", 2, UPLOAD, {"json": ROWS}, 413, "at most 2 series"),
        ("max_series", 2, "/api/data/validate", {"json": {"data": ROWS}}, 413, "at most 2 series"),
        ("max_epochs", 7, TRAIN, {"json": {"epochs": 8}}, 422, "epochs must be at most 7"),
        ("max_epochs", 7, TRAIN, {"json": {}}, 422, "Received: 50."),
        ("max_epochs", 7, f"{TRAIN}/parallel/plants", {"json": {"epochs": 8}}, 422, "at most 7"),
        ("max_units", 9, TRAIN, {"json": {"lstmUnits1": 10}}, 422, "lstmUnits1 must be at most 9"),
        (
            "max_units",
            9,
            f"{TRAIN}/enhanced",
            {"json": {"lstmUnits1": 9, "lstmUnits2": 10}},
            422,
            "lstmUnits2 must be at most 9",
        ),
        (
            "max_horizon",
            29,
            PREDICT,
            {"json": ASK},
            422,
            "predictionDays must be at most 29 (MAX_HORIZON). Received: 30.",
        ),
        ("max_horizon", 6, f"/api/model/{ANY}/backtest", {"json": {"horizon": 7}}, 422, "horizon"),
        (
            "max_json_mb",
            1,
            TRAIN,
            {"data": b" " * 1_000_001, "content_type": "application/json"},
            413,
            "A JSON body may have at most 1 MB",
        ),
        (
            "max_upload_mb",
            1,
            UPLOAD,
            {"data": b" " * 1_000_001, "content_type": "text/csv"},
            413,
            "An upload may have at most 1 MB",
        ),
    ],
)
def test_the_refusal_names_the_setting(
    tmp_path: Path,
    setting: str,
    value: int,
    path: str,
    more: dict[str, Any],
    status: int,
    sentence: str,
) -> None:
    reply = client_of(tmp_path, **{setting: value}).post(path, **more)
    assert reply.status_code == status, reply.text
    error = reply.get_json()["error"]
    assert sentence in error and f"({setting.upper()})" in error
    if status == 422:
        [detail] = reply.get_json()["details"]
        assert detail["field"] in error and detail["received"] > value
    assert not (tmp_path / "data").exists()


def test_stored_data_sets_take_no_more_than_they_may(tmp_path: Path) -> None:
    client = client_of(tmp_path, max_data_mb=1)
    large = {"plants": ["a"], "applications": ["b"], "panelSizes": ["c"], "historicalDays": 30_000}
    reply = client.post(GENERATE, json=large)
    assert reply.status_code == 413
    assert "All data sets together may take at most 1 MB (MAX_DATA_MB)" in reply.get_json()["error"]
    assert visible_files(tmp_path / "data") == []
    made = client.post(GENERATE, json=large | {"historicalDays": 9_000})
    assert made.status_code == 200
    (tmp_path / "data" / "more.parquet").write_bytes(bytes(1_000_000))  # another process's
    full = client_of(tmp_path, max_data_mb=1)
    for path, body in ((GENERATE, large | {"historicalDays": 2}), (UPLOAD, ROWS)):
        reply = full.post(path, json=body)
        assert reply.status_code == 413 and "They take 1." in reply.get_json()["error"]
    (tmp_path / "data" / "more.parquet").unlink()
    assert full.delete(f"/api/data/{made.get_json()['dataset_id']}").status_code == 200
    assert full.post(UPLOAD, json=ROWS).status_code == 200


def test_a_store_far_away_is_measured_by_its_listing(location: str) -> None:
    store = ArtifactStore(location, "thing", (".bin",), Quota("MAX_THINGS_MB", 1))

    def publish(size: int) -> None:
        def write(path: Path) -> None:
            path.write_bytes(bytes(size))

        store.publish(str(uuid4()), {}, {".bin": write})

    publish(600_000)
    with pytest.raises(TooLarge, match=r"\(MAX_THINGS_MB\). They take 0.6 MB, .* add 0.6 MB"):
        publish(600_000)
    other = ArtifactStore(location, "thing", (".bin",), Quota("MAX_THINGS_MB", 1))
    assert other.quota.size() == store.quota.size() > 600_000 and len(other.ids()) == 1
    publish(300_000)
    with pytest.raises(TooLarge):
        publish(300_000)


def test_a_batch_refuses_items_that_look_too_far(
    service: Service, question: dict[str, Any]
) -> None:
    client = client_of(service.folder, max_horizon=10)
    item = {name: value for name, value in question.items() if name != "model_id"}
    items = [item | {"predictionDays": days} for days in (10, 11)]
    batch = {"model_id": question["model_id"], "items": items}
    first, second = client.post(f"{PREDICT}/batch", json=batch).get_json()["results"]
    assert len(first["predictions"]) == 10
    assert second["error"] == "predictionDays must be at most 10 (MAX_HORIZON). Received: 11."


def test_models_that_take_all_their_room_are_the_last_ones(
    service: Service, trained: dict[str, Any]
) -> None:
    service.wait_for_worker()
    filler = service.folder / "models" / "filler.keras"
    filler.write_bytes(bytes(1_100_000))
    try:
        client = client_of(service.folder, max_models_mb=1)
        model = f"/api/model/{trained['model_id']}"
        for path in (TRAIN, f"{TRAIN}/parallel/plants", f"{model}/compress"):
            reply = client.post(path, json={})
            assert reply.status_code == 413, reply.text
            assert "(MAX_MODELS_MB)" in reply.get_json()["error"]
    finally:
        filler.unlink()


@pytest.fixture
def busy(service: Service, dataset: dict[str, Any]) -> Iterator[Callable[[str], dict[str, Any]]]:
    """The only worker is busy; jobs submitted meanwhile are cancelled in the end."""
    service.wait_for_worker()
    body = FAST | {"datasetId": dataset["dataset_id"], "background": True}
    running = service.submit(body | {"epochs": 10_000})
    service.wait_for(running, "running")
    yield lambda key: {"json": body, "headers": {"X-API-Key": key}}
    listed = [service.get(f"/api/jobs?status={s}").json()["jobs"] for s in ("queued", "running")]
    for job in (job for jobs in listed for job in jobs):
        assert service.call("DELETE", f"/api/jobs/{job['job_id']}").status_code == 200


def test_a_caller_has_so_many_jobs_waiting_and_each_knows_its_owner(
    service: Service, trained: dict[str, Any], busy: Callable[[str], dict[str, Any]]
) -> None:
    client = client_of(service.folder, max_queued_jobs=2)
    one, other = busy("one"), busy("other")
    first = client.post(TRAIN, **one)
    assert first.status_code == 202, first.text
    parallel = client.post(f"{TRAIN}/parallel/plants", **one)  # of two plants
    assert parallel.status_code == 429 and int(parallel.headers["Retry-After"]) > 0
    assert parallel.get_json()["error"] == (
        "One caller may have at most 2 jobs waiting (MAX_QUEUED_JOBS). Waiting: 1; this would add "
        "2. Try again later, or cancel some of them."
    )
    again = {"Idempotency-Key": str(uuid4())}
    request = one | {"headers": one["headers"] | again}
    second = client.post(TRAIN, **request)
    assert second.status_code == 202
    assert (
        client.post(TRAIN, **request).get_json() == second.get_json()
    )  # that job is there already
    backtest = f"/api/model/{trained['model_id']}/backtest"
    for path in (TRAIN, backtest):
        reply = client.post(path, **one | {"json": one["json"] if path == TRAIN else {}})
        assert reply.status_code == 429 and "MAX_QUEUED_JOBS" in reply.get_json()["error"]
    third = client.post(TRAIN, **other)
    assert third.status_code == 202
    owners = [service.job(reply.get_json()["job_id"])["owner"] for reply in (first, third)]
    assert owners == ["one", "other"]
    assert service.get("/api/jobs?status=running").json()["jobs"][0]["owner"] is None
    cancelled = first.get_json()["job_id"]
    assert service.call("DELETE", f"/api/jobs/{cancelled}").status_code == 200
    assert client.post(TRAIN, **one).status_code == 202


def test_a_caller_has_so_many_streams_of_those_that_a_process_has() -> None:
    streams = Streams(Settings(max_streams=4, max_streams_per_caller=2))
    one, other = Caller("1", "one", "read"), Caller("2", "other", "read")
    release = streams.take(one, "GET /x")
    streams.take(one, "GET /x")
    with pytest.raises(TooManyRequests, match=r"at most 2 .*\(MAX_STREAMS_PER_CALLER\).* GET /x"):
        streams.take(one, "GET /x")
    release()
    streams.take(one, "GET /x")
    streams.take(other, "GET /x")
    streams.take(LOCAL, "GET /x")
    with pytest.raises(Unavailable, match=r"4 event streams .*\(MAX_STREAMS\).* GET /x"):
        streams.take(LOCAL, "GET /x")


def test_places_of_streams_are_never_lost_among_threads() -> None:
    streams = Streams(Settings(max_streams=8, max_streams_per_caller=8))

    def come_and_go() -> None:
        for _ in range(200):
            streams.take(LOCAL, "")()

    threads = [threading.Thread(target=come_and_go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in range(8):
        streams.take(LOCAL, "")
    with pytest.raises(Unavailable):
        streams.take(LOCAL, "")


@pytest.mark.parametrize(
    ("variable", "value", "rule"),
    [
        ("RATE_CHEAP", "many", "per second, minute, hour or day"),
        ("RATE_CHEAP", "0/minute", "per second, minute, hour or day"),
        ("RATE_EXPENSIVE", "5/fortnight", "per second, minute, hour or day"),
        ("RATE_EXPENSIVE", "5/minute; 7/hour", "per second, minute, hour or day"),
        ("RATE_LIMITS", "maybe", "one of auto, on, off"),
        ("RATE_STORE", "memcached://user:s3cr3t@host/0", "redis://"),
        ("RATE_STORE", "redis:///", "redis://"),
        ("MAX_EPOCHS", "10001", "from 1 to 10000"),
        ("MAX_UNITS", "0", "from 1 to 1024"),
        ("MAX_HORIZON", "366", "from 1 to 365"),
        ("MAX_SERIES", "0", "at least 1"),
        ("MAX_QUEUED_JOBS", "none", "a whole number"),
        ("MAX_DATA_MB", "0", "at least 1"),
        ("MAX_MODELS_MB", "0", "at least 1"),
        ("MAX_STREAMS_PER_CALLER", "0", "from 1 to 256"),
    ],
)
def test_a_setting_that_breaks_its_rule_is_named(variable: str, value: str, rule: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable} must be .*{re.escape(rule)}") as refused:
        read({variable: value})
    assert "s3cr3t" not in str(refused.value) and "Received: " in str(refused.value)
