"""The reply to a forecast request: day by day, totals, paths, and its check."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.asked_state import from_asked_state
from models.forecast.forecast import Forecast
from models.forecast.forecaster import Forecaster, History
from models.forecast.intervals import LEVELS
from models.forecast.line_history import usual_capacity
from models.forecast.reply_check import check_forecast
from models.forecast.reply_days import ReplyDays
from models.forecast.requested_plan import plan_summary
from models.series.calendar import Step
from models.series.known_inputs import CAPACITY
from models.series.panel import SERIES_FIELDS, TARGETS
from models.series.rounding import significant
from utils.api.replies.forecasting import BatchForecast, PredictReply
from utils.api.schemas.forecasting import ForecastFields, PredictRequest
from utils.errors import DamagedFile
from utils.flow_curve import FlowCurve, no_curve

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
    check = check_forecast(forecaster, history, request, forecast, days, values, curve_of)
    review = check.validation
    review["warnings"] = [*unseen, *review["warnings"]]
    review["is_valid"] = review["is_valid"] and not unseen
    return {
        "step": history.calendar.step,
        "history": _recent(history, request.history_steps),
        "predictions": _days(values, days, forecast),
        "validation": review,
        "little_law_analysis": check.little_law_analysis,
        "target": check.target,
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
    start = (history.rows[-1] if forecast.start is None else forecast.start[0, -1]).copy()
    if request.current_wip is not None:
        start[0] = request.current_wip
    return reply_days(history, request).spread(forecast, start), unseen


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
