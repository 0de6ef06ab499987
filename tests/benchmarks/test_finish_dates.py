"""Coverage of finish dates, where what comes is drawn as the paths are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from benchmarks.accuracy.datasets import DataSet, regular
from benchmarks.planning.finish_dates import chances, part_within
from models.forecast.forecaster import Forecaster

SERIES, DAYS = 10, 400


def test_whole_days_count_with_their_part_of_the_interval() -> None:
    draw = np.random.default_rng(1)
    level = draw.gamma(50, 0.1, (SERIES, 1))
    output = draw.poisson(level, (SERIES, DAYS)).astype(float)
    values = np.stack([output, output, output], axis=-1)
    data = DataSet.of("counts", regular([(str(i), "a", "s") for i in range(SERIES)], values))

    def forecast_all(histories: list[object], steps: int, count: int) -> SimpleNamespace:
        paths = draw.poisson(level[..., None], (SERIES, count, steps)).astype(float)
        return SimpleNamespace(paths=np.stack([paths, paths], axis=-1))

    found = chances(data, cast(Forecaster, SimpleNamespace(forecast_all=forecast_all)))
    assert len(found.by) > 300 and set(found.length.tolist()) == {3, 7, 14, 25}
    within = part_within(found.before, found.by, 0.1, 0.9).mean()
    assert within == pytest.approx(0.8, abs=0.05)
    assert part_within(*found.single, 0.1, 0.9).mean() == pytest.approx(within, abs=0.04)
    dates_kept = (found.before < 0.8).mean()  # the date of 80 % is the first one with as many
    assert dates_kept > 0.85 > part_within(found.before, found.by, 0.0, 0.8).mean() > 0.75
