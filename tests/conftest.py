"""Fixtures that tests share, the kinds of tests, and the guard against leftover processes."""

from __future__ import annotations

import signal
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.support import kinds, postgres, s3
from tests.support.leftover_processes import Guard
from tests.support.panels import generated_panel
from tests.support.running_service import FAST, SMALL, Service, start_service
from tests.support.stores import settings_in

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from models.series.panel import Panel
    from utils.settings import Settings

GUARD = pytest.StashKey[Guard]()

# Few examples, the same each time; `--hypothesis-profile nightly` tries many, others each time.
for profile, examples in (("ci", 30), ("nightly", 1000)):
    hypothesis_settings.register_profile(
        profile,
        max_examples=examples,
        derandomize=profile == "ci",
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
hypothesis_settings.load_profile("ci")


def pytest_configure(config: pytest.Config) -> None:
    kinds.watch_unit_tests()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Of a shell that runs the tests in the background; what they start is to get Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):  # in the first process, not in those of xdist
        config.stash[GUARD] = Guard()


def pytest_unconfigure(config: pytest.Config) -> None:
    if guard := config.stash.get(GUARD, None):
        guard.finish()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    guard = session.config.stash.get(GUARD, None)
    if guard and exitstatus == pytest.ExitCode.OK and (left := guard.leftovers()):
        print("\nStill running after the tests:", *left, sep="\n  ", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m unit`, do not even import modules of other kinds: that takes longer than to run."""
    if config.option.markexpr != "unit" or collection_path.suffix != ".py":
        return None
    return True if kinds.kind_of_module(collection_path) not in (None, "unit") else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        kinds.mark(item)
    if "long" not in config.option.markexpr and not any("::" in arg for arg in config.args):
        # Neither a marker nor a test is asked for by its name.
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    items.sort(key=kinds.order)  # what takes longest first: the cores end at about the same time


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.markexpr == "unit" and "tensorflow" in sys.modules:
        raise pytest.UsageError(
            "A module with unit tests imports TensorFlow: give it "
            "`pytestmark = pytest.mark.training`, or import it within the tests."
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    with kinds.running(item):
        return (yield)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of stores and a database in an empty folder. Override it to change more of them."""
    return settings_in(tmp_path)


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store waits shortly for a file that is being replaced, before it counts as damaged."""
    monkeypatch.setattr("utils.storage.artifact_reader._RETRY_AFTER", (0.01, 0.01, 0.01))


@pytest.fixture
def app(settings: Settings) -> Flask:
    """The web application with these settings, in this process."""
    from app import create_app

    return create_app(settings)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of that application."""
    return app.test_client()


@pytest.fixture(scope="session")
def panel() -> Panel:
    """Two generated series of 60 days."""
    return generated_panel()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = start_service(tmp_path_factory.mktemp("service"), WEB_PROCESSES="2")
    running.wait_for_worker()
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


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
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


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.service), "memory"])
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
