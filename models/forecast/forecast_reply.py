"""A forecast as the service replies it: day by day, judged by Little's Law and by the target."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from models.forecast.forecaster import Forecast, Forecaster
from models.forecast.history import Context
from models.forecast.intervals import LEVELS
from models.series.panel import TARGETS, Key
from utils import validation
from utils.api import replies
from utils.api.schemas import ForecastFields, PredictRequest
from utils.errors import DamagedFile

Floats = NDArray[np.float64]

# What a forecast of a model's own data depends on.
_ASKED = ("prediction_days", "current_wip", "planned_throughput", "target_production", "raw")
_DECIMALS = 6
_BOUNDS = [f"_{side}{level}" for level in LEVELS for side in ("lo", "hi")]
_COLUMNS = [
    "day",
    "date",
    *(f"predicted_{target}{bound}" for target in TARGETS for bound in ("", *_BOUNDS)),
    "confidence",
]


def forecast_reply(
    forecaster: Forecaster, key: Key, context: Context, request: PredictRequest
) -> replies.PredictReply:
    """Forecast a series from its context, in the state that the request asks about."""
    forecast = _forecast(forecaster, key, context, request.prediction_days)
    entry = forecast_entry(forecaster, key, context, request, forecast)
    return replies.PredictReply(model_id=request.model_id, **entry)


def _forecast(forecaster: Forecaster, key: Key, context: Context, steps: int) -> Forecast:
    if context.own:
        return forecaster.forecast_own([key], steps)[0]
    return forecaster.forecast(key, context.rows, context.last, steps)


def forecast_json(
    forecaster: Forecaster,
    key: Key,
    context: Context,
    request: ForecastFields,
    forecast: Forecast | None = None,
) -> bytes:
    """`forecast_entry` as JSON; of the model's own data it is remembered.

    Args:
        forecast: from that context, where it is there already.

    Raises:
        DamagedFile: what the model says is no number.
    """
    asked = (key, *(getattr(request, name) for name in _ASKED))
    if context.own and (known := forecaster.said(*asked)):
        return known
    forecast = forecast or _forecast(forecaster, key, context, request.prediction_days)
    parts = [forecast.values, forecast.raw, *forecast.lower.values(), *forecast.upper.values()]
    if not all(np.isfinite(part).all() for part in parts):
        raise DamagedFile("The model is damaged: what it says is no number.")
    said = orjson.dumps(forecast_entry(forecaster, key, context, request, forecast))
    if context.own:
        forecaster.keep(said, *asked)
    return said


def forecast_entry(
    forecaster: Forecaster,
    key: Key,
    context: Context,
    request: ForecastFields,
    forecast: Forecast,
) -> dict[str, Any]:
    """What `replies.PredictReply` says of a forecast of one series, the model's id aside."""
    forecast = forecast.shifted(
        forecaster.response, context.rows[-1], request.current_wip, request.planned_throughput
    )
    values = np.round((forecast.raw if request.raw else forecast.values)[0], _DECIMALS)
    dates = forecaster.calendar.dates(context.last + 1 + np.arange(request.prediction_days))
    wip, throughput, cycle_time = values.T
    highest, wanted = forecaster.highest_throughput(key), request.target_production
    return {
        "predictions": _days(values, dates, forecast),
        "validation": validation.review_forecast(wip, throughput, cycle_time, highest, wanted),
        "little_law_analysis": validation.analyse_forecast(wip, throughput, cycle_time),
        "target": _target(throughput, dates, wanted),
        "cold_start": context.cold,
        "raw": request.raw,
    }


def _days(values: Floats, dates: list[str], forecast: Forecast) -> list[dict[str, Any]]:
    bounds = [
        side[level][0] for level in LEVELS for side in (forecast.lower, forecast.upper) if side
    ]
    rounded = np.round(np.stack([values, *bounds], axis=2), _DECIMALS).reshape(len(dates), -1)
    rows = np.column_stack([rounded, np.round(forecast.confidence[0], 4)]).tolist()
    names = _COLUMNS if bounds else [c for c in _COLUMNS if not c.endswith(tuple(_BOUNDS))]
    unknown = {} if bounds else dict.fromkeys(_COLUMNS)
    return [
        unknown | dict(zip(names, (day, date, *row), strict=True))
        for day, (date, row) in enumerate(zip(dates, rows, strict=True), start=1)
    ]


def _target(throughput: Floats, dates: list[str], wanted: float | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    day = validation.day_reached(throughput.tolist(), wanted)
    return {
        "target_production": wanted,
        "forecast_production": float(throughput.sum()),
        "reached": day is not None,
        "day": day,
        "date": None if day is None else dates[day - 1],
    }
