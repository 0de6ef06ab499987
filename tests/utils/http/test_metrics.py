"""Metrics of all processes together, and the two probes, over HTTP."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from string import ascii_uppercase
from typing import Any
from uuid import uuid4

import pytest
import requests
from flask.testing import FlaskClient
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from models.lstm_service import LSTMService
from models.registry.registry import Registry
from tests.support.running_service import ROOT, Service, environment_of, start_service, wait_until
from tests.support.stores import settings_in
from utils.http import metrics as service_metrics

Body = dict[str, Any]
STATE = {"wip": 100, "throughput": 50}
VALIDATE = {"method": "POST", "endpoint": "/api/model/validate"}


def parse(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def scrape(service: Service) -> dict[str, Metric]:
    reply = service.get("/metrics")
    assert reply.status_code == 200, reply.text
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    return parse(reply.text)


def value(metrics: dict[str, Metric], name: str, **labels: str) -> float:
    """The sum of the samples of a name that have these labels."""
    samples = (sample for family in metrics.values() for sample in family.samples)
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def counters(metrics: dict[str, Metric]) -> dict[tuple[Any, ...], float]:
    """Everything that may only ever grow, also when a process ends."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in metrics.values()
        if family.type in ("counter", "histogram") and "process" not in family.name
        for sample in family.samples
    }


