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

from tests.support.running_service import FAST, SMALL, Service, make_key, wait_until

HERE = Path(__file__).resolve().parent
# A request may ask for little, so that thousands of them can.
SETTINGS = {"MAX_ROWS": "10000", "WEB_PROCESSES": "1", "LOG_LEVEL": "WARNING", "RATE_LIMITS": "off"}
_SPARE = 3  # things of each kind for it to delete


@dataclass(frozen=True)
class Found:
    """How a run ended: 0 if nothing was found, what it says, how many requests it made."""

    code: int
    report: str
    cases: int


def fuzz(service: Service, examples: int, seed: int, only: tuple[str, ...] = ()) -> Found:
    """Fuzz a service.

    Args:
        examples: most cases of each operation and phase.
        only: paths; all of them by default.
    """
    things = furnish(service)
    key = make_key(service.folder, "fuzz", "admin")
    wait_until(lambda: service.get("/api/models").status_code == 401)  # it knows of the first key
    chosen = [f"--include-path-regex={path}" for path in only]
    arguments = [f"--max-examples={examples}", f"--seed={seed}", "--no-color"]
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


def furnish(service: Service) -> dict[str, Any]:
    """Put data sets, models and jobs into a service; what the hooks are to know of them."""

    def dataset() -> str:
        return service.post("/api/data/generate", SMALL).json()["dataset_id"]

    def model() -> str:
        return service.post("/api/model/train", FAST | {"datasetId": kept}).json()["model_id"]

    kept = dataset()
    model_id = model()
    by_plant = FAST | {"datasetId": kept, "plants": SMALL["plants"]}
    service.post("/api/model/train/parallel/plants", by_plant)
    backtest = service.post(f"/api/model/{model_id}/backtest", {"origins": 2, "horizon": 3}).json()
    service.get(f"/api/model/{model_id}/visualize")
    rows = service.get(f"/api/data/{kept}").json()["data"]
    known = ("date", "plant", "application", "panel_size", "wip", "throughput")
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
            "dataset_id": [dataset() for _ in range(_SPARE)],
            "model_id": [model() for _ in range(_SPARE)],
            "job_id": [model_id],
        },
        "series": [
            {"plant": plant, "application": "TV", "panelSize": size}
            for plant in SMALL["plants"]
            for size in SMALL["panelSizes"]
        ],
        "rows": [{name: row[name] for name in known} for row in rows[:60]],
        "csv": service.get(f"/api/data/{kept}?format=csv").text,
        "backtest": backtest["job_id"],
    }
