"""Parquet files of unknown origin, of which plain columns are read and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.data.table_columns import label_of
from models.data.table_limits import check_columns, check_rows, check_series, check_unpacked
from models.series.panel import SERIES_FIELDS
from utils.errors import BadRequest, InvalidInput, first_line
from utils.storage.files import exhausted

_BATCH = 65_536  # rows of which series are counted at once
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # of a hash of several columns: any large odd number
_PLAIN = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_boolean,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_null,
)


def read(
    path: Path,
    wanted: Callable[[str], str | None],
    max_rows: int,
    max_bytes: int,
    max_series: int | None = None,
) -> tuple[pa.Table, list[str]]:
    """Return the wanted columns, and the names of the others.

    Texts are returned as dictionaries: a text that occurs a million times is held once.

    Args:
        wanted: name of a column → the known column that it is; None: it is not read.
        max_series: series at most; None: any number.

    Raises:
        BadRequest: the file is broken.
        InvalidInput: a column holds lists, structures, bytes that are no text, or code.
        TooLarge: more rows, columns, series or, unpacked, bytes than allowed.
    """
    try:
        with pq.ParquetFile(path, arrow_extensions_enabled=False) as file:
            check_rows(file.metadata.num_rows, max_rows)
            check_columns(file.metadata.num_columns)
            names = file.schema_arrow.names
            columns = [name for name in names if wanted(name)]
            for name in columns:
                _check_kind(name, file.schema_arrow.types[names.index(name)])
            check_unpacked(_unpacked(file.metadata), max_bytes)
            rows = file.metadata.num_rows
        if max_series is not None and rows > max_series:
            _check_series(path, [n for n in columns if wanted(n) in SERIES_FIELDS], max_series)
        with pq.ParquetFile(path, read_dictionary=columns, arrow_extensions_enabled=False) as file:
            table = file.read(columns=columns)
        table = pa.table([_as_text(column) for column in table.columns], names=table.column_names)
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if exhausted(error) is not None:
            raise
        raise BadRequest(f"The Parquet file is broken: {first_line(error)}") from error
    return table, [name for name in names if not wanted(name)]


def _check_series(path: Path, columns: list[str], most: int) -> None:
    """Raise TooLarge as soon as more series than allowed are found: far less than all is read."""
    seen = np.empty(0, np.uint64)
    with pq.ParquetFile(path, read_dictionary=columns, arrow_extensions_enabled=False) as file:
        for batch in file.iter_batches(_BATCH, columns=columns):
            rows = np.zeros(len(batch), np.uint64)
            for column in batch.columns:
                rows = rows * _FACTOR + _hashes(column)
            seen = pd.unique(np.concatenate([seen, rows]))
            check_series(len(seen), most, is_exact=False)


def _hashes(column: pa.Array) -> NDArray[np.uint64]:
    """A hash of the name in each row."""
    encoded = _as_text(pa.chunked_array([column])).dictionary_encode().chunk(0)
    codes = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy()
    places, used = pd.factorize(codes)
    names = encoded.dictionary.take(pa.array(used, mask=used < 0)).to_pylist()
    return np.array([hash(label_of(name)) for name in names], np.int64).view(np.uint64)[places]


def _check_kind(name: str, kind: pa.DataType) -> None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_binary(kind) or any(is_plain(kind) for is_plain in _PLAIN)):
        rule = "must be a column of texts, numbers or dates"
        raise InvalidInput.of(name, rule, str(kind)[:60])


def _unpacked(metadata: pq.FileMetaData) -> int:
    """Bytes of all columns unpacked, as the file states them."""
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    return sum(max(0, group.total_byte_size) for group in groups)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column; bytes of old writers as text, half floats as floats."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_binary(kind):
        return column.cast(pa.dictionary(pa.int32(), pa.string()))
    return column.cast(pa.float32()) if pa.types.is_float16(kind) else column
