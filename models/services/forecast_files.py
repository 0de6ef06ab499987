"""A forecast as a file: CSV, an Excel workbook, or a picture."""

from __future__ import annotations

from typing import Literal

from models.reports import forecast_tables
from models.series.panel import SeriesKey
from utils.api.replies.forecasting import PredictReply
from utils.api.schemas.forecasting import PredictRequest

FileForm = Literal["csv", "xlsx", "png"]
KINDS: dict[str, str] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "png": "image/png",
}
HISTORY_STEPS = 90  # rows before the forecast, where the request does not say how many


def with_history(request: PredictRequest, form: FileForm) -> PredictRequest:
    """Return the request of a file, which shows the history as well unless told otherwise."""
    if form == "csv" or "history_steps" in request.model_fields_set:
        return request
    return request.model_copy(update={"history_steps": HISTORY_STEPS})


def forecast_file(reply: PredictReply, series_key: SeriesKey, form: FileForm) -> bytes:
    """Return a forecast as a file of a form."""
    if form == "csv":
        return forecast_tables.as_csv(reply, series_key)
    if form == "xlsx":
        return forecast_tables.as_xlsx(reply, series_key)
    from models.reports import forecast_picture  # Matplotlib: only where a picture is wanted

    return forecast_picture.draw(reply, series_key)
