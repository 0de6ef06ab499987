"""Series of event logs, beside a count of every unit at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.events.event_aggregation import aggregate
from models.data.events.event_coverage import Coverage
from models.data.events.event_log import DAY, OPEN, Units
from models.data.events.time_grid import HOUR, TimeGrid
from models.series.calendar import Step
from utils.errors import InvalidInput

KEYS = (("A", "x", "S"), ("B", "x", "S"))


def units_of(rows: list[tuple[int, float, float | None, float]]) -> Units:
    """Units of (series, start, time in system, pieces), in days."""
    rows = sorted(rows, key=lambda row: row[:2])
    series, start, spent, quantity = (np.array(column) for column in zip(*rows, strict=True))
    start = (start.astype(float) * DAY).astype(np.int64)
    left = np.array([value is not None for value in spent])
    length = np.array([value or 0 for value in spent], float) * DAY
    finish = np.where(left, start + length.astype(np.int64), OPEN)
    places = np.arange(len(rows))
    return Units(places, start, finish, series.astype(np.int64), KEYS, quantity.astype(float))


def counted(units: Units, series: int, begin: int, end: int) -> dict[str, Any]:
    """The figures of one step, unit by unit."""
    own = [i for i in range(len(units)) if units.series[i] == series]
    start, finish = units.start, units.finish
    left = [i for i in own if begin <= finish[i] < end]
    there = [i for i in own if start[i] < end <= finish[i]]
    share = {
        i: max(0, min(int(finish[i]), end) - max(int(start[i]), begin)) / (end - begin) for i in own
    }
    weight = units.quantity
    out = sum(weight[i] for i in left)
    spent = sum(weight[i] * (finish[i] - start[i]) for i in left) / (end - begin)
    return {
        "wip": sum(weight[i] for i in there),
        "throughput": out,
        "cycle_time": spent / out if out else np.nan,
        "releases": sum(weight[i] for i in own if begin <= start[i] < end),
        "wip_mean": sum(weight[i] * share[i] for i in own),
        "age_oldest": max((end - start[i] for i in there), default=np.nan) / (end - begin),
        "age_mean": sum(weight[i] * (end - start[i]) for i in there)
        / (sum(weight[i] for i in there) or np.nan)
        / (end - begin),
    }


ROW = st.tuples(
    st.integers(0, 1),
    st.integers(0, 4000).map(lambda hours: hours / 96),
    st.none() | st.integers(0, 1000).map(lambda hours: hours / 96),
    st.sampled_from([1.0, 1.0, 2.5]),
)


SHIFTS = TimeGrid.of("shift", "22:00,06:00,14:00")
GRIDS = [TimeGrid.of(Step.DAY), TimeGrid.of(Step.WEEK), TimeGrid.of("hour"), SHIFTS]


@pytest.mark.parametrize("steps", GRIDS, ids=lambda steps: steps.name)
@given(rows=st.lists(ROW, min_size=2, max_size=60), cut=st.integers(0, 10))
def test_series_are_what_counting_units_gives(steps: TimeGrid, rows: Any, cut: int) -> None:
    units = units_of(rows)
    coverage = Coverage(cut * DAY, 45 * DAY, cut * DAY, ())
    if not ((units.finish >= 11 * DAY) & (units.start < 35 * DAY)).any():
        return
    found = aggregate(units, coverage, steps)
    panel, length = found.panel, int(steps.length)
    begins = steps.bounds(panel.time)
    assert (steps.index(begins) == panel.time).all() and (np.diff(begins)[1:] <= length).all()
    # Every hour of 45 days would take long: some are counted.
    for row in range(0, len(begins), 11 if length == HOUR else 1):
        begin = int(begins[row])
        series = KEYS.index(panel.series_keys[panel.series[row]])
        values = dict(zip(("wip", "throughput", "cycle_time"), panel.values[row], strict=True))
        values |= {name: column[row] for name, column in found.extras.items()}
        for name, expected in counted(units, series, begin, begin + length).items():
            assert values[name] == pytest.approx(expected, abs=1e-6, nan_ok=True), (name, row)
    scale = max(1.0, found.identity["wip_integral"])
    assert abs(found.identity["difference"]) <= 1e-9 * scale


def test_percentiles_are_cycle_times_that_occurred() -> None:
    units = units_of([(0, 0.0, days, 1.0) for days in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)])
    found = aggregate(units, Coverage(0, DAY, 0, ()), TimeGrid.of(Step.DAY))
    shares = [found.extras[f"cycle_time_p{percent}"][0] for percent in (50, 80, 85, 95)]
    assert shares == pytest.approx([0.4, 0.7, 0.7, 0.8])


def test_steps_are_named_by_the_time_at_which_they_begin() -> None:
    times = np.array([-1, 0, 6 * HOUR - 1, 6 * HOUR, 22 * HOUR])
    assert SHIFTS.texts(SHIFTS.index(times)) == [
        "1969-12-31T22:00", "1969-12-31T22:00", "1969-12-31T22:00",
        "1970-01-01T06:00", "1970-01-01T22:00",
    ]  # fmt: skip
    hours = TimeGrid.of("hour")
    assert hours.texts(hours.index(times[2:4])) == ["1970-01-01T05:00", "1970-01-01T06:00"]
    for wrong in ("06:00", "06:00,6:00", "06:00,25:00", "early,late"):
        with pytest.raises(InvalidInput, match="shifts: must be at least two different times"):
            TimeGrid.of("shift", wrong)
    with pytest.raises(InvalidInput, match="must be longer: the log covers 240,000"):
        aggregate(units_of([(0, 0.0, 1.0, 1.0)]), Coverage(0, 10_000 * DAY, 0, ()), hours)


def covered(rows: list[tuple[float, float | None]]) -> Coverage:
    return Coverage.of(units_of([(0, start, spent, 1.0) for start, spent in rows]))


REGULAR = [(i / 10, 3.0) for i in range(400)]


@pytest.mark.parametrize(
    ("rows", "begin", "end", "sentence"),
    [
        ([(s, 3.0 if s < 36.95 else None) for s, _ in REGULAR], 0, 39.9, "too low up to 1970-01-0"),
        # Units that started from day 0 on, and finishes up to day 30 only
        ([(s, 3.0 if s < 27 else None) for s, _ in REGULAR], 0, 29.9, "no finishes"),
        # Units that started up to day 20, followed until they left
        ([(s, 3.0 + s % 1) for s, _ in REGULAR if s < 20] + [(19, 50.0)] * 30, 0, 19.9, "starts"),
        # Units that left from day 30 on
        ([(s, 3.0) for s, _ in REGULAR if s >= 27] + [(i, 30.2 - i) for i in range(25)], 30, 42.9,
         "by their finish"),
    ],
)  # fmt: skip
def test_the_span_that_a_log_covers_is_found_and_stated(
    rows: Any, begin: float, end: float, sentence: str
) -> None:
    found = covered(rows)
    assert found.begin / DAY == pytest.approx(begin, abs=0.3)
    assert found.end / DAY == pytest.approx(end, abs=0.3)
    assert any(sentence in note for note in found.notes), found.notes


def test_a_log_of_which_nothing_has_left_is_refused() -> None:
    with pytest.raises(InvalidInput, match="finish: must be given for at least one unit"):
        covered([(0.0, None)])
