"""The forecast from the state of the last day that a request asks for, and its warnings.

A state outside of what the data has shown is an extrapolation: the confidence is multiplied by the
share of the range up to it that was seen. So is that of steps to which a plan or such a state takes
WIP beyond that range. The balance of the flow is checked on the answer. With a plan, the flow
through the line has started from that state already (`models.forecast.plan_effect`).

    >>> round(share_seen(asked=1_000_000, low=80, high=150), 6)
    7e-05
    >>> share_seen(asked=120, low=80, high=150), round(share_seen(asked=164, low=80, high=150), 2)
    (1.0, 0.83)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.forecast.forecast import Forecast
from models.forecast.forecaster import Forecaster, History
from models.forecast.what_if import balance_gap
from utils.api.schemas.forecasting import ForecastFields

_MOST_GAP = 0.2  # of the throughput, in the balance of the flow
_SHARE_WARNED = 0.67  # of the range that a plan leads to, below which a warning says so
_LEAST_RANGE = 0.05  # of the highest value: a constant line has no range

Floats = NDArray[np.float64]


def from_asked_state(
    forecaster: Forecaster, history: History, request: ForecastFields, forecast: Forecast
) -> tuple[Forecast, list[str]]:
    """Return the forecast from the state that a request asks for, and warnings about it."""
    low, high = forecaster.seen(history)
    warnings = _beyond_seen(request.planned_throughput, float(low[1]), float(high[1]))
    asked = (request.current_wip, request.last_throughput)
    sure = 1.0
    for i, (field, value) in enumerate(zip(("currentWIP", "lastThroughput"), asked, strict=True)):
        if value is None or low[i] <= value <= high[i]:
            continue
        share = share_seen(value, float(low[i]), float(high[i]))
        side, end = ("above", high[i]) if value > high[i] else ("below", low[i])
        warnings.append(
            f"{field} {value:.6g} is {side} all that was seen of this series ({end:.6g}): the "
            f"forecast is an extrapolation, and its confidence is multiplied by {share:.2g}, the "
            "share of the range up to it that the data has shown."
        )
        sure *= share
    if asked != (None, None) and history.state.is_empty:  # else the flow has started from it
        before = forecast.values[0]
        was = history.rows[-1] if forecast.start is None else forecast.start[0, -1]
        most = float(high[1])
        forecast = forecast.shifted(forecaster.what_if, was, *asked, most=most)
        warnings += _out_of_balance(before, forecast.values[0])
    if asked != (None, None) or history.has_plan:
        shares, beyond = _course_seen(forecast.values[0, :, 0], float(low[0]), float(high[0]))
        warnings += beyond if sure == 1 else []
        forecast = replace(forecast, confidence=forecast.confidence * np.minimum(sure, shares))
    return forecast, warnings


def _out_of_balance(before: Floats, after: Floats) -> list[str]:
    """Return a warning if the balance of the flow does not hold in a forecast, [steps, 3]."""
    gap = balance_gap(before, after)
    if gap <= _MOST_GAP:
        return []
    return [
        "The balance of the flow does not hold in this forecast: the change of WIP differs from "
        f"releases − throughput by {gap:.0%} of the throughput."
    ]


def _course_seen(wip: Floats, low: float, high: float) -> tuple[Floats, list[str]]:
    """Return the share of the range up to the WIP of each step that was seen, and a warning.

    It never rises with the horizon.
    """
    shares = np.minimum.accumulate([share_seen(value, low, high) for value in wip.tolist()])
    most = float(wip.max())
    if shares[-1] >= _SHARE_WARNED or most <= high:
        return shares, []
    return shares, [
        f"WIP rises to {most:.6g}, above all that was seen of this series ({high:.6g}): the "
        f"forecast is an extrapolation there, and its confidence is multiplied by {shares[-1]:.2g}."
    ]


def _beyond_seen(planned: float | None, low: float, high: float) -> list[str]:
    """Return a warning about a planned throughput that the line has never had."""
    if planned is None or low <= planned <= high:
        return []
    most = planned > high
    return [
        f"plannedThroughput {planned:.6g} is {'more' if most else 'less'} than the line has ever "
        f"put out in a step ({high if most else low:.6g}): it is followed as far as capacity and "
        "WIP allow."
    ]


def share_seen(asked: float, low: float, high: float) -> float:
    """Return the share of the range from what was seen up to a value that was seen."""
    if low <= asked <= high:
        return 1.0
    seen = max(high - low, _LEAST_RANGE * high)
    beyond = asked - high if asked > high else low - asked
    return seen / (seen + beyond)
