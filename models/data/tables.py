"""Tables as people have them (CSV, Parquet, JSON rows) → columns of one known form."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

from models.data import csv_files, parquet_files, table_columns, table_limits
from models.data.table_columns import KNOWN, NUMBERS, canonical_name, check_declared
from models.series.panel import SERIES_FIELDS
from utils.api.parsing import shown, unknown
from utils.errors import BadRequest, Detail, InvalidInput

_CHUNK = 1 << 20
_MANY = 100_000  # rows whose texts take longer than it takes to begin a thread


@dataclass(frozen=True)
class Table:
    """Rows in the order they came, [n] each.

    `days` counts from 1970-01-01. `names` holds, for plant, application and panel size, the
    code of each row and the label of each code. `numbers` holds floats, NaN where blank; those of
    `declared` are known ahead.
    """

    days: NDArray[np.int64]
    names: list[tuple[NDArray[np.int64], list[str]]]
    numbers: dict[str, NDArray[np.float64]]
    ignored: list[str]
    declared: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.days)

    @property
    def series(self) -> NDArray[np.int64]:
        """The number of each row's series, [n]; by it, series are sorted by their names."""
        (a, _), (b, applications), (c, sizes) = self.names
        return (a * len(applications) + b) * len(sizes) + c


def read_file(
    path: Path,
    max_rows: int,
    max_bytes: int,
    max_series: int | None = None,
    declared: Sequence[str] = (),
) -> Table:
    """Read CSV (comma, semicolon or tab; BOM; gzip), Parquet or JSON rows, recognised by content.

    Unknown columns are ignored, and listed in `ignored`.

    Args:
        declared: names of further columns of numbers, whose values are known ahead.

    Raises:
        BadRequest: the content is broken.
        UnsupportedMedia: it is none of these kinds.
        InvalidInput: a column is missing or a value cannot be read; the sentence names it.
        TooLarge: more rows, series, or bytes when unpacked, than allowed.
    """
    start = _start(path, 4)
    if start == b"PAR1":
        frame = _read_parquet(path, max_rows, max_bytes, max_series, declared)
        return _from_frame(frame, False, max_series, declared=declared)
    if start[:2] != b"\x1f\x8b":
        return _read_text(path, max_rows, max_series, declared)
    with NamedTemporaryFile() as unpacked:
        _unpack(path, unpacked, max_bytes)
        unpacked.flush()
        return _read_text(Path(unpacked.name), max_rows, max_series, declared)


def _start(path: Path, size: int = _CHUNK) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def _read_text(path: Path, max_rows: int, max_series: int | None, declared: Sequence[str]) -> Table:
    if _start(path).lstrip()[:1] not in (b"[", b"{"):
        frame = csv_files.read(path, max_rows)
        return _from_frame(frame, False, max_series, csv=True, declared=declared)
    table_limits.check_json(path.stat().st_size)
    return read_rows(_read_json(path.read_bytes()), max_rows, False, max_series, declared)


def read_rows(
    rows: Iterable[Any],
    max_rows: int,
    strict: bool = True,
    max_series: int | None = None,
    declared: Sequence[str] = (),
) -> Table:
    """Read rows that are JSON objects.

    Args:
        strict: refuse unknown fields.
        max_series: series at most; None: any number.
        declared: as of `read_file`.

    Raises:
        InvalidInput, TooLarge: as `read_file`.
    """
    rows = list(rows)
    table_limits.check_rows(len(rows), max_rows)
    wrong = next((i for i, row in enumerate(rows) if not isinstance(row, dict)), None)
    if wrong is not None:
        raise InvalidInput.of(f"rows.{wrong}", "must be an object", shown(rows[wrong]))
    try:
        frame = pd.DataFrame.from_records(rows)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput.of("rows", f"cannot be read as a table: {error}") from error
    return _from_frame(frame, strict, max_series, declared=declared)


def _unpack(path: Path, target: IO[bytes], max_bytes: int) -> None:
    """Unpack a gzip file, never more than is allowed."""
    try:
        with gzip.open(path) as file:
            while chunk := file.read(_CHUNK):
                table_limits.check_unpacked(target.tell() + len(chunk), max_bytes)
                target.write(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadRequest(f"The gzip file is broken: {error}") from error


def _read_json(content: bytes) -> list[Any]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The content is not JSON: {error}") from error
    if isinstance(body, dict):
        body = next((body[name] for name in ("rows", "data") if name in body), None)
    if not isinstance(body, list):
        raise InvalidInput.of("rows", "must be a list of rows, alone or under `rows`")
    return body


def _read_parquet(
    path: Path, max_rows: int, max_bytes: int, max_series: int | None, declared: Sequence[str]
) -> pd.DataFrame:
    wanted = partial(canonical_name, declared=declared)
    table, ignored = parquet_files.read(path, wanted, max_rows, max_bytes, max_series)
    return table.to_pandas(ignore_metadata=True).assign(**dict.fromkeys(ignored))


def _from_frame(
    frame: pd.DataFrame,
    strict: bool,
    max_series: int | None,
    csv: bool = False,
    declared: Sequence[str] = (),
) -> Table:
    check_declared(declared)
    names = {column: canonical_name(column, declared) for column in frame.columns}
    ignored = [str(column) for column, name in names.items() if name is None]
    if strict and ignored:
        raise InvalidInput(
            f"Row field {ignored[0]} {unknown(ignored[0], set(KNOWN))}",
            [Detail(name, unknown(name, set(KNOWN))) for name in ignored],
        )
    frame = frame[[column for column, name in names.items() if name]]
    frame = frame.rename(columns={c: n for c, n in names.items() if n})
    table_columns.check_columns(frame, ignored, declared)
    if frame.empty:
        raise InvalidInput.of("rows", "must have at least one row")
    if len(frame) > _MANY:
        frame = _with_categories(frame)
    table = Table(
        days=table_columns.day_numbers(frame),
        names=[table_columns.label_codes(frame[name], csv, max_series) for name in SERIES_FIELDS],
        numbers={
            name: table_columns.amounts(frame[name])
            for name in (*NUMBERS, *declared)
            if name in frame
        },
        ignored=ignored,
        declared=tuple(declared),
    )
    if max_series is not None:
        table_limits.check_series(len(np.unique(table.series)), max_series)
    return table


def _with_categories(frame: pd.DataFrame) -> pd.DataFrame:
    """The same, each distinct text once: two columns at a time, as Arrow leaves Python alone."""
    texts = [name for name in ("date", *SERIES_FIELDS) if name in frame]
    with ThreadPoolExecutor(2, "texts") as threads:
        found = threads.map(table_columns.categorized, (frame[name] for name in texts))
        return frame.assign(**dict(zip(texts, found, strict=True)))
