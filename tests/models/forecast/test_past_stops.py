"""Past stops of a line, and forecasts after one."""

from __future__ import annotations

import numpy as np
import pytest

from models.forecast.look_back import LookBack
from models.forecast.past_stops import past_stops, without_stop_errors, without_stops
from models.forecast.pretrained import MEDIAN, PretrainedModel
from models.forecast.pretrained_member import quantiles_of
from models.series.calendar import Calendar
from models.series.panel import Panel

WEEK = [9.0, 8.0, 9.0, 8.0, 7.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("rows", "stopped"),
    [
        (WEEK * 4, 0),
        (WEEK * 2 + [0.0] * 12 + WEEK, 14),  # the weekend before it belongs to the stop
        (WEEK * 2 + [0.0] * 12, 0),  # it still stands
        ([5.0] + [0.0] * 9 + [6.0] + [0.0] * 9 + [7.0], 0),  # usual, as of lumpy output
        ([5.0] * 30, 0),
        ([np.nan] * 5 + [5.0] + [0.0] * 8 + [6.0], 8),
    ],
)
def test_a_stop_is_far_longer_than_usual_and_has_ended(rows: list[float], stopped: int) -> None:
    assert past_stops(np.array([rows]), season=7).sum() == stopped


def test_errors_within_a_stop_and_from_origins_within_it_are_not_known() -> None:
    output = np.array([WEEK * 2 + [0.0] * 12 + WEEK, WEEK * 3 + [0.0] * 12]).ravel()
    rows = np.repeat(output[:, None], 3, axis=1)
    keys = (("A", "a", "s"), ("B", "a", "s"))
    panel = Panel(Calendar(), keys, np.array([0, 33, 66]), np.array([100, 100]), rows)
    origins = np.array([107, 110, 115, 126])  # the stop of the first: steps 112 to 125
    known = without_stop_errors(np.ones((4, 2, 4, 3)), origins, np.arange(2), panel)
    np.testing.assert_array_equal(
        np.isnan(known[..., 1]).sum(axis=2), [[0, 0], [2, 0], [4, 0], [4, 0]]
    )


def test_units_that_finish_soon_after_a_stop_have_waited_through_it() -> None:
    rows = np.full((1, 40, 3), 5.0)
    rows[0, 10:25, 1] = 0
    unknown = np.isnan(without_stops(rows, season=7))[0]
    assert [np.flatnonzero(column).tolist() for column in unknown.T] == [
        [],
        list(range(10, 25)),
        list(range(10, 32)),
    ]


def test_after_a_stop_the_line_goes_on_as_before() -> None:
    rng = np.random.default_rng(1)
    rows = np.array([150.0, 50.0, 3.0]) * rng.lognormal(0, 0.05, (1, 168, 3))
    rows[:, 120:160, 1] = 0
    rows[:, 160:165, 2] *= 5
    medians = quantiles_of(PretrainedModel.open(), rows, Calendar(), np.array([0]), 28)[..., MEDIAN]
    assert medians.mean(axis=(0, 1)) == pytest.approx([150, 50, 3], rel=0.1)


def test_members_that_revert_do_not_forecast_soon_after_a_stop() -> None:
    rows = np.random.default_rng(1).normal(size=(2, 60, 3))
    rows[0, 30:50, 1] = -9
    last = np.zeros(2, int)
    for after, is_new in ((0, True), (17, True), (18, False)):
        more = np.concatenate([rows, rows[:, :after]], axis=1)
        look_back = LookBack.of_rows(more, np.ones(more.shape[:2], bool), last, last)
        assert look_back.is_new.tolist() == [[is_new] * 3, [False] * 3]
