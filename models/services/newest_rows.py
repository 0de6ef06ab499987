"""Forecasts from the newest rows of the data set of a model, or from those up to a date."""

from __future__ import annotations

import contextlib
from typing import Any, TypeVar

from models.data.dataset_summary import calendar_of
from models.data.datasets import Datasets
from models.registry.model_document import ModelDocument
from models.series.calendar import EVERY_DAY
from models.series.panel import SERIES_FIELDS
from utils.api.schemas.forecasting import BatchItem, PredictRequest, ScenariosRequest
from utils.errors import DamagedFile, InvalidInput, NotFound, Unavailable

Request = TypeVar("Request", PredictRequest, ScenariosRequest, BatchItem)

_ROWS = 800  # of a series that a forecast may look back on, at most


def dataset_of(model: ModelDocument, datasets: Datasets) -> dict[str, Any]:
    """Return the last known document of a model's data set; {} if there is none any more."""
    with contextlib.suppress(NotFound):
        return datasets.store.last_known(model.dataset_id) if model.dataset_id else {}
    return {}


def outdated(request: PredictRequest, as_of: str, datasets: Datasets) -> list[str]:
    """Return a warning if the newest data set of a client has later rows of a request's series.

    A request with a date or with rows of its own gets none: it has chosen.

    Args:
        as_of: the last date that the forecast knows.
    """
    if request.as_of is not None or request.history is not None:
        return []
    rows: list[dict[str, Any]] = []
    # Without the store of the data there is no warning, but the forecast.
    with contextlib.suppress(NotFound, DamagedFile, Unavailable):
        newest = datasets.newest_of_clients()
        rows = datasets.rows_of(newest, _key(request), None, 1) if newest else []
    end = rows[-1]["date"] if rows else ""
    if len(end) != len(as_of) or end <= as_of:  # of days, and of hours
        return []
    return [
        f"The rows of this model end on {as_of}; the newest data set, {newest}, has rows of this "
        f"series up to {end}. Train its plants anew, or send the newer rows as `history`."
    ]


def with_newest_rows(
    request: Request, model: ModelDocument, datasets: Datasets, document: dict[str, Any]
) -> Request:
    """Return a request with the rows of its model's data set as its history.

    Without `asOf`, only if the data set has another version than the model was trained on; else
    the rows that the model keeps are the newest.

    Args:
        document: of the data set, by `dataset_of`.

    Raises:
        InvalidInput: `asOf` is given beside a history, is no date, or no rows are of before it.
    """
    if request.as_of is not None:
        calendar = calendar_of(document) if document else EVERY_DAY
        calendar.day(request.as_of, "asOf")
        if request.history is not None:
            raise InvalidInput.of("asOf", "must be left out beside a history", request.as_of)
    if request.history is not None:
        return request
    if request.as_of is None and document.get("version", 1) <= model.dataset_version:
        return request
    rows = []
    if document:
        rows = datasets.rows_of(document["dataset_id"], _key(request), request.as_of, _ROWS)
    if not rows and request.as_of is not None:
        rule = "must not lie before the rows of the series in the model's data set"
        raise InvalidInput.of("asOf", rule, request.as_of)
    return request.model_copy(update={"history": rows}) if rows else request


def _key(request: PredictRequest | ScenariosRequest | BatchItem) -> dict[str, str]:
    """The series of a request, by column."""
    names = (request.plant, request.application, request.panel_size)
    return dict(zip(SERIES_FIELDS, names, strict=True))
