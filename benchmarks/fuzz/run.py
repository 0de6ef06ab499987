"""Schemathesis' own command against a service, with data, a model and jobs in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.running_service import (
    FAST,
    SMALL,
    Service,
    child_processes,
    make_key,
    wait_until,
)

HERE = Path(__file__).resolve().parent
# Small limits, so that thousands of requests take minutes.
SETTINGS = {"MAX_ROWS": "10000", "WEB_PROCESSES": "1", "LOG_LEVEL": "WARNING", "RATE_LIMITS": "off"}


@dataclass(frozen=True)
class Found:
    """The result of a run: 0 if nothing was found, Schemathesis' report, the number of requests."""

    code: int
    report: str
    cases: int


def fuzz(
    service: Service,
    examples: int,
    seed: int,
    only: tuple[str, ...] = (),
    phases: str = "examples,coverage,fuzzing,stateful",
    trainings: int = 3,
) -> Found:
    """Fuzz a service.

    Args:
        examples: most cases of each operation and phase.
        only: paths; all of them by default.
        phases: Schemathesis' phases; all of them by default.
        trainings: models that may be deleted, and trainings of each kind to wait for.
    """
    things = furnish(service, trainings) | {"waits": trainings, "web_process": web_process(service)}
    key = make_key(service.folder, "fuzz", "admin")
    wait_until(lambda: service.get("/api/models").status_code == 401)  # the first key is known
    chosen = [f"--include-path-regex={path}" for path in only]
    arguments = [
        f"--max-examples={examples}", f"--seed={seed}", f"--phases={phases}", "--no-color",
    ]  # fmt: skip
    ended = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            f"--config-file={HERE / 'schemathesis.toml'}",
            "run",
            f"{service.url}/api/openapi.json",
            *arguments,
            *chosen,
        ],
        cwd=service.folder,
        env=os.environ
        | {
            "SCHEMATHESIS_HOOKS": "benchmarks.fuzz.hooks",
            "PYTHONPATH": str(HERE.parent.parent),
            "FUZZ_THINGS": json.dumps(things | {"key": key}),
            "FUZZ_KEY": key,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    made = re.search(r"(\d+) generated", ended.stdout)
    return Found(ended.returncode, ended.stdout + ended.stderr, int(made[1]) if made else 0)


def web_process(service: Service) -> int:
    """Return the process that answers the requests of a service with one of them."""
    [pid] = [
        pid
        for pid in child_processes(service.process.pid)
        if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes() and not child_processes(pid)
    ]
    return pid


def furnish(service: Service, spare: int) -> dict[str, Any]:
    """Put data sets, models and jobs into a service; return their ids for the hooks."""

    service.wait_for_worker()

    def dataset() -> str:
        return service.post("/api/data/generate", SMALL).json()["dataset_id"]

    def model() -> str:
        reply = service.post("/api/model/train", FAST | {"datasetId": kept})
        assert reply.status_code == 200, reply.text
        return reply.json()["model_id"]

    kept = dataset()
    model_id = model()
    by_plant = FAST | {"datasetId": kept, "plants": SMALL["plants"]}
    service.post("/api/model/train/parallel/plants", by_plant)
    backtest = service.post(f"/api/model/{model_id}/backtest", {"origins": 2, "horizon": 3}).json()
    service.get(f"/api/model/{model_id}/visualize")
    rows = service.get(f"/api/data/{kept}").json()["data"]
    known = ("date", "plant", "application", "wip", "throughput")
    return {
        "url": service.url,
        "kept": {
            "dataset_id": [kept],
            "model_id": [model_id],
            "job_id": [backtest["job_id"], model_id],
            "plant": SMALL["plants"],
            "name": [f"{model_id}.png"],
        },
        "spare": {
            "dataset_id": [dataset() for _ in range(spare)],
            "model_id": [model() for _ in range(spare)],
            "job_id": [model_id],
        },
        "series": [
            {"plant": plant, "application": "TV", "panelSize": size}
            for plant in SMALL["plants"]
            for size in SMALL["panelSizes"]
        ],
        "rows": [
            {name: row[name] for name in known} | {"panelSize": row["panel_size"]}
            for row in rows[:60]
        ],
        "csv": service.get(f"/api/data/{kept}?format=csv").text,
        "backtest": backtest["job_id"],
    }
