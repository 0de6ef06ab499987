"""The README and the pages beside it: commands run, links lead somewhere, tables are the code's."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from docs import settings as settings_page
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
    events_text = output(events, service, JOB_ID=job_id)
    assert events_text.count("event: epoch") == 10 and events_text.rstrip().endswith(
        f'"model_id":"{job_id}"}}'
    )
    job = run(ask, service, JOB_ID=job_id)
    assert job["status"] == "succeeded" and job["model_id"] == job_id


def test_the_tutorial_leads_from_a_table_to_an_answer(service: Service, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    calls = [
        re.sub(r"\w+\.csv", lambda name: str(tmp_path / name[0]), line)
        for block in blocks
        for line in re.split(r"\n(?=curl)", block.replace("\\\n", " "))
    ]
    generate, download, upload, train, backtest, predict, validate, add, go_on = calls
    generated = run(generate.replace("730", "120"), service)
    output(download, service, DATASET_ID=generated["dataset_id"])
    uploaded = run(upload, service)
    assert uploaded["data_points"] == generated["data_points"] == 4 * 120
    quick = train.replace('"preset": "auto"', '"epochs": 1, "lstmUnits1": 4, "lstmUnits2": 4')
    model_id = run(quick, service, DATASET_ID=uploaded["dataset_id"])["model_id"]
    assert run(backtest, service, MODEL_ID=model_id)["horizon"] == 14
    forecast = run(predict, service, MODEL_ID=model_id)
    assert len(forecast["predictions"]) == 30 and forecast["target"]["target_production"] == 1500
    assert run(validate, service)["validation"]["expected_values"]["wip"] == 160
    table = pd.read_csv(tmp_path / "table.csv", parse_dates=["date"])
    week = table[table["date"] > table["date"].max() - pd.Timedelta(days=7)]
    later = week.assign(date=week["date"] + pd.Timedelta(days=7)).drop(columns="day")
    later.to_csv(tmp_path / "week.csv", index=False)
    assert run(add, service, DATASET_ID=uploaded["dataset_id"])["version"] == 2
    continued = run(go_on.replace("10", "1"), service, MODEL_ID=model_id)
    assert continued["continued_from"] == model_id


def test_ci_runs_the_tests_as_the_readme_says() -> None:
    section = README[README.index("## Tests") :]
    command = re.findall(r"```sh\n(.*?)```", section, re.S)[0].strip()
    assert command == "python -m tests" and command in (ROOT / ".ci" / "run").read_text()


def test_it_stays_short() -> None:
    assert len(README.split()) <= 900


def test_the_table_of_settings_is_the_codes() -> None:
    assert settings_page.TARGET.read_text() == settings_page.page()
    assert all(f"`{name}`" in settings_page.page() for name, _, _ in settings.table())


def test_the_factors_of_the_default_names_are_the_codes() -> None:
    text = (ROOT / "docs" / "figures.md").read_text()
    sizes = text[text.index("Sizes, by name") :]
    for names in FACTORS.values():
        for name, size in names.items():
            assert re.search(rf"{name}\s+{size}", sizes), name


PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)#?([\w-]*)\)", text):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", file.read_text(), re.M)
            anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
            assert heading in anchors, f"{target}#{heading}"


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    names = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert [name for name in sorted(names) if f"({name})" not in index] == []
