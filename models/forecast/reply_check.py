"""The check of a forecast in its reply: Little's Law, the output so far, the target, its start.

The sum of medians is not the median of a sum: where output is lumpy, the median day puts out
nothing. So Little's Law is held to expected values, and a target to totals, both of sample paths
where there are any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.data.series_rows import MAX_GAP
from models.forecast.forecast import Forecast
from models.forecast.forecaster import Forecaster, History
from models.forecast.reply_days import ReplyDays, closures_to_come
from models.forecast.requested_plan import plan_warnings
from models.series.first_passage import cumulated, quantile_steps, steps_to_reach
from utils import forecast_review
from utils.api.schemas.forecasting import ForecastFields
from utils.flow_curve import FlowCurve, no_curve
from utils.forecast_review import ForecastDays, LineSoFar
from utils.validation import LAW_WINDOW, cycle_time_unit, usual_flow_ratio

Floats = NDArray[np.float64]

_TARGET_SHARES = {"p50": 0.5, "p80": 0.8, "p95": 0.95}
_DERIVED = (
    "No cycle times of this series were given: those of the forecast are derived from WIP and "
    "throughput by Little's Law, over seven steps (28 where output is lumpy)."
)
_LABELS = ("WIP", "throughput", "cycle time")
_NEWEST, _MOST_NAMED = 28, 3  # rows whose replaced values are named, and how many of these
_IDLE = 0.05  # of the usual expected output, up to which a day is one without output


class ForecastCheck(NamedTuple):
    """The parts of a reply that check its forecast, as JSON-ready documents."""

    validation: dict[str, Any]
    little_law_analysis: dict[str, Any]
    target: dict[str, Any] | None


def check_forecast(
    forecaster: Forecaster,
    history: History,
    request: ForecastFields,
    forecast: Forecast,
    days: ReplyDays,
    values: Floats,
    curve_of: Callable[[], FlowCurve | None] = no_curve,
) -> ForecastCheck:
    """Return the check of a forecast, on the days of its reply.

    Args:
        history: the rows that the forecast starts from.
        forecast: of one series, on these days.
        values: of the reply, rounded, [days, 3].
        curve_of: returns the curve of the line, which advice is then taken from; None: unknown.
    """
    target = _target(values[:, 1], days.dates, request.target_production, forecast.paths)
    expected = _expected(values, forecast.paths)
    factor = _cycle_time_factor(history, *expected[days.worked].T)
    in_worked_days = np.array([1.0, 1.0, factor])
    is_judged = history.ahead.is_empty and forecaster.has_cycle_times(history.series_key)
    law = _law_days(expected * in_worked_days, values * in_worked_days, days.worked, is_judged)
    review = forecast_review.review_forecast(
        law,
        _line_so_far(forecaster, history, factor),
        request.target_production,
        None if target is None else target["forecast_production"],
        curve_of,
    )
    before, after = _other_warnings(forecaster, history, request, forecast, len(days.dates))
    review["warnings"] = [*before, *review["warnings"], *after]
    wip, throughput, times = (values * in_worked_days).T
    analysis = forecast_review.analyse_forecast(
        wip, throughput, times, days.closed, _idle(expected[:, 1])
    )
    return ForecastCheck(review, analysis, target)


def _expected(values: Floats, paths: Floats | None) -> Floats:
    """Expected WIP and throughput, and the mean cycle time of the units expected, [days, 3]."""
    if paths is None:
        return values
    found: Floats = paths[0].mean(axis=0)
    flow = (paths[0, :, :, 1] * paths[0, :, :, 2]).mean(axis=0)
    np.divide(flow, found[:, 1], out=found[:, 2], where=found[:, 1] > 0)
    return found


def _law_days(
    expected: Floats, medians: Floats, worked: NDArray[np.bool_], is_judged: bool
) -> ForecastDays:
    """The days that are checked, of the days of the reply, [days, 3]."""
    wip, throughput, times = medians[worked].T
    of_medians = ForecastDays(wip, throughput, times)
    wip, throughput, times = expected[worked].T
    numbers = np.flatnonzero(worked) + 1
    return ForecastDays(wip, throughput, times, numbers, is_judged, of_medians)


def _cycle_time_factor(history: History, wip: Floats, throughput: Floats, times: Floats) -> float:
    """The factor from cycle times to worked days."""
    calendar = history.calendar
    share = calendar.working[0].steps_per_week / 7 if calendar.working else 1.0
    return cycle_time_unit(wip, throughput, times, share)


def _line_so_far(forecaster: Forecaster, history: History, factor: float) -> LineSoFar:
    rows = history.rows * [1.0, 1.0, factor]
    ratio = usual_flow_ratio(rows, min(LAW_WINDOW, len(rows)))
    highest = forecaster.highest_throughput(history.series_key)
    return LineSoFar(highest, float(rows[:, 0].mean()), ratio)


def _idle(expected_throughput: Floats) -> NDArray[np.bool_]:
    """True for the days on which next to nothing is put out."""
    output = expected_throughput[expected_throughput > 0]
    least = _IDLE * float(np.median(output)) if output.size else 0.0
    return expected_throughput <= least


def _other_warnings(
    forecaster: Forecaster,
    history: History,
    request: ForecastFields,
    forecast: Forecast,
    days: int,
) -> tuple[list[str], list[str]]:
    """Warnings before and after those about the days of a forecast."""
    before = [
        *history.warnings,
        *_not_believed(history, forecast),
        *_replaced(history, forecast),
        *_moved_levels(forecast),
    ]
    if request.history is None:
        before = [*_ended_early(forecaster, history), *before]
    after = plan_warnings(forecaster, history)
    if not forecaster.has_cycle_times(history.series_key):
        after = [_DERIVED, *after]
    return before, [*after, *closures_to_come(history.calendar, history.last_day, days)]


def _not_believed(history: History, forecast: Forecast) -> list[str]:
    """Return a warning for each target whose last values the forecast does not start from."""
    if forecast.start is None:
        return []
    count, found = min(len(history.rows), len(forecast.start[0])), []
    given, taken = history.rows[-count:], forecast.start[0, -count:]
    least = 1e-9 * np.nan_to_num(np.fmax.reduce(np.abs(history.rows)))
    moved = ~(np.isnan(given) | np.isclose(given, taken, rtol=1e-6, atol=least))
    for i in np.flatnonzero(moved[-1]):
        at = moved[:, i]
        values, starts = (
            " and ".join(f"{value:.6g}" for value in part[at, i]) for part in (given, taken)
        )
        last, it = f"{_LABELS[i]}, {values}, is", "it is right, it will be believed once it has"
        if at.sum() > 1:
            last = f"two values of {_LABELS[i]}, {values}, are"
            it = "they are right, they will be believed once they have"
        found.append(
            f"The last {last} far beyond the usual changes of this series: the forecast starts "
            f"from {starts}. If {it} stayed for three steps."
        )
    return found


def _moved_levels(forecast: Forecast) -> list[str]:
    """Return a sentence for each shift of the level that the forecast follows."""
    if forecast.level is None:
        return []
    shifts = zip(_LABELS, forecast.level.ratios[0], forecast.level.ages[0], strict=True)
    return [
        f"The {label} has been at {ratio:.3g} times its former level for about {age} steps: the "
        "forecast takes it to stay there."
        for label, ratio, age in shifts
        if age
    ]


def _replaced(history: History, forecast: Forecast) -> list[str]:
    """Return a warning for each of the newest rows whose value the forecast does not take."""
    [taken] = forecast.taken or [history.rows]
    is_other = ~np.isnan(history.rows) & (taken != history.rows)
    is_other[:-_NEWEST] = False
    found = np.argwhere(is_other)[-_MOST_NAMED:]
    dates = history.calendar.dates(history.last_step + 1 - len(taken) + found[:, 0])
    return [
        f"The {_LABELS[target]} of {date}, {history.rows[row, target]:.6g}, is far from all rows "
        f"beside it: the forecast takes {taken[row, target]:.6g} in its place."
        for (row, target), date in zip(found.tolist(), dates, strict=True)
    ]


def _ended_early(forecaster: Forecaster, history: History) -> list[str]:
    """Return a warning if a series ended before the others of the model."""
    missing = forecaster.last_step - history.last_step
    if missing <= MAX_GAP:
        return []
    own, newest = history.calendar.dates(np.array([history.last_step, forecaster.last_step]))
    return [
        f"The rows of this series end on {own}, {missing} steps before the newest rows of the "
        f"model ({newest}); the forecast begins there. Send newer rows as `history`, if there are "
        "any."
    ]


def _target(
    throughput: Floats, dates: list[str], wanted: float | None, paths: Floats | None
) -> dict[str, Any] | None:
    """The total, and the dates by which shares of the sample paths have reached a target."""
    if wanted is None:
        return None
    output = throughput[None] if paths is None else paths[0, :, :, 1]
    steps = steps_to_reach(cumulated(output), np.full(len(output), wanted))
    days = quantile_steps(steps, _TARGET_SHARES, len(dates))
    reached_by = {name: None if day is None else dates[day - 1] for name, day in days.items()}
    found = {
        "target_production": wanted,
        "forecast_production": float(np.median(output.sum(axis=1))),
        "reached": days["p50"] is not None,
        "day": days["p50"],
        "date": reached_by["p50"],
    }
    if paths is None:
        return found
    return found | {"probability": float((steps <= len(dates)).mean()), **reached_by}