def child_processes(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def masters(service: Service) -> list[int]:
    """gunicorn's own process, which the command line has started; none just after a kill."""
    return [
        pid
        for pid in child_processes(service.process.pid)
        if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def master(service: Service) -> int:
    """gunicorn's own process, while it is there."""
    (found,) = masters(service)
    return found


def counting(pid: int) -> set[Path]:
    """The files of counters that a process has open."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return {Path(found) for found in re.findall(r"\S+/counter_\d+\.db", maps)}


def folder(web_master: int) -> Path:
    """Where the processes count; all in one place."""
    (found,) = folders(web_master)
    return found


def folders(web_master: int) -> set[Path]:
    return {path.parent for pid in child_processes(web_master) for path in counting(pid)}


def call_every_process(service: Service, call: Any) -> int:
    """Ask, some at a time, until every web process has counted; returns how often."""
    times = 0
    processes = child_processes(master(service))
    while times < 40 or not all(counting(pid) for pid in processes):
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lambda _: call().status_code == 200, range(20)))
        times += 20
    return times


@pytest.fixture(scope="module")
def alone(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Another server of the same models, without a worker."""
    models = service.environment["MODEL_STORE"]
    running = start_service(tmp_path_factory.mktemp("alone"), WORKERS="0", MODEL_STORE=models)
    yield running
    assert running.stop() == 0


def client_of(path: Path, database: str) -> FlaskClient:
    """A server in this process, which counts alone."""
    return create_app(settings_in(path, database_url=database)).test_client()


def test_every_request_is_counted_once_whichever_process_is_scraped(service: Service) -> None:
    before = value(scrape(service), "lstm_http_requests_total", **VALIDATE, status="200")
    sent = call_every_process(service, lambda: service.post("/api/model/validate", STATE))
    for _ in range(20):
        metrics = scrape(service)
        counted = value(metrics, "lstm_http_requests_total", **VALIDATE, status="200")
        assert counted == before + sent
        durations = "lstm_http_request_duration_seconds"
        assert value(metrics, f"{durations}_count", **VALIDATE, status_class="2xx") == counted
        good = VALIDATE | {"status_class": "2xx"}
        assert value(metrics, f"{durations}_bucket", **good, le="+Inf") == counted
        assert value(metrics, f"{durations}_sum", **good) > 0


def test_metrics_have_names_help_and_the_facts(service: Service, trained: Body) -> None:
    service.wait_for_worker()
    metrics = scrape(service)
    for name, family in metrics.items():
        assert name.startswith("lstm_") and family.documentation and family.type != "unknown"
    assert {s.labels["state"] for s in metrics["lstm_jobs"].samples} == {
        "queued", "running", "succeeded", "failed", "cancelled"
    }  # fmt: skip
    assert value(metrics, "lstm_jobs", state="succeeded") >= 1
    assert value(metrics, "lstm_queue_depth") == value(metrics, "lstm_jobs", state="queued") == 0
    assert value(metrics, "lstm_workers_alive") == 1
    for name in ("lstm_process_cpu_seconds_total", "lstm_process_memory_bytes"):
        kinds = [
            sample.labels["process"].split()[0]
            for family in metrics.values()
            for sample in family.samples
            if sample.name == name and sample.value > 0
        ]
        assert sorted(kinds) == ["web", "web", "worker"]
    listed = service.get("/api/data").json()["datasets"]
    assert value(metrics, "lstm_data_sets") == len(listed)
    assert value(metrics, "lstm_published_models") >= 1


def test_unknown_paths_and_methods_add_no_series(service: Service) -> None:
    def stray() -> None:
        service.get(f"/{uuid4()}")
        service.get(f"/api/{uuid4()}/{uuid4()}?q={uuid4()}")
        service.get(f"/api/model/{uuid4()}")
        service.call("".join(random.choices(ascii_uppercase, k=12)), f"/{uuid4()}")

    stray()
    before = scrape(service)
    for _ in range(10):
        stray()
    after = scrape(service)
    # A scrape is counted after it: the first one shows in the second.
    new = counters(after).keys() - counters(before).keys()
    assert not [key for key in new if ("endpoint", "/metrics") not in key]
    found = "lstm_http_requests_total"
    assert value(after, found, endpoint="none") == value(before, found, endpoint="none") + 30
    assert value(after, found, method="other", endpoint="none") >= 11


@pytest.mark.long
def test_open_models_are_stated_and_a_killed_process_takes_back_nothing_but_them(
    alone: Service, service: Service, question: Body
) -> None:
    web, predict = master(alone), lambda: alone.post("/api/model/predict", question)
    call_every_process(alone, predict)
    with ThreadPoolExecutor(8) as pool:
        while value(scrape(alone), "lstm_model_cache_models") < 2:
            list(pool.map(lambda _: predict(), range(20)))
    before, processes = scrape(alone), child_processes(web)
    assert value(before, "lstm_model_cache_models") == len(processes) == 2
    size = value(before, "lstm_model_cache_bytes") / 2
    assert size > (service.folder / "models" / f"{question['model_id']}.onnx").stat().st_size
    os.kill(processes[0], signal.SIGKILL)
    wait_until(lambda: processes[0] not in child_processes(web) and len(child_processes(web)) == 2)
    wait_until(lambda: value(scrape(alone), "lstm_model_cache_models") == 1)
    after = scrape(alone)
    assert value(after, "lstm_model_cache_bytes") == size
    then = counters(after)
    assert all(then[key] >= number for key, number in counters(before).items())
    sent = call_every_process(alone, predict)
    labels = {"endpoint": "/api/model/predict", "status": "200"}
    counted = value(scrape(alone), "lstm_http_requests_total", **labels)
    assert counted == value(after, "lstm_http_requests_total", **labels) + sent
    # A process that was killed between making its file and filling it.
    (folder(web) / "counter_1.db").touch()
    assert value(scrape(alone), "lstm_http_requests_total", **labels) == counted


def test_the_cache_says_what_it_holds(service: Service, question: Body) -> None:
    reported: list[tuple[int, int]] = []
    models = service.folder / "models"
    registry = Registry(models, 1, lambda count, size: reported.append((count, size)))
    registry.open(question["model_id"])
    registry.open(question["model_id"])
    [(count, size)] = reported
    assert count == 1 and size > (models / f"{question['model_id']}.onnx").stat().st_size


@pytest.mark.long
def test_ready_names_the_workers_until_there_is_one(alone: Service) -> None:
    reply = alone.get("/health/ready")
    assert reply.status_code == 503 and int(reply.headers["Retry-After"]) > 0
    body = reply.json()
    assert body["success"] is False and "workers" in body["error"]
    assert [detail["field"] for detail in body["details"]] == ["workers"]
    assert alone.get("/health/live").json() == {"success": True, "status": "alive"}
    command = [sys.executable, "run.py", "worker"]
    with subprocess.Popen(command, cwd=ROOT, env=alone.environment) as worker:
        wait_until(lambda: alone.get("/health/ready").status_code == 200)
        checks = dict.fromkeys(("database", "model_store", "data_store", "workers"), "ok")
        ready = {"success": True, "status": "ready", "checks": checks}
        assert alone.get("/health/ready").json() == ready
        worker.terminate()
        assert worker.wait(15) == 0
    wait_until(lambda: alone.get("/health/ready").status_code == 503)


def test_ready_names_stores_that_cannot_be_listed(client: FlaskClient, tmp_path: Path) -> None:
    for name in ("models", "data"):
        (tmp_path / name).touch()
    body = client.get("/health/ready").get_json()
    assert [d["field"] for d in body["details"]] == ["workers", "model_store", "data_store"]
    assert client.get("/health/live").status_code == 200
    assert not {"lstm_published_models", "lstm_data_sets"} & set(parse(client.get("/metrics").text))


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@contextlib.contextmanager
def closed() -> Iterator[int]:
    with silent() as port:
        pass
    yield port


@pytest.mark.long
@pytest.mark.parametrize("database", [silent, closed])
def test_a_database_that_does_not_answer_is_named_and_its_facts_left_out(
    tmp_path: Path, database: Any
) -> None:
    with database() as port:
        client = client_of(tmp_path, f"postgresql+psycopg://u:p@127.0.0.1:{port}/none")
        reply = client.get("/health/ready")
        assert reply.status_code == 503
        (detail,) = reply.get_json()["details"]
        assert detail["field"] == "database" and "does not answer" in detail["message"]
        assert client.get("/health/live").status_code == 200
        refused = client.get("/metrics")  # the caller cannot be checked
        assert refused.status_code == 503 and "database" in refused.get_json()["error"]
        service: LSTMService = client.application.extensions["service"]
        metrics = parse(service_metrics.render(asdict(service.metrics_facts()))[0].decode())
    assert not {"lstm_jobs", "lstm_queue_depth", "lstm_workers_alive"} & set(metrics)
    assert value(metrics, "lstm_http_requests_total", endpoint="/health/ready", status="503") >= 1
    assert metrics["lstm_published_models"].samples[0].value == 0


def test_one_process_counts_without_a_folder(client: FlaskClient) -> None:
    before = parse(client.get("/metrics").text)
    client.post("/api/model/validate", json=STATE)
    after = parse(client.get("/metrics").text)
    grown = (value(m, "lstm_http_requests_total", **VALIDATE) for m in (after, before))
    assert next(grown) - next(grown) == 1
    assert value(after, "lstm_workers_alive") == 0 == value(after, "lstm_jobs")


@pytest.mark.long
@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.service
def test_nothing_is_left_on_disk(tmp_path: Path, killed: bool) -> None:
    running = start_service(tmp_path, WORKERS="0")
    kept = {folder(master(running))}
    assert all(path.is_dir() and path.stat().st_mode & 0o77 == 0 for path in kept)
    if killed:
        os.kill(master(running), signal.SIGKILL)
        wait_until(lambda: not any(path.exists() for path in kept))
        # Until then, a process that the killed one left may be who answers.
        wait_until(lambda: masters(running) and answers(running.url) and folders(master(running)))
        kept |= {folder(master(running))}
    assert running.stop() == 0
    assert not any(path.exists() for path in kept)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health/live", timeout=20).ok
    except requests.ConnectionError:
        return False


@pytest.mark.long
@pytest.mark.service
def test_a_plain_gunicorn_counts_in_the_operators_folder(tmp_path: Path) -> None:
    own = tmp_path / "given" / "metrics"
    own.mkdir(parents=True)
    (own / "gauge_livesum_1.db").write_bytes(b"of a run before")
    environment = environment_of(tmp_path, PROMETHEUS_MULTIPROC_DIR=str(own))
    command = [sys.executable, "-m", "gunicorn", "app:app"]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        url = f"http://127.0.0.1:{environment['PORT']}"

        wait_until(lambda: answers(url))
        wait_until(lambda: len(child_processes(process.pid)) == 2)
        assert folder(process.pid) == own
        metrics = parse(requests.get(f"{url}/metrics", timeout=20).text)
        assert value(metrics, "lstm_http_requests_total", endpoint="/health/live") == 1
        process.terminate()
        assert process.wait(15) == 0
    assert [path.name for path in own.glob("counter_*.db")]
    assert not [*own.glob("gauge_live*.db")]
