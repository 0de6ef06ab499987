"""Sample paths in Apache Arrow's stream format: compact, and read by most tools for tables.

A row is a path of an item: `item` and `path`, both from 0, and `wip`, `throughput` and `cycle_time`
with a value of each step. The metadata of the schema has `model_id`, `items` (names and dates of
each item, as JSON) and `refused` (items without a forecast, and why).

Example, in Python with pyarrow:

    table = pyarrow.ipc.open_stream(content).read_all()
    items = json.loads(table.schema.metadata[b"items"])
    wip = numpy.stack(table["wip"].to_numpy())  # [paths of all items, steps]
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.forecast.batch import SIDE_BY_SIDE, AcceptedItem, RefusedItem, side_by_side
from models.forecast.forecast import Forecast
from models.forecast.forecast_reply import reply_days, spread_forecast
from models.forecast.forecaster import Forecaster
from models.forecast.legacy_model import LegacyModel
from models.series.panel import SERIES_FIELDS, TARGETS
from utils.errors import DamagedFile, InvalidInput

Floats = NDArray[np.float64]

_COLUMNS = [("item", pa.int32()), ("path", pa.int32())]
_COLUMNS += [(target, pa.list_(pa.float32())) for target in TARGETS]
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"  # of a stream


def path_stream(
    forecaster: Forecaster, model_id: str, items: list[AcceptedItem | RefusedItem]
) -> Iterator[bytes]:
    """Return an Arrow stream of the sample paths of some items, part by part.

    Raises:
        InvalidInput: an item asks for no paths, or the model has none.
    """
    accepted = [item for item in items if isinstance(item, AcceptedItem)]
    refused = [item for item in items if isinstance(item, RefusedItem)]
    if isinstance(forecaster.model, LegacyModel):
        raise InvalidInput.of("model_id", "must be that of a model with sample paths", model_id)
    for one in accepted:
        if not one.item.paths:
            raise InvalidInput.of(
                "paths", "must be at least 1 for a stream of sample paths", one.item.paths
            )
    metadata = {
        "model_id": model_id,
        "items": json.dumps([_about(one) for one in accepted]),
        "refused": json.dumps(
            [{"item": one.place, "error": one.error.to_document()["message"]} for one in refused]
        ),
    }
    schema = pa.schema(_COLUMNS, metadata)
    return _parts(forecaster, schema, accepted)


def _parts(
    forecaster: Forecaster, schema: pa.Schema, accepted: list[AcceptedItem]
) -> Iterator[bytes]:
    yield schema.serialize().to_pybytes()
    for begin in range(0, len(accepted), SIDE_BY_SIDE):
        some = accepted[begin : begin + SIDE_BY_SIDE]
        for together, forecasts in side_by_side(forecaster, some):
            for i, one in enumerate(together):
                yield _batch(forecaster, schema, one, forecasts.of(i))
    yield _END


def _about(one: AcceptedItem) -> dict[str, object]:
    """Names and dates of an item."""
    names = dict(zip(SERIES_FIELDS, one.history.series_key, strict=True))
    return {"item": one.place, **names, "dates": reply_days(one.history, one.item).dates}


def _batch(
    forecaster: Forecaster, schema: pa.Schema, one: AcceptedItem, forecast: Forecast
) -> bytes:
    """The paths of an item, as a message of a stream."""
    forecast, _ = spread_forecast(forecaster, one.history, one.item, forecast)
    if forecast.paths is None or not forecast.is_finite:
        raise DamagedFile("The model is damaged: its forecast has values that are not numbers.")
    paths = forecast.paths[0, : one.item.paths]
    count, steps = paths.shape[:2]
    ends = pa.array(np.arange(0, count * steps + 1, steps, dtype=np.int32))
    values = np.ascontiguousarray(np.moveaxis(paths, 2, 0), np.float32).reshape(3, -1)
    columns = [
        pa.array(np.full(count, one.place, np.int32)),
        pa.array(np.arange(count, dtype=np.int32)),
        *(pa.ListArray.from_arrays(ends, pa.array(column)) for column in values),
    ]
    return bytes(pa.RecordBatch.from_arrays(columns, schema=schema).serialize().to_pybytes())
