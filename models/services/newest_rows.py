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
from utils.errors import InvalidInput, NotFound

Request = TypeVar("Request", PredictRequest, ScenariosRequest, BatchItem)

_ROWS = 800  # of a series that a forecast may look back on, at most


def dataset_of(model: ModelDocument, datasets: Datasets) -> dict[str, Any]:
    """Return the last known document of a model's data set; {} if there is none any more."""
    with contextlib.suppress(NotFound):
        return datasets.store.last_known(model.dataset_id) if model.dataset_id else {}
    return {}


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
    names = (request.plant, request.application, request.panel_size)
    key = dict(zip(SERIES_FIELDS, names, strict=True))
    rows = datasets.rows_of(document["dataset_id"], key, request.as_of, _ROWS) if document else []
    if not rows and request.as_of is not None:
        rule = "must not lie before the rows of the series in the model's data set"
        raise InvalidInput.of("asOf", rule, request.as_of)
    return request.model_copy(update={"history": rows}) if rows else request
