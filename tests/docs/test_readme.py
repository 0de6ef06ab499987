"""The README says what is so: its commands run, its table of settings is the code's."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import Any

from models.data_generator import FACTORS
from tests.support.running_service import ROOT, Service
from utils import settings

README = (ROOT / "README.md").read_text()


def curls(heading: str) -> list[str]:
    """The curl commands of a section, in order."""
    section = README[README.index(f"## {heading}") :]
    block = next(b for b in re.findall(r"```sh\n(.*?)```", section, re.S) if "curl" in b)
    joined = block.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.startswith("curl")]


def output(command: str, service: Service, **ids: str) -> str:
    command = command.replace("http://127.0.0.1:5000", service.url)
    for placeholder, value in ids.items():
        command = command.replace(placeholder, value)
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True)
    return done.stdout


def run(command: str, service: Service, **ids: str) -> Any:
    return json.loads(output(command, service, **ids))


def test_the_walk_through_leads_to_a_forecast(service: Service) -> None:
    generate, train, predict = curls("A first forecast")
    made = run(generate, service)
    assert made["data_points"] == 4 * 730 and len(made["data"]) == 100
    model = run(train, service, DATASET_ID=made["dataset_id"])
    assert model["training_history"]["epochs"] == 10
    forecast = run(predict, service, MODEL_ID=model["model_id"])
    assert len(forecast["predictions"]) == 30
    assert {"validation", "little_law_analysis"} <= set(forecast)


def test_training_in_the_background_leads_to_a_model(
    service: Service, dataset: dict[str, Any]
) -> None:
    train, events, ask = curls("Training in the background")
    job_id = run(train, service, DATASET_ID=dataset["dataset_id"])["job_id"]
    told = output(events, service, JOB_ID=job_id)
    assert told.count("event: epoch") == 10 and told.rstrip().endswith(f'"model_id":"{job_id}"}}')
    job = run(ask, service, JOB_ID=job_id)
    assert job["status"] == "succeeded" and job["model_id"] == job_id


def test_ci_runs_the_tests_as_the_readme_says() -> None:
    section = README[README.index("## Tests") :]
    *_, command = re.findall(r"```sh\n(.*?)```", section, re.S)[0].strip().splitlines()
    assert command.startswith("pytest") and command in (ROOT / ".ci" / "run").read_text()


def test_the_table_of_settings_is_the_codes() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)`)? ?\| (.*) \|$", README, re.M)
    assert rows == settings.table()


def test_the_factors_of_the_default_names_are_the_codes() -> None:
    said = README[README.index("Sizes, by name") :]
    for names in FACTORS.values():
        for name, size in names.items():
            assert re.search(rf"{name}\s+{size}", said), name
