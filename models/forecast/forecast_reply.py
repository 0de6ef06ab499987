"""The reply to a forecast request: day by day, checked by Little's Law and against the target."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.series_rows import MAX_GAP
from models.forecast.asked_state import from_asked_state
from models.forecast.forecast import Forecast
from models.forecast.forecaster import Forecaster, History
from models.forecast.intervals import LEVELS
from models.forecast.line_history import usual_capacity
from models.forecast.reply_days import ReplyDays, closures_to_come
from models.forecast.requested_plan import plan_summary, plan_warnings
from models.series.calendar import Step
from models.series.first_passage import cumulated, quantile_steps, steps_to_reach
from models.series.known_inputs import CAPACITY
from models.series.panel import SERIES_FIELDS, TARGETS
from models.series.rounding import significant
from utils import forecast_review
from utils.api.replies.forecasting import BatchForecast, PredictReply
from utils.api.schemas.forecasting import ForecastFields, PredictRequest
from utils.errors import DamagedFile
from utils.flow_curve import FlowCurve, no_curve
from utils.validation import cycle_time_unit

Floats = NDArray[np.float64]

_DIGITS = 9  # of a reply: what a unit is called decides how small its numbers are
_BOUNDS = [f"_{side}{level}" for level in LEVELS for side in ("lo", "hi")]
_MEAN = "_mean"
_PATHS = 400  # that means and totals are taken from
_TOTALS = {"throughput": 0.5} | {  # quantiles of a total
    f"throughput_{side}{level}": 0.5 + sign * level / 200
    for level in LEVELS
    for side, sign in (("lo", -1), ("hi", 1))
}
_PERIODS = {Step.DAY: 7, Step.WEEK: 4, Step.MONTH: 3}  # steps that totals are given for
_TARGET_SHARES = {"p50": 0.5, "p80": 0.8, "p95": 0.95}
_DERIVED = (
    "No cycle times of this series were given: those of the forecast are derived from WIP and "
    "throughput by Little's Law, over seven steps."
)
_LABELS = ("WIP", "throughput", "cycle time")
_COLUMNS = [
    "day",
    "date",
    "closed",
    *(f"predicted_{target}{bound}" for target in TARGETS for bound in ("", *_BOUNDS, _MEAN)),
    "confidence",
]


def reply_days(history: History, request: ForecastFields) -> ReplyDays:
    """Return the days of the reply to a request for a series."""
    return ReplyDays.of(
        history.calendar,
        history.last_step,
        history.last_day,
        request.prediction_days,
        request.working_days_only,
    )


def forecast_reply(
    forecaster: Forecaster,
    history: History,
    request: PredictRequest,
    forecast: Forecast,
    curve_of: Callable[[], FlowCurve | None] = no_curve,
) -> PredictReply:
    """Return the reply to a request for one series.

    Args:
        history: the rows that the forecast starts from.
        forecast: of one series, over the steps of `reply_days`.
        curve_of: returns the curve of the line, which advice is then taken from; None: unknown.

    Raises:
        DamagedFile: the forecast has values that are not numbers.
    """
    fields = _fields(forecaster, history, request, forecast, curve_of)
    [as_of] = history.calendar.dates(np.array([history.last_step]))
    past = history.known.get(CAPACITY)
    [usual] = usual_capacity(None if past is None else past[None], 1)
    fields["usual_capacity"] = None if np.isnan(usual) else float(usual)
    return PredictReply(model_id=request.model_id, as_of=as_of, **fields)


def batch_entry(
    forecaster: Forecaster, history: History, item: ForecastFields, forecast: Forecast, place: int
) -> BatchForecast:
    """Return the entry of one item of a batch, by its place from 0. Raises as `forecast_reply`."""
    fields = _fields(forecaster, history, item, forecast)
    names: dict[str, Any] = dict(zip(SERIES_FIELDS, history.series_key, strict=True))
    return BatchForecast(item=place, **fields, **names)


def _fields(
    forecaster: Forecaster,
    history: History,
    request: ForecastFields,
    forecast: Forecast,
    curve_of: Callable[[], FlowCurve | None] = no_curve,
) -> dict[str, Any]:
    """Fields that the reply to a single request and the entry of a batch share."""
    if not forecast.is_finite:
        raise DamagedFile("The model is damaged: its forecast has values that are not numbers.")
    forecast, unseen = spread_forecast(forecaster, history, request, forecast)
    days = reply_days(history, request)
    values = significant((forecast.raw if request.raw else forecast.values)[0], _DIGITS)
    throughput = values[:, 1]
    highest, wanted = forecaster.highest_throughput(history.series_key), request.target_production
    law, planned = _law_values(history, values, days), not history.ahead.is_empty
    numbers = np.flatnonzero(days.worked) + 1
    review = forecast_review.review_forecast(
        law[:, 0], law[:, 1], law[:, 2], highest, wanted, planned, numbers, curve_of
    )
    review["warnings"] = [*_not_believed(history, forecast), *unseen, *review["warnings"]]
    review["is_valid"] = review["is_valid"] and not unseen
    if not forecaster.has_cycle_times(history.series_key):
        review["warnings"].append(_DERIVED)
    review["warnings"] += plan_warnings(forecaster, history)
    review["warnings"] += closures_to_come(history.calendar, history.last_day, len(days.dates))
    if request.history is None:
        review["warnings"] = [*_ended_early(forecaster, history), *review["warnings"]]
    return {
        "step": history.calendar.step,
        "history": _recent(history, request.history_steps),
        "predictions": _days(values, days, forecast),
        "validation": review,
        "little_law_analysis": forecast_review.analyse_forecast(
            law[:, 0], law[:, 1], law[:, 2], days.closed
        ),
        "target": _target(throughput, days.dates, wanted, forecast.paths),
        "totals": _totals(forecast, days.dates, _period(history, request)),
        "paths": _paths(forecast, request.paths),
        "plan": plan_summary(forecaster, history),
        "cold_start": not forecaster.knows(history.series_key),
        "raw": request.raw,
    }


def _recent(history: History, count: int) -> list[dict[str, Any]] | None:
    """The last rows of a history; None if none are asked for."""
    if not count:
        return None
    rows = significant(history.rows[-count:], _DIGITS)
    dates = history.calendar.dates(history.last_step + 1 + np.arange(-len(rows), 0))
    return [
        {"date": date}
        | {t: None if math.isnan(v) else v for t, v in zip(TARGETS, row, strict=True)}
        for date, row in zip(dates, rows.tolist(), strict=True)
    ]


def spread_forecast(
    forecaster: Forecaster, history: History, request: ForecastFields, forecast: Forecast
) -> tuple[Forecast, list[str]]:
    """Return the forecast of a series from the state of a request, on the days of its reply.

    Also returns a warning for each state that was never seen.
    """
    forecast, unseen = from_asked_state(forecaster, history, request, forecast)
    start = (history.rows[-1] if forecast.start is None else forecast.start[0]).copy()
    if request.current_wip is not None:
        start[0] = request.current_wip
    return reply_days(history, request).spread(forecast, start), unseen


def _law_values(history: History, values: Floats, days: ReplyDays) -> Floats:
    """WIP, throughput and cycle times in worked days, of the days that Little's Law is held to."""
    worked, calendar = values[days.worked], history.calendar
    share = calendar.working[0].steps_per_week / 7 if calendar.working else 1.0
    wip, throughput, times = worked.T
    factor = cycle_time_unit(wip, throughput, times, share)
    return np.column_stack([wip, throughput, times * factor])


