"""Arguments of jobs: typed in the code, JSON in the database."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from models.jobs.arguments import (
    BacktestArguments,
    CompressArguments,
    ModelArguments,
    TrainArguments,
    parse,
)
from models.jobs.states import Work

DATABASE = Path(__file__).parents[2] / "samples/v1.0.0/jobs.sqlite"


def released() -> list[tuple[str, dict[str, Any]]]:
    """(work, arguments) of the jobs that the first release queued."""
    query = "SELECT name, inputs FROM workflow_status JOIN workflow_input USING (workflow_uuid)"
    query = query.replace("inputs", "workflow_input.inputs")
    with closing(sqlite3.connect(f"file:{DATABASE}?mode=ro&immutable=1", uri=True)) as database:
        return [
            (name, json.loads(inputs)["positionalArgs"][0])
            for name, inputs in database.execute(query)
        ]


@pytest.mark.parametrize(("work", "fields"), released(), ids=lambda value: str(value)[:8])
def test_arguments_of_released_jobs_survive_a_round_trip(work: str, fields: dict[str, Any]) -> None:
    assert json.loads(json.dumps(parse(work, fields).to_json())) == fields


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        (Work.TRAIN, TrainArguments),
        (Work.BACKTEST, BacktestArguments),
        (Work.COMPRESS, CompressArguments),
        (Work.DERIVE, ModelArguments),
        (Work.REPORT, ModelArguments),
    ],
)
def test_each_kind_of_work_has_its_type(work: Work, kind: type) -> None:
    assert type(parse(work, {})) is kind


def test_released_jobs_are_read_by_attribute() -> None:
    found = [parse(work, fields) for work, fields in released()]
    plain, enhanced = (each for each in found if isinstance(each, TrainArguments))
    assert {plain.architecture, enhanced.architecture} == {"plain", "enhanced"}
    assert plain.config["epochs"] == 2 and plain.seed == 1 and not plain.owns_data
    [backtest] = [each for each in found if isinstance(each, BacktestArguments)]
    assert backtest.config["origins"] == 20 and backtest.queued_at


def test_fields_that_are_unknown_or_absent_are_no_obstacle() -> None:
    fields = {"dataset_id": "d", "config": {}, "seed": 3, "later": {"a": [1]}}
    arguments = parse("train", fields)
    assert isinstance(arguments, TrainArguments)
    assert (arguments.architecture, arguments.plant, arguments.left_open) == ("plain", None, [])
    assert arguments.to_json() == fields
