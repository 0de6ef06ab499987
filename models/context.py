"""The past that a forecast starts from: what the model keeps, the request's history and state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecasting import Forecaster
from utils.errors import InvalidInput
from utils.schemas import PredictRequest
from utils.series import KEYS, Key

Floats = NDArray[np.float64]


def context_of(
    forecaster: Forecaster, key: Key, request: PredictRequest, max_rows: int
) -> tuple[Floats, int]:
    """The past that a forecast starts from, [length, 3], and the step number of its end.

    The request's history, completed by the end of the training data where it joins on to it;
    without a history, that end alone.
    """
    length, known = forecaster.encoding.length, forecaster.recent(key)
    if request.history is None:
        if known is None:
            raise InvalidInput.of(
                "history",
                f"is required, with at least {length} rows: the model keeps no data of this series",
            )
        return known
    from utils import cleaning, tables

    names = dict(zip(KEYS, key, strict=True))
    table = tables.read_rows([names | row for row in request.history], max_rows)
    panel = cleaning.clean(table, forecaster.encoding.calendar).panel
    if panel.keys != (key,):
        raise InvalidInput.of(
            "history", f"must hold rows of {' / '.join(key)} only", " / ".join(panel.keys[0])
        )
    rows, first = panel.filled(), int(panel.first[0])
    end = first + len(rows) - 1
    if len(rows) < length and known is not None:
        before = known[0][: len(known[0]) - max(0, known[1] - first + 1)]
        if known[1] + 1 >= first:
            rows = np.vstack([before, rows])
    if len(rows) < length:
        raise InvalidInput.of(
            "history",
            f"must have at least {length} rows, or join on to the end of the training data",
            f"{len(request.history)} rows",
        )
    return rows[-length:], end


def with_state(context: Floats, wip: float | None, throughput: float | None) -> Floats:
    """Replace the state of the last day; its cycle time follows by Little's Law."""
    if wip is None and throughput is None:
        return context
    context = context.copy()
    state = context[-1]
    state[0] = state[0] if wip is None else wip
    state[1] = state[1] if throughput is None else throughput
    if state[1] > 0:
        state[2] = state[0] / state[1]
    return context
