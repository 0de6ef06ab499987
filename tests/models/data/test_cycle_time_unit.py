"""Little's Law of plants that close: cycle times in worked days and in calendar days both pass."""

from __future__ import annotations

import pytest

from models.data import littles_law
from models.data.cleaning import clean
from models.data.cycle_time_unit import in_worked_days
from models.data.reading.tables import read_rows
from models.series.working_calendar import WorkingCalendar
from tests.support.factory_tables import factory_table


@pytest.mark.parametrize("factor", [1.0, 7 / 5], ids=["worked days", "calendar days"])
@pytest.mark.parametrize("wrong", [False, True])
def test_both_units_obey_the_law_and_others_do_not(factor: float, wrong: bool) -> None:
    made = factory_table(WorkingCalendar(weekdays=(1, 2, 3, 4, 5)), days=500)
    for row in made.rows:
        times = float(str(row["wip"])) / float(str(row["throughput"]))
        row["cycle_time"] = times * factor * (2.5 if wrong else 1)
    panel = clean(read_rows(made.rows, 10**6)).panel
    verdicts = littles_law.judge(in_worked_days(panel)).verdict
    assert (verdicts == (littles_law.FAIL if wrong else littles_law.PASS)).all()
