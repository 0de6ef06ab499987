"""What tests share: a running service and a model that it trained, databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgres, s3
from tests.support.running_service import FAST, SMALL, Service, start_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = start_service(tmp_path_factory.mktemp("service"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def dataset(service: Service) -> dict[str, Any]:
    """A stored data set of four series."""
    return service.post("/api/data/generate", SMALL).json()


@pytest.fixture(scope="session")
def trained(service: Service, dataset: dict[str, Any]) -> dict[str, Any]:
    """The reply of a training on it."""
    reply = service.post("/api/model/train", FAST | {"datasetId": dataset["dataset_id"]})
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.fixture(scope="session")
def question(trained: dict[str, Any]) -> dict[str, Any]:
    """A predict request that the model can answer."""
    return {
        "model_id": trained["model_id"],
        "plant": "Wörk/2",
        "application": "TV",
        "panelSize": '15.6"',
    }


@pytest.fixture(scope="module")
def endless(service: Service, dataset: dict[str, Any], tmp_path_factory: Any) -> tuple[Path, str]:
    """A folder with a database in which a job trains for ever, and the id of that job."""
    folder = tmp_path_factory.mktemp("exposed")
    body = FAST | {"datasetId": dataset["dataset_id"], "epochs": 10_000}
    job = service.submit(body)
    service.wait_for_epoch(job, 5)
    with (
        sqlite3.connect(service.folder / "jobs.sqlite") as source,
        sqlite3.connect(folder / "jobs.sqlite") as copy,
    ):
        source.backup(copy)
    source.close()
    copy.close()
    assert service.call("DELETE", f"/api/jobs/{job}").ok
    return folder, job


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A PostgreSQL of our own, started for the first test that asks for it."""
    with postgres.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> str:
    """The URL of an empty PostgreSQL database."""
    return postgres_server.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'jobs.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[s3.S3]:
    """An S3-compatible server of our own, started for the first test that asks for it."""
    with s3.serve() as server:
        yield server


@pytest.fixture(params=["folder", "s3", "memory"])
def location(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """An empty place for a store, of each kind in turn."""
    if request.param == "memory":
        return f"memory://{tmp_path}"
    if request.param == "folder":
        return str(tmp_path / "things")
    server: s3.S3 = request.getfixturevalue("s3_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return f"{server.new_bucket()}/some/prefix"
