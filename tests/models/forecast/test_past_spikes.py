"""Single wrong values of past rows are replaced by what is beside them; what is usual stays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.forecast.past_spikes import without_spikes

Floats = NDArray[np.float64]
RNG = np.random.default_rng(1)
DAYS = np.arange(120)
STEADY = 50 * RNG.lognormal(0, 0.08, 120)
WEEKLY = np.where(DAYS % 7 < 5, STEADY, 0.0)
LEVEL = np.full(120, 7.0)


def cleaned(column: Floats, lags: tuple[int, ...] = (1, 7)) -> Floats:
    other = np.full(3, np.nan)  # a second series, of which nothing is known
    rows = [np.repeat(column[:, None], 3, axis=1), np.tile(other, (60, 1))]
    found = without_spikes(rows, lags)
    assert np.isnan(found[1]).all() and len(found[0]) == len(column)
    return found[0][:, 1]


@pytest.mark.parametrize("factor", [0.0, 0.1, 10.0, 1e5])
@pytest.mark.parametrize("places", [[30], [58, 59], [100], [118]])
@pytest.mark.parametrize("usual", [STEADY, WEEKLY, LEVEL], ids=["steady", "weekends", "level"])
def test_one_or_two_wrong_days_are_replaced(
    usual: Floats, places: list[int], factor: float
) -> None:
    wrong = usual.copy()
    wrong[places] *= factor
    found = cleaned(wrong)
    assert np.abs(found[places] - usual[places]).max() < 20
    others = np.delete(DAYS, places)
    assert (found[others] == usual[others]).all()


@pytest.mark.parametrize(
    "column",
    [
        STEADY,
        WEEKLY,
        np.where(DAYS < 90, STEADY, 3 * STEADY),  # a shift of the level
        np.where(DAYS < 118, STEADY, 9 * STEADY),
        np.where(DAYS % 30 == 29, 9 * STEADY, STEADY),  # ends of months
        np.where(DAYS % 9 == 4, 300.0, 0.0),  # lots
        RNG.poisson(2, 120).astype(float),
        LEVEL,
        np.where(RNG.random(120) < 0.1, STEADY, 50.0),  # seldom another value
        STEADY[:8],
    ],
)
def test_what_is_usual_stays(column: Floats) -> None:
    assert (cleaned(column) == column).all()
