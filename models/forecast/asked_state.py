"""The forecast from the state of the last day that a request asks for, and its warnings.

A state outside of what the data has shown is an extrapolation: the confidence is multiplied by the
share of the change that lies within. The balance of the flow is checked on the answer. With a plan,
the flow through the line has started from that state already (`models.forecast.plan_effect`).

    >>> round(share_seen(asked=1_000_000, was=100, low=80, high=150), 6)
    5e-05
    >>> share_seen(asked=120, was=100, low=80, high=150)
    1.0
"""

from __future__ import annotations

from dataclasses import replace

from models.forecast.forecast import Forecast
from models.forecast.forecaster import Forecaster, History
from models.forecast.what_if import balance_gap
from utils.api.schemas.forecasting import ForecastFields

_MOST_GAP = 0.2  # of the throughput, in the balance of the flow


def from_asked_state(
    forecaster: Forecaster, history: History, request: ForecastFields, forecast: Forecast
) -> tuple[Forecast, list[str]]:
    """Return the forecast from the state that a request asks for, and warnings about it."""
    was, (low, high) = history.rows[-1], forecaster.seen(history)
    planned = _beyond_seen(request.planned_throughput, float(low[1]), float(high[1]))
    asked = (request.current_wip, request.last_throughput)
    if asked == (None, None):
        return forecast, planned
    fields = ("currentWIP", "lastThroughput")
    sure, warnings = 1.0, planned
    for i, (field, value) in enumerate(zip(fields, asked, strict=True)):
        if value is None or low[i] <= value <= high[i]:
            continue
        share = share_seen(value, float(was[i]), float(low[i]), float(high[i]))
        side, end = ("above", high[i]) if value > high[i] else ("below", low[i])
        warnings.append(
            f"{field} {value:.6g} is {side} all that was seen of this series ({end:.6g}): the "
            f"forecast is an extrapolation, and its confidence is multiplied by {share:.2g}, the "
            "share of the change that the data has shown."
        )
        sure *= share
    if not history.state.is_empty:  # the flow has started from it
        return replace(forecast, confidence=forecast.confidence * sure), warnings
    most = float(high[1])
    shifted = forecast.shifted(forecaster.what_if, was, *asked, most=most, sure=sure)
    gap = balance_gap(forecast.values[0], shifted.values[0])
    if gap > _MOST_GAP:
        warnings.append(
            "The balance of the flow does not hold in this forecast: the change of WIP differs "
            f"from releases − throughput by {gap:.0%} of the throughput."
        )
    return shifted, warnings


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


def share_seen(asked: float, was: float, low: float, high: float) -> float:
    """Return the share of the change from `was` to `asked` that lies within what was seen."""
    if low <= asked <= high:
        return 1.0
    end = high if asked > high else low
    return min(1.0, max(0.0, (end - was) / (asked - was)))
