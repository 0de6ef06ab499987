"""Plans in tables and requests: read, stored, refused with their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.cleaning import clean
from models.data.plan_rows import (
    PlanStart,
    read_plan,
    read_stored_plan,
    starts_of,
    write_plan,
)
from models.data.reading.tables import read_rows
from models.series.calendar import Calendar, Step
from utils.errors import InvalidInput

KEY = ("P", "A", "S")
LAST = 20_000  # 2024-10-04
NAMES = {"plant": "P", "application": "A", "panel_size": "S"}


def rows(actual: int = 10, planned: int = 3, **fields: Any) -> list[dict[str, Any]]:
    dates = [str(np.datetime64("2024-10-01") + i) for i in range(actual + planned)]
    known = [NAMES | {"date": day, "releases": 50.0, "promotion": 1.0} for day in dates]
    amounts = {"wip": 100.0, "throughput": 50.0}
    return [row | (amounts if i < actual else fields) for i, row in enumerate(known)]


def test_rows_after_the_last_actual_one_are_the_plan(tmp_path: Path) -> None:
    table = read_rows(rows(), 100, declared=["promotion"])
    cleaned = clean(table)
    assert len(cleaned.panel.values) == 10 and cleaned.quality["planned_steps"] == 3
    assert set(cleaned.panel.known) == {"releases", "promotion"}
    write_plan(tmp_path / "plan", cleaned.plan)
    again = read_stored_plan(tmp_path / "plan")[KEY]
    start = starts_of(cleaned.panel)[KEY]
    ahead = again.after(start.calendar, start.last_step)
    assert ahead.column("releases", 4).tolist()[:3] == [50, 50, 50]
    assert again.after(start.calendar, start.last_step + 2).steps == 1


def test_a_table_without_plans_is_read_as_ever() -> None:
    plain = [{k: v for k, v in row.items() if k != "promotion"} for row in rows(planned=0)]
    cleaned = clean(read_rows(plain, 100))
    assert not cleaned.plan and "planned_steps" not in cleaned.quality


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda table: [*table, table[-1]], "date.*must be given once in a plan"),
        (
            lambda table: [*table[:-1], table[-1] | {"releases": -1}],
            "releases.*must not be negative in a plan",
        ),
    ],
)
def test_a_bad_plan_in_a_table_is_refused(change: Any, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        clean(read_rows(change(rows()), 100, declared=["promotion"]))


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"date": "2024-10-04", "releases": 1}, "plan.1.date"),
        ({"date": "2024-10-05"}, "plan.1.date"),
        ({"date": "2024-10-06", "releases": -1}, "plan.1.releases"),
        ({"date": "2024-10-06", "relases": 1}, "plan.1.relases"),
        ({"date": "soon"}, "plan.1.date"),
        ({"date": "2024-10-06", "capacity": "half"}, "plan.1.capacity"),
        ({"date": "2024-10-06", "plant": "Q"}, "plan.1.plant"),
        ({"date": "2044-10-06"}, "plan.1.date"),
        ("none", "plan.1"),
    ],
)
def test_bad_rows_of_a_request_are_refused_with_their_place(row: Any, field: str) -> None:
    good = {"date": "2024-10-05", "releases": 60}
    with pytest.raises(InvalidInput) as caught:
        read_plan([good, row], {KEY: PlanStart(LAST, Calendar())}, KEY)
    assert caught.value.details[0].field == field


def test_a_series_that_does_not_exist_is_refused() -> None:
    row = NAMES | {"date": "2024-10-05", "releases": 1, "plant": "Q"}
    with pytest.raises(InvalidInput, match="must form a series of the data set"):
        read_plan([row], {KEY: PlanStart(LAST, Calendar())})


def test_a_plan_of_months_takes_any_date_of_the_month() -> None:
    calendar = Calendar(Step.MONTH, 31)
    start = PlanStart(int(calendar.index(np.array([LAST]))[0]), calendar)
    plan = read_plan([{"date": "2024-11-12", "plannedThroughput": 9}], {KEY: start}, KEY)
    ahead = plan[KEY].after(calendar, start.last_step)
    assert ahead.column("planned_throughput", 1).tolist() == [9]
