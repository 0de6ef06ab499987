"""Tables whose columns are not known yet: their names, then their values, as texts or as typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from models.data import parquet_files, table_limits
from utils.errors import BadRequest, first_line

_HEADER = 1 << 16  # bytes in which the first line of a CSV file ends


def names(path: Path) -> list[str]:
    """Return the names of the columns of a Parquet or CSV file; none if they cannot be told."""
    with path.open("rb") as file:
        start = file.read(_HEADER)
    try:
        if start[:4] == b"PAR1":
            return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError):
        return []  # the reader of all tables has the sentence for it
    header = start.decode("utf-8-sig", "replace").splitlines()[:1]
    if not header or "\0" in header[0] or header[0].lstrip()[:1] in ("[", "{"):
        return []
    return _split(header[0], _separator(header[0]))


def _separator(header: str) -> str:
    return max(",;\t|", key=header.count)


def _split(header: str, separator: str) -> list[str]:
    return [name.strip().strip('"') for name in header.split(separator)]


def read(path: Path, wanted: Sequence[str], max_rows: int, max_bytes: int) -> pa.Table:
    """Return some columns of a Parquet or CSV file; of CSV as texts.

    Raises:
        BadRequest: the file is broken.
        TooLarge: more rows or, unpacked, bytes than allowed.
    """
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    if is_parquet:
        known = {name: name for name in wanted}
        return parquet_files.read(path, known.get, max_rows, max_bytes)[0]
    try:
        table = _read_csv(path, wanted, "utf-8")
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise BadRequest(f"The CSV is broken: {first_line(error)}") from error
        table = _read_csv(path, wanted, "cp1252")
    table_limits.check_rows(len(table), max_rows)
    return table


def _read_csv(path: Path, wanted: Sequence[str], encoding: str) -> pa.Table:
    with path.open("rb") as file:
        header = file.read(_HEADER).decode("utf-8-sig", "replace").splitlines()[0]
    separator = _separator(header)
    columns = _split(header, separator)
    return pyarrow.csv.read_csv(
        path,
        pyarrow.csv.ReadOptions(column_names=columns, skip_rows=1, encoding=encoding),
        pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=[*wanted],
            strings_can_be_null=False,
        ),
    ).combine_chunks()


def of_rows(rows: Sequence[object]) -> pa.Table | None:
    """Return rows that are JSON objects as a table; None if they form none."""
    if not rows or not all(isinstance(row, dict) for row in rows):
        return None
    try:
        return pa.Table.from_pylist(rows)
    except (pa.ArrowException, TypeError, OverflowError):
        return None


def of_json(path: Path) -> pa.Table | None:
    """Return the rows of a JSON file as a table; None if there are none."""
    table_limits.check_json(path.stat().st_size)
    try:
        body = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        return None
    if isinstance(body, dict):
        body = next((body[name] for name in ("rows", "data") if name in body), None)
    return of_rows(body) if isinstance(body, list) else None
