"""Forecasts by the pretrained network: of a stored data set, or of the rows in a request.

Example: the first forecast of a table that was just uploaded needs no training:
`{"model_id": "pretrained", "datasetId": …, "plant": …, "application": …, "panelSize": …}`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from models.data import cleaning
from models.data.datasets import Datasets
from models.data.reading import tables
from models.forecast.forecaster import Forecaster, SeriesEnd
from models.forecast.history import named_rows
from models.forecast.pretrained import PretrainedModel
from models.forecast.what_if import WhatIfEffect
from models.forecast.zero_shot import FEWEST_ROWS, PRETRAINED_ID, ZeroShotModel, ZeroShotSeries
from models.series.panel import Panel
from utils.api.schemas.forecasting import BatchRequest, PredictRequest
from utils.bounded_cache import BoundedCache
from utils.errors import InvalidInput

_Kept = tuple[str, bool, int | None]  # digest of the data set, with what-if, last day
DESCRIPTION: dict[str, Any] = {
    "source": "built in",
    "architecture": "pretrained",
    "status": "ready",
    "description": "A dual-layer LSTM that was trained on simulated factories. It forecasts any "
    "series of a `datasetId` or a `history` without a training, and cannot be deleted.",
}


class ZeroShotForecasters:
    """The pretrained network, ready to forecast the data sets that were used last.

    Args:
        datasets: the stored data sets.
        capacity: bytes of the rows that are kept.
    """

    def __init__(self, datasets: Datasets, capacity: int) -> None:
        self._datasets = datasets
        self._kept = BoundedCache[_Kept, tuple[Forecaster, int]](capacity)

    def of_dataset(self, id: str, what_if: bool, last: int | None = None) -> Forecaster:
        """Return it for the series of a data set; `what_if` as of `of_panel`.

        Args:
            last: last day whose rows it knows; None: that of the data.

        Raises:
            NotFound: there is no such data set.
        """

        def make() -> tuple[Forecaster, int]:
            panel = self._datasets.load(id)
            known = panel if last is None else panel.up_to(last)
            return of_panel(known, what_if), known.values.nbytes

        key = self._datasets.digest(id), what_if, last
        return self._kept.get(key, make, lambda made: made[1])[0]


def zero_shot_forecaster(
    request: PredictRequest | BatchRequest, known: ZeroShotForecasters, max_rows: int
) -> Forecaster:
    """Return the pretrained network, ready to forecast what a request asks for.

    Raises:
        InvalidInput: neither a data set nor a history is given, or the history is too short.
        NotFound: there is no such data set.
    """
    if request.dataset_id is not None:
        if isinstance(request, PredictRequest) and request.as_of is not None:
            return _as_of(request.as_of, request, known)
        return known.of_dataset(request.dataset_id, _asks_what_if(request))
    if isinstance(request, PredictRequest) and request.as_of is not None:
        rule = "needs datasetId; a history ends where the forecast is to start"
        raise InvalidInput.of("asOf", rule, request.as_of)
    if not isinstance(request, PredictRequest) or request.history is None:
        needed = "datasetId" if isinstance(request, BatchRequest) else "datasetId or history"
        raise InvalidInput.of(
            "datasetId", f"or another source of rows is required: {PRETRAINED_ID} needs {needed}"
        )
    rows = named_rows((request.plant, request.application, request.panel_size), request)
    table = tables.read_rows(rows, max_rows, options=request)
    panel = cleaning.clean(table).panel
    if panel.lengths.max() < FEWEST_ROWS:
        rule = " ".join([f"must have at least {FEWEST_ROWS} rows.", *table.read_as["warnings"]])
        raise InvalidInput.of(
            "history",
            rule.removesuffix("."),
            f"{len(request.history)} rows of {panel.lengths.max()} {panel.calendar.step}s",
        )
    return of_panel(panel, _asks_what_if(request))


def _as_of(last: str, request: PredictRequest, known: ZeroShotForecasters) -> Forecaster:
    """The pretrained network with the rows of a data set up to a date."""
    if request.history is not None:
        raise InvalidInput.of("asOf", "must be left out beside a history", last)
    id, what_if = str(request.dataset_id), _asks_what_if(request)
    key = (request.plant, request.application, request.panel_size)
    whole = known.of_dataset(id, what_if)
    day = whole.calendar.day(last, "asOf", is_last=True)
    whole.check(key)
    found = known.of_dataset(id, what_if, day)
    history = found.recent_history(key) if found.knows(key) else None
    if history is None or len(history.rows) < FEWEST_ROWS:
        rule = f"must leave at least {FEWEST_ROWS} rows of the series up to it"
        raise InvalidInput.of("asOf", rule, last)
    return found


def _asks_what_if(request: PredictRequest | BatchRequest) -> bool:
    """Return True if a request may ask for the forecast from another state."""
    if isinstance(request, BatchRequest):
        return True
    asked = request.current_wip, request.last_throughput, request.planned_throughput
    return any(value is not None for value in asked)


def of_panel(panel: Panel, what_if: bool) -> Forecaster:
    """Return the pretrained network, ready to forecast the series of a panel.

    Args:
        what_if: True to estimate the effect of another state of the last day.
    """
    known = ZeroShotSeries(panel.calendar, panel.series_keys, lanes=panel.lanes)
    model = ZeroShotModel(known, PretrainedModel.open())
    ends = {}
    for s, (begin, end) in enumerate(pairwise(panel.offsets.tolist())):
        rows = panel.values[begin:end]
        last = int(panel.first[s]) + len(rows) - 1
        highest = float(np.nanmax(rows[:, 1]))
        given = not np.isnan(rows[:, 2]).all()
        recent = rows[-model.look_back :]
        columns = {name: column[end - len(recent) : end] for name, column in panel.known.items()}
        ends[panel.series_keys[s]] = SeriesEnd(
            recent, last, highest, given, panel.last_day(s), columns
        )
    cut = int((panel.first + panel.lengths).max(initial=0))
    effect = WhatIfEffect.fit(panel, panel.filled(), cut) if what_if and ends else None
    return Forecaster(model, ends, effect)
