"""The past that a forecast starts from: what the model keeps, and the request's history."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.data import cleaning, tables
from models.forecast.forecaster import Forecaster
from models.series.panel import SERIES_FIELDS, SeriesKey
from utils.api.schemas import ForecastFields
from utils.errors import InvalidInput

Floats = NDArray[np.float64]


class Context(NamedTuple):
    """Recent rows of a series in units, [n, 3], and the step number of the last one."""

    rows: Floats
    last: int
    cold: bool = False  # the model was not trained on this series


def context_of(
    forecaster: Forecaster, key: SeriesKey, request: ForecastFields, max_rows: int
) -> Context:
    """The past that a forecast starts from.

    The request's history, completed by the end of the training data where it joins on to it;
    without a history, that end alone. A series that the model was not trained on can be forecast
    from its history, by what the series have in common (a cold start).

    Raises:
        InvalidInput: the model does not know the series, or the history is too short.
    """
    length, known = forecaster.encoding.length, forecaster.recent(key)
    cold = not forecaster.knows(key)
    if cold and (request.history is None or not forecaster.starts_cold):
        forecaster.check(key)
    if request.history is None:
        if known is None:
            raise InvalidInput.of(
                "history",
                f"is required, with at least {length} rows: the model keeps no data of this series",
            )
        return Context(*known)
    rows, last = _joined(_history(forecaster, key, request.history, max_rows), known)
    if len(rows) < length:
        raise InvalidInput.of(
            "history",
            f"must have at least {length} rows, or join on to the end of the training data",
            f"{len(request.history)} rows",
        )
    return Context(rows, last, cold)


def _history(
    forecaster: Forecaster, key: SeriesKey, given: list[dict[str, object]], max_rows: int
) -> tuple[Floats, int]:
    """The rows of a history in units, and the step number of the first.

    Raises:
        InvalidInput: they cannot be repaired, or are of another series.
    """
    names = dict(zip(SERIES_FIELDS, key, strict=True))
    table = tables.read_rows([names | row for row in given], max_rows)
    panel = cleaning.clean(table, forecaster.calendar).panel
    if panel.series_keys != (key,):
        others = [other for other in panel.series_keys if other != key]
        raise InvalidInput.of(
            "history", f"must hold rows of {' / '.join(key)} only", " / ".join(others[0])
        )
    return panel.filled(), int(panel.first[0])


def _joined(history: tuple[Floats, int], known: tuple[Floats, int] | None) -> tuple[Floats, int]:
    """A history behind what is known from before it, where the two join; and its last step."""
    rows, first = history
    last = first + len(rows) - 1
    if known is not None and known[1] + 1 >= first:
        rows = np.vstack([known[0][: len(known[0]) - max(0, known[1] - first + 1)], rows])
    return rows, last
