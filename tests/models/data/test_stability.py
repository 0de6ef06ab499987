"""Whether WIP trends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.data import stability
from models.series.calendar import Calendar, Step
from tests.support.panels import panel_of
from tests.support.queue_simulation import Floats

DAYS = np.arange(400)


def noisy(level: Floats, seed: int = 0) -> Floats:
    wip = level + np.random.default_rng(seed).normal(0, 5, len(level))
    return np.column_stack([wip, np.full(len(wip), 50.0), wip / 50])


@pytest.mark.parametrize(
    ("level", "verdict", "slope"),
    [
        (100 + 0.25 * DAYS, stability.GROWING, 0.25),
        (200 - 0.25 * DAYS, stability.SHRINKING, -0.25),
        (100 + 0 * DAYS, stability.STABLE, 0),
        (100 + 0.03 * DAYS, stability.STABLE, 0.03),
        (100 + 50 * (DAYS % 7 > 4), stability.STABLE, 0),
        (100 + 200 * np.sin(DAYS / 50), stability.INCONCLUSIVE, None),
    ],
)
def test_a_trend_is_told_from_noise_weekdays_and_waves(
    level: Floats, verdict: str, slope: float | None
) -> None:
    found = stability.judge(panel_of(noisy(level.astype(float))))
    assert found.verdict.tolist() == [verdict]
    if slope is not None:
        assert abs(found.slope[0] - slope) < 3 * found.standard_error[0] < 0.05
        change = slope * len(level) / level.mean()
        assert found.change[0] == pytest.approx(change, abs=found.margin[0] + 0.02)


def test_the_time_of_the_year_is_no_trend_in_data_that_is_long_enough() -> None:
    year = 100 - 50 * np.cos(2 * np.pi * np.arange(545) / 365.2425)
    whole, half = (stability.judge(panel_of(noisy(year[:n]))) for n in (545, 182))
    assert whole.verdict[0] == stability.STABLE and half.verdict[0] == stability.GROWING


@pytest.mark.parametrize("step", [Step.WEEK, Step.MONTH])
def test_other_steps(step: Step) -> None:
    rows = panel_of(noisy(100 + DAYS[:60] * 2.0), noisy(100.0 + 0 * DAYS[:60]))
    found = stability.judge(replace(rows, calendar=Calendar(step, 1)))
    assert found.verdict.tolist() == [stability.GROWING, stability.STABLE]
    assert found.slope[0] == pytest.approx(2, abs=0.2)


def test_short_and_empty_series_are_inconclusive_beside_others() -> None:
    grows = noisy(100 + 0.25 * DAYS)
    found = stability.judge(panel_of(grows[:5], grows, np.zeros((30, 3)), grows[:1]))
    inconclusive = stability.INCONCLUSIVE
    assert found.verdict.tolist() == [
        inconclusive, stability.GROWING, stability.STABLE, inconclusive
    ]  # fmt: skip
    assert np.isnan(found.slope[[0, 3]]).all()
    assert found.slope[1] == pytest.approx(stability.judge(panel_of(grows)).slope[0])


def test_noise_that_trends_nowhere_is_rarely_called_a_trend() -> None:
    rng = np.random.default_rng(1)
    shocks = rng.normal(0, 20, (300, 400))
    for day in range(1, 400):
        shocks[:, day] += 0.6 * shocks[:, day - 1]
    found = stability.judge(
        panel_of(*(np.column_stack([np.maximum(s + 100, 0)] * 3) for s in shocks))
    )
    counts = {name: int((found.verdict == name).sum()) for name in stability.VERDICTS}
    assert counts[stability.STABLE] > 250
    assert counts[stability.GROWING] + counts[stability.SHRINKING] < 10
