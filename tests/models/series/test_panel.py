"""Calendar, panel, windows: laws over many of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.series.calendar import Calendar, Step
from models.series.panel import Panel
from models.series.windows import Windows, split_steps
from tests.support.panels import random_panel
from utils.errors import InvalidInput

CALENDARS = [
    Calendar(),
    Calendar(Step.WEEK, 3),
    Calendar(Step.MONTH, 1),
    Calendar(Step.MONTH, 15),
    Calendar(Step.MONTH, 31),
]


@pytest.mark.parametrize("calendar", CALENDARS)
@given(st.integers(0, 3000))
def test_calendar_days_and_index_are_inverse(calendar: Calendar, index: int) -> None:
    days = calendar.days(np.array([index]))
    assert calendar.index(days) == [index]


@pytest.mark.parametrize("calendar", CALENDARS)
def test_calendar_recognises_its_own_step(calendar: Calendar) -> None:
    days = np.tile(calendar.days(np.arange(600, 640)), 2)
    assert Calendar.of(days, np.repeat([0, 1], 40)) == calendar


def test_calendar_dates_and_features() -> None:
    assert Calendar(Step.MONTH, 31).dates(np.array([648, 649, 650])) == [
        "2024-01-31",
        "2024-02-29",
        "2024-03-31",
    ]
    monday = Calendar().features(np.array([19_723]))  # 2024-01-01
    assert monday[0, :7].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert Calendar(Step.MONTH, 1).features(np.array([648]))[0].argmax() == 0
    assert [c.width for c in CALENDARS] == [11, 4, 12, 12, 12]


@pytest.mark.parametrize("gap", [2, 14, 90, 365])
def test_calendar_refuses_other_steps(gap: int) -> None:
    with pytest.raises(InvalidInput, match="a day, a week or a month apart"):
        Calendar.of(np.arange(0, 20 * gap, gap), np.zeros(20, int))


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    length=st.integers(1, 12),
    share=st.floats(0.1, 0.9),
    shift=st.integers(0, 20),
)
def test_windows_never_cross_series_and_split_by_time(
    lengths: list[int], length: int, share: float, shift: int
) -> None:
    data = random_panel(lengths, first=[20_000 + shift * i for i in range(len(lengths))])
    cut, newest = split_steps(data, share)
    windows = Windows.of(data, length, cut, newest)
    spans = [windows.train, windows.held_back, windows.calibration]
    targets = np.concatenate(spans).astype(int)
    assert (data.series[targets] == data.series[targets - length]).all()
    for rows, begin, end in zip(spans, [0, cut, newest], [cut, newest, 10**6], strict=True):
        assert (data.time[rows] >= begin).all() and (data.time[rows] < end).all()
    assert len(set(targets.tolist())) == len(targets) == sum(max(0, n - length) for n in lengths)


@given(st.integers(1, 400), st.floats(0.1, 0.99))
def test_what_is_held_back_judges_first_and_calibrates_last(length: int, share: float) -> None:
    data = random_panel([length])
    cut, newest = split_steps(data, share)
    end = 20_000 + length
    assert cut - 20_000 == round(share * length)
    assert newest - cut - (end - newest) in (0, 1)  # halves; a step that is left over judges


def test_filled_takes_from_the_own_past_only() -> None:
    data = random_panel([4, 4])
    data.values[:, 2] = [np.nan, 2, np.nan, 3, np.nan, np.nan, 5, np.nan]
    filled = data.filled()[:, 2]
    ratio = data.values[:, 0] / data.values[:, 1]
    running = data.values[4:6, 0].sum() / data.values[4:6, 1].sum()
    np.testing.assert_allclose(filled, [ratio[0], 2, 2, 3, ratio[4], running, 5, 5])
    later = data.values.copy()
    later[7] = 99
    changed = Panel(data.calendar, data.series_keys, data.offsets, data.first, later).filled()
    np.testing.assert_array_equal(changed[:7], data.filled()[:7])


def test_select_keeps_series_whole_and_in_order() -> None:
    data = random_panel([3, 4, 5])
    some = data.select([2, 0])
    assert some.series_keys == (
        data.series_keys[2],
        data.series_keys[0],
    ) and some.lengths.tolist() == [5, 3]
    np.testing.assert_array_equal(some.values, np.vstack([data.values[7:], data.values[:3]]))
    assert some.position.tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
