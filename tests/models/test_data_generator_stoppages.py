"""Generated lines that close on some days and break down: the flow is conserved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.data_generator import PlantSpec, first_day, generate
from models.series.line_simulation import Intervention
from models.series.line_stoppages import Breakdowns
from models.series.plant_calendars import PlantCalendars
from models.series.working_calendar import WorkingCalendar, span_of

PLAIN = PlantSpec(("North", "South"), ("TV",), ("S", "L"), 200, 100.0, 50.0, 0.2, 0.1, seed=3)
WEEK = WorkingCalendar(
    weekdays=(1, 2, 3, 4, 5), country="DE", closed=(span_of("2024-04-08/2024-04-19"),)
)


def columns(spec: PlantSpec) -> dict[str, NDArray[np.float64]]:
    return columns_of(spec, None)


def columns_of(spec: PlantSpec, changed: Intervention | None) -> dict[str, NDArray[np.float64]]:
    blocks = list(generate(spec, changed))
    assert [key for block in blocks for key in block.series_keys] == spec.series_keys
    return {n: np.vstack([block.columns[n] for block in blocks]) for n in blocks[0].columns}


@pytest.mark.parametrize("breakdowns", [None, Breakdowns(12, 3, 0.2)])
@pytest.mark.parametrize("names", [("*",), ("North",), ()])
def test_the_flow_is_conserved_and_stands_still_on_closed_days(
    names: tuple[str, ...], breakdowns: Breakdowns | None
) -> None:
    calendars = PlantCalendars(dict.fromkeys(names, WEEK))
    found = columns(replace(PLAIN, calendars=calendars, breakdowns=breakdowns))
    after = found["wip"] + found["releases"] - found["throughput"]
    assert np.allclose(after[:, :-1], found["wip"][:, 1:])
    is_open = WEEK.is_open(first_day() + np.arange(PLAIN.days))
    for key, out in zip(PLAIN.series_keys, found["throughput"], strict=True):
        closes = "*" in names or key[0] in names
        assert (out[~is_open] == 0).all() == closes
        assert (out[is_open] > 0).all()


def test_breakdowns_lower_the_output_and_raise_the_wip() -> None:
    whole, broken = columns(PLAIN), columns(replace(PLAIN, breakdowns=Breakdowns(12, 3, 0.2)))
    assert (whole["releases"] == broken["releases"]).all()
    assert (broken["wip"].mean(axis=1) > whole["wip"].mean(axis=1)).all()
    assert broken["throughput"].min() < 0.5 * whole["throughput"].min()


def test_plants_without_stoppages_have_the_same_rows_as_without_those_of_others() -> None:
    found = columns(replace(PLAIN, calendars=PlantCalendars({"North": WEEK})))
    plain = columns(PLAIN)
    for name, values in plain.items():
        assert np.array_equal(found[name][2:], values[2:])


def test_a_changed_course_conserves_the_flow_and_changes_nothing_before_it() -> None:
    shares = np.where(np.arange(PLAIN.days) < 150, 1.0, 0.5)
    usual = Intervention.none(PLAIN.days)
    spec, plain = replace(PLAIN, calendars=PlantCalendars({"North": WEEK})), columns(PLAIN)
    assert (plain["wip"] == columns_of(PLAIN, usual)["wip"]).all()
    for name in ("releases", "capacity", "output"):
        found = columns_of(spec, replace(usual, **{name: shares}))
        after = found["wip"] + found["releases"] - found["throughput"]
        assert np.allclose(after[:, :-1], found["wip"][:, 1:])
        assert (found["wip"][2:, :150] == plain["wip"][2:, :150]).all()
        assert (found["throughput"][2:, 150] < plain["throughput"][2:, 150]).all()
