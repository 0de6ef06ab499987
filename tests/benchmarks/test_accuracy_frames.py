"""Panels as the data frames of the peers' libraries, and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.accuracy.frames import FREQUENCIES, from_frames, long_frame
from models.series.calendar import Calendar, Step
from models.series.panel import Panel

CALENDARS = [Calendar(), Calendar(Step.WEEK, 5), Calendar(Step.MONTH, 15), Calendar(Step.MONTH, 31)]


def panel(calendar: Calendar) -> Panel:
    values = np.arange(27.0).reshape(9, 3)
    values[2, 2] = np.nan
    keys = (("p1", "a", "s"), ("p0", "a", "s"))
    return Panel(calendar, keys, np.array([0, 4, 9]), np.array([650, 652]), values)


@pytest.mark.parametrize("calendar", CALENDARS)
def test_long_frame_is_dated_in_the_step_that_libraries_know(calendar: Calendar) -> None:
    data = panel(calendar)
    frame = long_frame(data, 2)
    for s, (length, first) in enumerate(zip(data.lengths, data.first, strict=True)):
        own = frame[frame["unique_id"] == s]
        expected = pd.date_range(own["ds"].iloc[0], periods=length, freq=FREQUENCIES[calendar.step])
        assert own["ds"].tolist() == expected.tolist()
        true = pd.Timestamp(calendar.dates(np.array([first]))[0])
        assert pd.Timedelta(0) <= true - own["ds"].iloc[0] < pd.Timedelta(days=31)
        assert calendar.step is not Step.DAY or true == own["ds"].iloc[0]
    assert frame["y"].tolist() == data.filled()[:, 2].tolist() and frame["y"][2] == 5


def test_from_frames_puts_series_and_steps_in_order() -> None:
    frames = []
    for target in range(3):
        frame = long_frame(panel(Calendar()), target).iloc[1:9].rename(columns={"y": "M-median"})
        frame["ds"] = [*pd.date_range("2024-01-01", periods=4)] * 2
        frame["M-lo-80"], frame["M-hi-80"] = frame["M-median"] - 1, frame["M-median"] + 2
        frame["unique_id"] = np.repeat([0, 1], 4)
        frames.append(frame.sample(frac=1, random_state=target))
    found = from_frames(frames, "M", "-median", 4)
    expected = panel(Calendar()).filled()[1:9].reshape(2, 4, 3)
    np.testing.assert_array_equal(found.values, expected)
    np.testing.assert_array_equal(found.lower[80], expected - 1)
    np.testing.assert_array_equal(found.upper[80], expected + 2)
    assert set(found.lower) == {80}
