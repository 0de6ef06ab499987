"""Differences between forecasts of one series with several plans, from the same error paths.

Example: with twice the releases, WIP is 40 units higher on the tenth day, 34 to 47 with 80 %.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.forecast import Forecast
from models.forecast.intervals import LEVELS
from models.series.panel import TARGETS
from models.series.rounding import significant

Floats = NDArray[np.float64]

_DIGITS = 9
_EXACT = 1e-9  # of a value


def differences(forecast: Forecast, baseline: Forecast, dates: list[str]) -> dict[str, Any]:
    """Return the differences of a forecast from a baseline by step, and of the totals.

    Both have been drawn with the same errors, so that what a difference does not depend on cancels
    out.

    Args:
        forecast, baseline: of one series.
        dates: of the steps.
    """
    values = _less(forecast.values, baseline.values)[0]
    paths = None
    if forecast.paths is not None and baseline.paths is not None:
        paths = _less(forecast.paths, baseline.paths)[0]
    days = [
        {"day": day, "date": date}
        | _figures(values[day - 1], None if paths is None else paths[:, day - 1])
        for day, date in enumerate(dates, 1)
    ]
    total = _figures(values.sum(axis=0), None if paths is None else paths.sum(axis=1))
    throughput = {
        name.removeprefix("throughput_") if name != "throughput" else "median": value
        for name, value in total.items()
        if name.startswith("throughput")
    }
    return {"steps": days, "total_throughput": throughput}


def _less(values: Floats, others: Floats) -> Floats:
    """Differences; zero where they are but a rounding error."""
    return np.where(np.isclose(values, others, rtol=_EXACT, atol=0), 0.0, values - others)


def _figures(values: Floats, paths: Floats | None) -> dict[str, float]:
    """Differences of the targets [3], with the intervals that paths [P, 3] give."""
    found: dict[str, float] = {}
    for i, target in enumerate(TARGETS):
        own = {target: values[i]}
        if paths is not None:
            for level in LEVELS:
                tail = (1 - level / 100) / 2
                low, high = np.quantile(paths[:, i], [tail, 1 - tail])
                own[f"{target}_lo{level}"] = min(low, values[i])
                own[f"{target}_hi{level}"] = max(high, values[i])
        found |= {name: float(significant(np.array([v]), _DIGITS)[0]) for name, v in own.items()}
    return found
