"""The command line: start, stop, survive, refuse."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from models.lstm_service import VERSION
from tests.support.running_service import (
    FAST,
    ROOT,
    SMALL,
    Service,
    child_processes,
    environment_of,
    run_command,
    start_service,
    wait_until,
)
from tests.support.stores import visible_files
from utils import settings

pytestmark = pytest.mark.service


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_help_lists_commands_and_settings(tmp_path: Path) -> None:
    done = run_command(tmp_path, "--help")
    commands = ("serve", "worker", "demo", "import", "verify", "backup", "restore")
    for word in (*commands, *(name for name, _, _ in settings.table())):
        assert word in done.stdout


def test_version(tmp_path: Path) -> None:
    done = run_command(tmp_path, "--version")
    assert done.stdout == f"{VERSION}\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "many"),
        pytest.param("PORT", "0", marks=pytest.mark.long),
        pytest.param("LOG_FORMAT", "xml", marks=pytest.mark.long),
        pytest.param("WORKERS", "-1", marks=pytest.mark.long),
    ],
)
def test_a_bad_setting_is_one_line(tmp_path: Path, name: str, value: str) -> None:
    done = run_command(tmp_path, **{name: value})
    assert done.returncode == 2
    assert name in done.stderr and value in done.stderr and "Traceback" not in done.stderr


def test_a_taken_port_is_one_line(service: Service, tmp_path: Path) -> None:
    done = run_command(tmp_path, PORT=service.environment["PORT"])
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "Address already in use" in done.stderr


@pytest.mark.parametrize(
    "host", ["192.0.2.1", pytest.param("nowhere.invalid", marks=pytest.mark.long)]
)
def test_a_host_that_is_not_here_is_one_line(tmp_path: Path, host: str) -> None:
    done = run_command(tmp_path, HOST=host)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and host in done.stderr and "HOST must be" in done.stderr


def test_it_says_where_it_listens_and_one_curl_to_try(service: Service) -> None:
    log = (service.folder / "log").read_text()
    assert f"Listening on {service.url}" in log
    assert "curl -X POST" in log


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything(tmp_path: Path, number: int) -> None:
    running = start_service(tmp_path, WEB_PROCESSES="2")
    running.wait_for_worker()
    processes = child_processes(running.process.pid)
    assert len(processes) >= 4  # gunicorn, its two web processes, the training worker
    running.process.send_signal(number)
    assert running.process.wait(15) == 0
    assert all(gone(pid) for pid in processes)


@pytest.mark.long
def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    running = start_service(tmp_path)
    running.wait_for_worker()
    processes = child_processes(running.process.pid)
    running.process.kill()
    running.process.wait()
    wait_until(lambda: all(gone(pid) for pid in processes))


@pytest.mark.long
def test_a_server_alone_serves_and_a_worker_elsewhere_trains(tmp_path: Path) -> None:
    running = start_service(tmp_path, "serve", WORKERS="0", WEB_PROCESSES="1")
    refused = running.post("/api/model/train", FAST | SMALL)
    assert refused.status_code == 503 and "python run.py worker" in refused.json()["error"]
    with worker_of(running) as first, ThreadPoolExecutor() as clients:
        running.wait_for_worker()
        assert running.post("/api/model/train", FAST | SMALL).status_code == 200
        # A client that waits for a train while its only worker is restarted is served.
        waits = clients.submit(running.post, "/api/model/train", SMALL | FAST | {"epochs": 60})
        wait_until(lambda: running.get("/api/jobs?status=running").json()["jobs"])
        stop(first)
        wait_until(lambda: running.get("/health").json()["workers_alive"] == 0)
        time.sleep(1)
        with worker_of(running) as second:
            assert waits.result().status_code == 200
            stop(second)
    wait_until(lambda: running.get("/health").json()["workers_alive"] == 0)
    running.stop()


def worker_of(running: Service) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "run.py", "worker"], cwd=ROOT, env=running.environment)


def stop(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    assert worker.wait(15) == 0


def test_demo_goes_the_whole_way_and_keeps_nothing(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    picture = tmp_path / "forecast.png"
    asked = ("--epochs", "2", "--days", "20", "--output", str(picture))
    done = run_command(tmp_path, "demo", str(table), *asked)
    assert done.returncode == 0, done.stderr
    assert "…" not in done.stdout  # nothing is cut off at 80 columns
    shown = ("80 rows", "epoch 2/2", "Forecast", "2024-03-21", "WIP by day", "cycle time by day")
    for words in (*shown, "Little's Law", "Next:"):
        assert words in done.stdout
    assert done.stderr == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["forecast.png", "table.csv"]
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
def test_demo_generates_without_a_table(tmp_path: Path) -> None:
    done = run_command(tmp_path, "demo", "--epochs", "1", "--output", f"{tmp_path}/f.png")
    assert done.returncode == 0 and "19,620 rows" in done.stdout


def test_demo_of_a_bad_table_is_one_sentence(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("date,plant,application,panel_size,wip\n2024-01-01,a,b,c,1\n")
    done = run_command(tmp_path, "demo", str(table))
    assert done.returncode == 2 and "throughput is missing" in done.stderr
    assert "Traceback" not in done.stderr


def table_of(folder: Path) -> Path:
    first = np.datetime64("2024-01-01")
    rows = "".join(f"{first + day},A,B,C,{100 + day % 7},{50 + day % 5},\n" for day in range(80))
    path = folder / "table.csv"
    path.write_text("date,plant,application,panel_size,wip,throughput,cycle_time\n" + rows)
    return path


def test_train_shows_its_progress_and_leaves_a_model(service: Service, tmp_path: Path) -> None:
    stores = {k: service.environment[k] for k in ("MODEL_STORE", "DATA_STORE", "DATABASE_URL")}
    asked = (str(table_of(tmp_path)), "--epochs", "3", "--output", str(tmp_path / "f.csv"))
    done = run_command(tmp_path, "train", *asked, **stores)
    assert done.returncode == 0, done.stderr
    assert "epoch 3/3" in done.stdout and "Held back: wip" in done.stdout
    assert (tmp_path / "f.csv").read_text().startswith("day,date,plant")
    found = re.search(r"Model ([0-9a-f-]{36})", done.stdout)
    assert found is not None
    ask = {"model_id": found.group(1), "plant": "A", "application": "B", "panelSize": "C"}
    assert service.post("/api/model/predict", ask).status_code == 200


def test_train_is_cancelled_by_ctrl_c(service: Service, tmp_path: Path) -> None:
    stores = {k: service.environment[k] for k in ("MODEL_STORE", "DATA_STORE", "DATABASE_URL")}
    with subprocess.Popen(
        [sys.executable, "run.py", "train", str(table_of(tmp_path)), "--epochs", "10000"],
        cwd=ROOT,
        env=environment_of(tmp_path, **stores),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def mine() -> list[str]:
            jobs = service.get("/api/jobs?status=running").json()["jobs"]
            return [job["job_id"] for job in jobs if job["config"]["epochs"] == 10_000]

        wait_until(mine, 120)
        [id] = mine()
        service.wait_for_epoch(id)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and "Cancelled" in output
    assert service.job(id)["status"] == "cancelled"


@pytest.mark.long
def test_the_worker_of_a_killed_train_ends(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "run.py", "train", str(table_of(tmp_path)), "--epochs", "10000"],
        cwd=ROOT,
        env=environment_of(tmp_path),
        stdout=subprocess.DEVNULL,
    ) as process:
        wait_until(lambda: child_processes(process.pid), 120)
        workers = child_processes(process.pid)
        process.kill()
        process.wait()
    wait_until(lambda: all(gone(pid) for pid in workers))


@pytest.mark.long
def test_train_starts_a_worker_where_none_is(tmp_path: Path) -> None:
    done = run_command(tmp_path, "train", str(table_of(tmp_path)), "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert "Model " in done.stdout
    assert sorted(p.suffix for p in visible_files(tmp_path / "models")) == [
        ".json",
        ".keras",
        ".onnx",
    ]


@pytest.mark.long
def test_workers_train_side_by_side(tmp_path: Path) -> None:
    running = start_service(tmp_path, WORKERS="2", WEB_PROCESSES="1")
    wait_until(lambda: running.get("/health").json()["workers_alive"] == 2)
    ids = [running.submit(FAST | SMALL | {"epochs": 10_000}) for _ in range(2)]
    for id in ids:
        running.wait_for_epoch(id)
    assert [running.job(id)["status"] for id in ids] == ["running"] * 2
    running.stop()


def test_predict_needs_no_training_and_names_the_series_there_are(tmp_path: Path) -> None:
    table, workbook = str(table_of(tmp_path)), tmp_path / "forecast.xlsx"
    done = run_command(tmp_path, "predict", table, "--output", str(workbook), "--plant", "A")
    assert done.returncode == 0 and "throughput by day" in done.stdout, done.stderr
    assert workbook.read_bytes().startswith(b"PK")
    refused = run_command(tmp_path, "predict", table, "--plant", "Z")
    assert refused.returncode == 1 and "There are: A / B / C." in refused.stderr
    assert run_command(tmp_path, "predict", table, "--output", "forecast.pdf").returncode == 2
