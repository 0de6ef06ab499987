"""Engineered features are of one series each, and of earlier rows only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.forecast.direct_network import windows
from models.forecast.look_back import LookBack
from models.series.calendar import Calendar, Step
from models.series.encoding import FARTHEST, Encoding
from models.series.features import calendar_extras, last_averages, moving_averages
from models.series.panel import Panel
from models.training.prepare import prepare
from tests.support.panels import generated_panel
from tests.support.trainings import TINY
from utils.api.architectures import DESIGNS, Architecture

ENHANCED = DESIGNS[Architecture.ENHANCED]


def positions(*lengths: int) -> np.ndarray:
    return np.concatenate([np.arange(length) for length in lengths])


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_moving_averages_are_those_of_plain_loops(lengths: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(sum(lengths), 3))
    found = moving_averages(values, positions(*lengths), (3, 12))
    begin = 0
    for length in lengths:
        for row in range(length):
            for place, window in enumerate((3, 12)):
                own = values[begin + max(0, row + 1 - window) : begin + row + 1]
                averages = found[begin + row, 3 * place : 3 * place + 3]
                np.testing.assert_allclose(averages, own.mean(axis=0))
        begin += length


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_averages_of_a_last_row_are_the_same(known: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(40, 3))
    values[: 40 - known] = 1e9  # no rows of the series
    last = last_averages(values[None, -12:], np.array([known]), (3, 12))
    whole = moving_averages(values[40 - known :], np.arange(known), (3, 12))
    np.testing.assert_allclose(last[0], whole[-1])


@given(st.integers(1, 59), st.integers(0, 1), st.integers(0, 2**32 - 1))
def test_later_rows_and_other_series_change_no_feature(
    panel: Panel, row: int, series: int, seed: int
) -> None:
    encoding = replace(Encoding.fit(panel, 5, 19_723 + 48), engineered=True)
    scaled = encoding.scaling.forward(panel.values, panel.series)
    changed = np.random.default_rng(seed).normal(size=scaled.shape)
    same = slice(panel.offsets[series], panel.offsets[series] + row + 1)
    changed[same] = scaled[same]
    rows = [encoding.rows(each, panel.time, panel.position)[same] for each in (scaled, changed)]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert rows[0].shape[1] == encoding.width


@pytest.mark.parametrize("days", [60, 14])
def test_a_forecast_shows_the_network_what_training_would_have(days: int) -> None:
    data = generated_panel(days)
    task = prepare(data, TINY, ENHANCED)
    wild = task.scaled * 9  # also beyond what is shown
    for scaled in (task.scaled, wild):
        assert (np.abs(scaled).max() > FARTHEST) == (scaled is wild)
        shown = task.encoding.rows(scaled, data.time, data.position)
        for start in range(days - 6, days):
            origin = int(data.first[0]) + start
            look_back = LookBack.of(
                data, scaled, task.shape, np.arange(2), origin, least=task.look_back
            )
            ends = data.offsets[:-1] + start
            expected = shown[ends[:, None] + np.arange(-TINY.sequence_length, 0)]
            np.testing.assert_allclose(windows(task.encoding, look_back), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("step", "date", "expected"),
    [
        (Step.DAY, "2024-02-01", [0, 1, np.sin(2 * np.pi * 31 / 91), np.cos(2 * np.pi * 31 / 91)]),
        (Step.DAY, "2024-04-16", [0, -1, np.sin(2 * np.pi * 15 / 91), np.cos(2 * np.pi * 15 / 91)]),
        (Step.WEEK, "2024-01-01", [0, 1, 0, 1]),
        (Step.MONTH, "2024-02-01", [0]),  # 21 working days
        (Step.MONTH, "2024-10-01", [2]),
    ],
)
def test_calendar_extras(step: Step, date: str, expected: list[float]) -> None:
    day = np.array([date], "datetime64[D]").astype(np.int64)
    calendar = Calendar(step, {Step.WEEK: int(day[0]) % 7, Step.MONTH: 1}.get(step, 0))
    np.testing.assert_allclose(
        calendar_extras(calendar, calendar.index(day))[0], expected, atol=1e-6
    )
