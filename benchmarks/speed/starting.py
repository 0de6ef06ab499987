"""From nothing to the first /health, beside the imports that cannot be done without; and what a
web process weighs with models in its cache."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.speed.contender import ROOT
from benchmarks.speed.over_http import series, service
from benchmarks.speed.table import Row
from tests.support.running_service import child_processes, environment_of

_IMPORTS = "import flask, pydantic, onnxruntime, numpy"
_MODELS = 20


def rows(turns: int) -> list[Row]:
    """All rows of the table that are about starting."""
    pairs = [(_to_health(), _to_import()) for _ in range(turns + 1)][1:]
    ours, theirs = zip(*pairs, strict=True)
    weights = _weights()
    limit = [150.0] * len(weights)
    return [
        Row("start to /health", f"`{_IMPORTS}`", ours, theirs, "s", 1.5, False,
            "gunicorn and one web process: `run.py` starts the same, and a worker beside it"),
        Row(f"memory of a web process, {_MODELS} models in cache", "as asked for", weights, limit,
            "MB", 1, False),
    ]  # fmt: skip


def _to_import() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", _IMPORTS], check=True)
    return time.perf_counter() - began


def _to_health() -> float:
    with TemporaryDirectory() as folder:
        environment = environment_of(Path(folder), WEB_PROCESSES="1", LOG_LEVEL="WARNING")
        began = time.perf_counter()
        command = [sys.executable, "-m", "gunicorn", "--chdir", str(ROOT), "app:app"]
        with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
            try:
                return _answered(int(environment["PORT"]), began)
            finally:
                process.terminate()


def _answered(port: int, began: float) -> float:
    import http.client

    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            assert connection.getresponse().status == 200
            return time.perf_counter() - began
        except ConnectionError:
            time.sleep(0.005)


def _weights() -> list[float]:
    """Megabytes of each web process that forecasts with 20 models, 36 series each."""
    with TemporaryDirectory() as folder, service(Path(folder)) as served:
        models = [served.submit({"seed": i, "epochs": 1}) for i in range(_MODELS)]
        for model in models:
            served.wait_for(model, "succeeded")
        for _ in range(8):  # so that both processes have them all
            for model in models:
                served.post("/api/model/predict/batch", {"model_id": model, "items": series()})
        [web] = [pid for pid in _directly(served.process.pid) if b"gunicorn" in _command(pid)]
        return [_resident(pid) for pid in child_processes(web)]


def _directly(pid: int) -> list[int]:
    return child_processes(pid)[:2]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _resident(pid: int) -> float:
    """Megabytes of a process; of what it shares with others, its share."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6
