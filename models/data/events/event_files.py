"""The file of an event log beside the rows of its data set: Parquet, a row as it was received."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.data.events.event_log import OPEN, EventLog, Labels, Rules
from models.series.panel import SERIES_FIELDS

SUFFIX = ".events"  # ending of the file; its content is Parquet
_LABELS = pa.dictionary(pa.int32(), pa.string())


def write(path: Path, log: EventLog) -> None:
    """Write a log, its rules in the schema's metadata. The bytes depend on the log only."""
    columns: dict[str, Any] = {
        "unit": log.unit.cast(pa.string()),
        "start": _times(log.start),
        "finish": _times(log.finish),
    }
    for name, labels in zip(SERIES_FIELDS, log.names, strict=True):
        columns[name] = _encoded(labels)
    if log.step is not None:
        columns["step"] = _encoded(log.step)
    if log.quantity is not None:
        columns["quantity"] = pa.array(log.quantity)
    if log.rules.state_changes:
        columns["time"] = columns.pop("start")
        del columns["finish"]
    rules = {
        "finish_steps": "\n".join(log.rules.finish_steps),
        "waiting_states": "\n".join(log.rules.waiting_states),
    }
    table = pa.table(columns).replace_schema_metadata(rules)
    dictionaries = [name for name in columns if pa.types.is_dictionary(table.field(name).type)]
    pq.write_table(table, path, compression="zstd", use_dictionary=dictionaries)


def read(path: Path) -> EventLog:
    """Read a log that `write` wrote."""
    with pq.ParquetFile(path) as file:
        table = file.read().unify_dictionaries()
    rules = {
        key.decode(): tuple(value.decode().split("\n")) if value else ()
        for key, value in (table.schema.metadata or {}).items()
        if key in (b"finish_steps", b"waiting_states")
    }
    changes = "time" in table.column_names
    start = _numbers(table["time" if changes else "start"])
    return EventLog(
        unit=_whole(table["unit"]),
        start=start,
        finish=np.full(len(start), OPEN) if changes else _numbers(table["finish"]),
        names=[_decoded(table[name]) for name in SERIES_FIELDS],
        step=_decoded(table["step"]) if "step" in table.column_names else None,
        quantity=table["quantity"].to_numpy() if "quantity" in table.column_names else None,
        rules=Rules(changes, **rules),
    )


def _times(times: Any) -> pa.Array:
    return pa.array(times, mask=times == OPEN).cast(pa.timestamp("us"))


def _numbers(column: pa.ChunkedArray) -> Any:
    return pc.fill_null(column.cast(pa.int64()), OPEN).to_numpy()


def _encoded(labels: Labels) -> pa.Array:
    codes, names = labels
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), pa.array(names, pa.string())
    )


def _decoded(column: pa.ChunkedArray) -> Labels:
    """The codes and labels of a column; labels that occur in no row are left out."""
    array = _whole(column)
    codes, names = array.indices.to_numpy().astype(np.int64), array.dictionary.to_pylist()
    used = np.unique(codes)
    if len(used) == len(names):
        return codes, names
    place = np.zeros(len(names), np.int64)
    place[used] = np.arange(len(used))
    return place[codes], [names[i] for i in used]


def _whole(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    return array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
