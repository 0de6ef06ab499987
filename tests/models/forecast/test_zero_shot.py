"""Intervals of the pretrained network: within reach of what was seen, and of hours and shifts."""

from __future__ import annotations

import numpy as np
import pytest

from models.forecast.forecast import Forecast
from models.forecast.idle_steps import rare_output
from models.forecast.pretrained import BOUNDS, MEDIAN, PretrainedModel
from models.forecast.pretrained_member import quantiles_of
from models.forecast.zero_shot import ZeroShotModel, ZeroShotSeries
from models.series.calendar import Calendar, Step
from tests.support.panels import FIRST_DAY

DAYS, SHIFTS = Calendar(), Calendar(Step.SHIFT, origin=FIRST_DAY, begins=(360, 840, 1320))


def forecast(rows: np.ndarray, calendar: Calendar, paths: int = 0) -> Forecast:
    model = ZeroShotModel(ZeroShotSeries(calendar, (("P", "A", "S"),)), PretrainedModel.open())
    last = np.array([3 * FIRST_DAY + len(rows) - 1])
    return model.forecast([rows], calendar, last, 28, paths)


def wandering(size: float, count: int = 160) -> np.ndarray:
    moves = np.random.default_rng(1).normal(0, size, (count, 3))
    return np.array([100.0, 50.0, 2.0]) * np.exp(moves.cumsum(axis=0))


@pytest.mark.parametrize("has_cycle_times", [True, False])
def test_bounds_and_paths_stay_within_reach_of_what_was_seen(has_cycle_times: bool) -> None:
    rows = np.sort(wandering(0.3, 40), axis=0)  # it ends at its peak
    if not has_cycle_times:
        rows[:, 2] = np.nan
    found = forecast(rows, DAYS, paths=50)
    assert found.paths is not None
    targets = slice(0, 3 if has_cycle_times else 2)
    most = np.maximum(1.5 * rows.max(axis=0), found.values)[..., targets]
    assert (found.upper[95][..., targets] <= most).all()
    assert (found.upper[95][..., targets] == most).any()  # without the limit, it lies beyond
    assert (found.paths[..., targets] <= most[:, None]).all()
    assert np.isfinite(found.upper[95]).all() and (found.upper[95] >= found.values).all()


def test_intervals_of_shifts_are_as_wide_as_forecasts_from_past_rows_ask_for() -> None:
    rows = wandering(0.02)
    rows[60:] *= np.exp(np.repeat(np.random.default_rng(2).normal(0, 0.2, 10), 10))[:, None]
    ratios = []
    for known in (rows, rows[-37:]):  # of the second, no past forecast has enough rows
        last = np.array([3 * FIRST_DAY + len(known) - 1])
        network = quantiles_of(PretrainedModel.open(), known[None], SHIFTS, last, 28)
        found, middle = forecast(known, SHIFTS), network[..., MEDIAN]
        ratio = (found.upper[80] - middle) / (network[..., BOUNDS[80][1]] - middle)
        np.testing.assert_allclose(ratio, ratio[:, :1].repeat(28, axis=1), rtol=1e-6)
        ratios.append(ratio[0, 0])
    assert (ratios[0] > 1.1).all()
    np.testing.assert_allclose(ratios[1], 1)


@pytest.mark.parametrize("share", [0.02, 0.06])
def test_totals_of_a_line_that_seldom_puts_out_anything_are_of_the_days_that_were(
    share: float,
) -> None:
    rows = wandering(0.02, 200)
    comes = np.random.default_rng(3).permutation(168) < 168 * share
    rows[:, 1] = np.r_[np.zeros(32), np.where(comes, 300.0, 0.0)]
    found = forecast(rows, DAYS, paths=1000)
    assert found.paths is not None
    totals = found.paths[0, ..., 1].sum(axis=1)
    assert totals.mean() == pytest.approx(28 * 300 * comes.mean(), rel=0.1)
    assert (totals == 0).mean() == pytest.approx((1 - comes.mean()) ** 28, abs=0.05)
    assert found.values[0, :, 1].max() == 0
    assert rare_output(rows, season=24) is None  # such as one hour of every day
