"""The series of a backtest's picture: true values, and forecasts that do not overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.backtest.plan import Plan
from models.backtest.scores import Scores
from models.backtest.trial import RollOutBlock, Trial
from models.series.panel import SERIES_FIELDS, TARGETS, Panel
from models.series.rounding import significant

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST = 3  # series, and origins of each
_HORIZONS_BEFORE = 1  # of true values before the first origin
_DIGITS = 9


def names(panel: Panel, s: int) -> dict[str, str]:
    """Return plant, application and panel size of a series."""
    return dict(zip(SERIES_FIELDS, panel.series_keys[s], strict=True))


def charts(trial: Trial, scores: Scores) -> list[dict[str, Any]]:
    """Return the three series with the largest throughput: true values and forecasts."""
    return [_chart(trial, s) for s in scores.largest(_MOST)]


def _chart(trial: Trial, s: int) -> dict[str, Any]:
    plan, panel = trial.plan, trial.plan.panel
    origins = _apart(plan, s)
    block = trial.block(origins, np.full(len(origins), s))
    begin, end = int(panel.first[s]), int(panel.first[s] + panel.lengths[s])
    low = max(begin, int(origins[0]) - _HORIZONS_BEFORE * plan.horizon)
    high = min(end, int(origins[-1]) + plan.horizon)
    actual = panel.values[panel.offsets[s] + np.arange(low, high) - begin]
    return names(panel, s) | {
        "dates": panel.calendar_of(s).dates(np.arange(low, high)),
        "actual": {target: _column(actual[:, i]) for i, target in enumerate(TARGETS)},
        "forecasts": [_forecast(plan, block, k, int(o)) for k, o in enumerate(origins)],
    }


def _apart(plan: Plan, s: int) -> Ints:
    """Origins of a series whose forecasts do not overlap: the newest that are complete."""
    panel, steps = plan.panel, plan.horizon
    end = int(panel.first[s] + panel.lengths[s])
    usable = plan.origins[(plan.origins >= panel.first[s] + plan.length) & (plan.origins < end)]
    whole = usable[usable + steps <= end]
    chosen: list[int] = []
    for origin in whole[::-1] if whole.size else usable[:1]:
        if len(chosen) < _MOST and (not chosen or origin + steps <= chosen[-1]):
            chosen.append(int(origin))
    return np.array(chosen[::-1], np.int64)


def _forecast(plan: Plan, block: RollOutBlock, k: int, origin: int) -> dict[str, Any]:
    calendar, forecast = plan.panel.calendar_of(int(block.series[k])), block.forecast
    bounds = {"lo": forecast.lower, "hi": forecast.upper}
    return {
        "origin": calendar.dates(np.array([origin - 1]))[0],
        "dates": calendar.dates(origin + np.arange(plan.horizon)),
        "per_target": {
            target: {
                "forecast": _column(forecast.values[k, :, i]),
                "last_value": _column(block.naive["last_value"][k, :1, i])[0],
                **{
                    f"{side}{level}": _column(bound[k, :, i])
                    for side, levels in bounds.items()
                    for level, bound in levels.items()
                },
            }
            for i, target in enumerate(TARGETS)
        },
    }


def _column(values: Floats) -> list[float | None]:
    rounded = significant(values, _DIGITS).tolist()
    return [None if np.isnan(value) else value for value in rounded]
