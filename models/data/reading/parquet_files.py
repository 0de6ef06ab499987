"""Parquet files of unknown origin, of which plain columns are read and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.data.reading.raw_tables import RawColumn, RawTable, label_of
from models.data.reading.table_limits import check_columns, check_rows, check_series, check_unpacked
from utils.errors import BadRequest, InvalidInput, first_line
from utils.storage.files import exhausted

_BATCH = 65_536  # rows of which series are counted at once
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # of a hash of several columns: any large odd number
_UTC = ("UTC", "Etc/UTC", "+00:00", "Z")
_DAY = 86_400_000_000_000  # nanoseconds
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
_DATES = (pa.types.is_date, pa.types.is_timestamp)
_NUMBERS = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_duration,
)
_PLAIN = (*_TEXTS, *_BYTES, *_DATES, *_NUMBERS, pa.types.is_boolean, pa.types.is_null)


def read(path: Path, max_rows: int, max_bytes: int) -> RawTable:
    """Return a table, whose columns are read when they are asked for.

    Texts are held as dictionaries: a text that occurs a million times is held once. Times with a
    zone are local times of that zone, durations numbers of days.

    Raises:
        BadRequest: the file is broken.
        InvalidInput: a column holds lists, structures, bytes that are no text, or code.
        TooLarge: more rows, columns or, unpacked, bytes than allowed.
    """
    try:
        with pq.ParquetFile(path, arrow_extensions_enabled=False) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
            check_rows(rows, max_rows)
            check_columns(file.metadata.num_columns)
            check_unpacked(_unpacked(file.metadata), max_bytes)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _broken(error) from error
    names = list(schema.names)

    def load(positions: Sequence[int]) -> list[RawColumn]:
        return _columns(path, [schema.field(place) for place in positions])

    def typed(positions: Sequence[int]) -> list[pa.Array]:
        fields = [schema.field(place) for place in positions]
        return [_array(_as_text(column)) for column in _read(path, fields)]

    def count(positions: Sequence[int], most: int) -> None:
        if rows > most:
            _check_series(path, [schema.field(place) for place in positions], most)

    nested = frozenset(i for i, each in enumerate(schema) if pa.types.is_nested(each.type))
    about = {"format": "parquet"}
    return RawTable(names, rows, load, about, check_series=count, nested=nested, typed=typed)


def _broken(error: Exception) -> Exception:
    if exhausted(error) is not None:
        return error
    return BadRequest(f"The Parquet file is broken: {first_line(error)}")


def _columns(path: Path, fields: list[pa.Field]) -> list[RawColumn]:
    columns = _read(path, fields)
    try:
        return [_column(each.name, column) for each, column in zip(fields, columns, strict=True)]
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _broken(error) from error


def _read(path: Path, fields: list[pa.Field]) -> list[pa.ChunkedArray]:
    for each in fields:
        _check_kind(each.name, each.type)
    names = list(dict.fromkeys(each.name for each in fields))
    try:
        with pq.ParquetFile(path, read_dictionary=names, arrow_extensions_enabled=False) as file:
            table = file.read(columns=names)
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _broken(error) from error
    return [table.column(names.index(each.name)) for each in fields]


def _array(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return found if isinstance(found, pa.Array) else pa.concat_arrays(found.chunks)


def _column(name: str, column: pa.ChunkedArray) -> RawColumn:
    """A column as texts, of which each distinct one is held once, or as numbers."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if _is(kind, _TEXTS) or _is(kind, _BYTES):
        return RawColumn(name, _array(_as_text(column)))
    if pa.types.is_dictionary(column.type):
        column = column.cast(kind)
    array = _array(column)
    if _is(kind, _DATES):
        return RawColumn(name, _written_dates(array))
    if pa.types.is_duration(kind):
        numbers = pc.cast(pc.cast(array, pa.duration("ns"), safe=False), pa.int64())
        return RawColumn(
            name, None, pc.divide(pc.cast(numbers, pa.float64()), float(_DAY)), unit="days"
        )
    if pa.types.is_integer(kind):
        return RawColumn(name, None, array)
    if _is(kind, _NUMBERS):
        return RawColumn(
            name, None, array if kind == pa.float32() else pc.cast(array, pa.float64())
        )
    return RawColumn(name, pc.cast(array, pa.large_string()))


def _written_dates(array: pa.Array) -> pa.Array:
    """Dates and times as texts in ISO 8601, those with a zone as local times, in UTC with a Z."""
    mark = ""
    if pa.types.is_timestamp(array.type):
        mark = "Z" if array.type.tz in _UTC else ""
        array = pc.local_timestamp(array) if array.type.tz else array
        array = pc.cast(array, pa.timestamp("s"), safe=False)
    encoded = array.dictionary_encode()
    texts = pc.binary_join_element_wise(pc.cast(encoded.dictionary, pa.string()), mark, "")
    return pa.DictionaryArray.from_arrays(encoded.indices, texts)


def _is(kind: pa.DataType, checks: Sequence[object]) -> bool:
    return any(check(kind) for check in checks)  # type: ignore[operator]


def _check_series(path: Path, fields: list[pa.Field], most: int) -> None:
    """Raise TooLarge as soon as more series than allowed are found: far less than all is read."""
    seen, columns = np.empty(0, np.uint64), [each.name for each in fields]
    for each in fields:
        _check_kind(each.name, each.type)
    try:
        with pq.ParquetFile(path, read_dictionary=columns, arrow_extensions_enabled=False) as file:
            for batch in file.iter_batches(_BATCH, columns=columns):
                rows = np.zeros(len(batch), np.uint64)
                for column in batch.columns:
                    rows = rows * _FACTOR + _hashes(column)
                seen = pd.unique(np.concatenate([seen, rows]))
                check_series(len(seen), most, is_exact=False)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _broken(error) from error


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
    if not _is(kind, _PLAIN):
        rule = "must be a column of texts, numbers or dates"
        raise InvalidInput.of(name, rule, str(kind)[:60])


def _unpacked(metadata: pq.FileMetaData) -> int:
    """Bytes of all columns unpacked, as the file states them."""
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    return sum(max(0, group.total_byte_size) for group in groups)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column; texts of any kind and bytes of old writers as a dictionary of texts."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if _is(kind, _BYTES) or _is(kind, _TEXTS):
        if _is(kind, (pa.types.is_string_view, pa.types.is_binary_view)):
            column = column.cast(pa.large_binary() if _is(kind, _BYTES) else pa.large_string())
        if pa.types.is_large_binary(column.type):
            column = column.cast(pa.large_string())
        return column.cast(pa.dictionary(pa.int32(), pa.string()))
    return column.cast(pa.float32()) if pa.types.is_float16(kind) else column