def _not_believed(history: History, forecast: Forecast) -> list[str]:
    """Return a warning for each value of the last row that the forecast does not start from."""
    if forecast.start is None:
        return []
    pairs = zip(_LABELS, history.rows[-1].tolist(), forecast.start[0].tolist(), strict=True)
    return [
        f"The last {label}, {given:.6g}, is far beyond the usual changes of this series: the "
        f"forecast starts from {taken:.6g}. If it is right, it will be believed once the next "
        "step confirms it."
        for label, given, taken in pairs
        if not (math.isnan(given) or math.isclose(given, taken, rel_tol=1e-6, abs_tol=1e-9))
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


def _period(history: History, request: ForecastFields) -> int:
    """Steps of a period that totals are given for; of hours and shifts those of a day."""
    calendar = history.calendar
    return (
        calendar.season
        if request.working_days_only and calendar.working
        else _PERIODS.get(calendar.step, calendar.parts)
    )


def paths_needed(request: ForecastFields) -> int:
    """Return the number of sample paths that the reply to a request is made from."""
    return max(request.paths, _PATHS)


def _totals(forecast: Forecast, dates: list[str], period: int) -> dict[str, Any] | None:
    """Units finished over the horizon and over its periods."""
    if forecast.paths is None:
        return None
    throughput = forecast.paths[0, :, :, 1]
    begins = np.arange(0, len(dates), period)
    ends = np.append(begins[1:], len(dates))
    sums = np.add.reduceat(throughput, begins, axis=1)
    sums = np.column_stack([throughput.sum(axis=1), sums])  # [paths, 1 + periods]
    figures = np.vstack([np.quantile(sums, list(_TOTALS.values()), axis=0), sums.mean(axis=0)])
    columns = [*_TOTALS, "throughput_mean"]
    spans = [(0, len(dates)), *zip(begins.tolist(), ends.tolist(), strict=True)]
    whole, *parts = [
        {"first_date": dates[begin], "last_date": dates[end - 1], "steps": end - begin}
        | dict(zip(columns, row, strict=True))
        for (begin, end), row in zip(spans, significant(figures.T, _DIGITS).tolist(), strict=True)
    ]
    return {"horizon": whole, "periods": parts}


def _paths(forecast: Forecast, count: int) -> dict[str, Any] | None:
    if not count or forecast.paths is None:
        return None
    rounded = significant(forecast.paths[0, :count], _DIGITS)
    return {target: rounded[..., i].tolist() for i, target in enumerate(TARGETS)}


def _days(values: Floats, days: ReplyDays, forecast: Forecast) -> list[dict[str, Any]]:
    bounds = [
        side[level][0] for level in LEVELS for side in (forecast.lower, forecast.upper) if side
    ]
    if forecast.paths is not None:
        bounds.append(forecast.paths[0].mean(axis=0))
    rounded = significant(np.stack([values, *bounds], axis=2), _DIGITS).reshape(len(values), -1)
    rows = np.column_stack([rounded, np.round(forecast.confidence[0], 4)]).tolist()
    absent = [] if bounds else _BOUNDS
    if forecast.paths is None:
        absent = [*absent, _MEAN]
    names = [c for c in _COLUMNS if not c.endswith(tuple(absent))]
    unknown = dict.fromkeys(_COLUMNS)
    every = zip(days.dates, days.closed.tolist(), rows, strict=True)
    return [
        unknown | dict(zip(names, (day, date, closed, *row), strict=True))
        for day, (date, closed, row) in enumerate(every, start=1)
    ]


def _target(
    throughput: Floats, dates: list[str], wanted: float | None, paths: Floats | None
) -> dict[str, Any] | None:
    if wanted is None:
        return None
    day = forecast_review.day_reached(throughput.tolist(), wanted)
    return {
        "target_production": wanted,
        "forecast_production": float(throughput.sum()),
        "reached": day is not None,
        "day": day,
        "date": None if day is None else dates[day - 1],
    } | ({} if paths is None else _target_dates(paths[0, :, :, 1], dates, wanted))


def _target_dates(paths: Floats, dates: list[str], wanted: float) -> dict[str, Any]:
    """Probability to reach a target within the horizon, and the dates of its quantiles."""
    steps = steps_to_reach(cumulated(paths), np.full(len(paths), wanted))
    days = quantile_steps(steps, _TARGET_SHARES, len(dates))
    return {
        "probability": float((steps <= len(dates)).mean()),
        **{name: None if day is None else dates[day - 1] for name, day in days.items()},
    }
