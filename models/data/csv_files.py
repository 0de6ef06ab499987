"""CSV files of unknown separator, decimal sign and encoding → a frame."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from models.data import table_limits
from models.data.table_columns import BLANKS, KNOWN, canonical_name
from models.series.panel import SERIES_FIELDS
from utils.errors import BadRequest, UnsupportedMedia

_CHUNK = 1 << 20
# Read by several threads, without an object for each row; and 007 is no 7.
_TEXT = pd.ArrowDtype(pa.large_string())


def read(path: Path, max_rows: int) -> pd.DataFrame:
    """Read a CSV file in UTF-8, or in the encoding of spreadsheets in western Europe (cp1252).

    Raises:
        UnsupportedMedia: the content is no CSV with known columns.
        BadRequest: the CSV is broken.
        TooLarge: there are more rows or columns than allowed.
    """
    with path.open("rb") as file:
        start = file.read(_CHUNK)
    if b"\x00" in start:
        raise UnsupportedMedia("The content is neither Parquet, nor JSON, nor CSV: it is binary.")
    header, end, rest = start.decode("utf-8-sig", "replace").partition("\n")
    if not end and len(start) == _CHUNK:
        raise BadRequest("The CSV is broken: its first line, the names, is longer than 1 MB.")
    separator = max(",;\t", key=header.count)
    if not any(canonical_name(name) for name in _split(header, separator)):
        raise UnsupportedMedia(
            "The content is neither Parquet, nor JSON, nor a CSV whose first line names its "
            f"columns ({', '.join(KNOWN[:7])}, …)."
        )
    table_limits.check_columns(header.count(separator) + 1)
    decimal = "," if separator == ";" and re.search(r"\d,\d", rest[:4096]) else "."
    form: dict[str, Any] = {"sep": separator, "decimal": decimal}
    # A row is two bytes at least; the names are a line, too.
    if path.stat().st_size > min(2 * max_rows, table_limits.LONGEST_LINE):
        lines, longest = _lines(path)
        table_limits.check_line(longest)
        if lines > max_rows + 1:
            form["nrows"] = max_rows + 1  # only given where it must: it has pandas use one thread
    try:
        try:
            frame = _parsed(path, "utf-8", form)
        except UnicodeDecodeError:
            frame = _parsed(path, "cp1252", form)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        if "out of memory" in str(error):
            raise MemoryError(str(error)) from error
        raise BadRequest(f"The CSV is broken: {str(error).strip()}") from error
    if not isinstance(frame.index, pd.RangeIndex):  # pandas took the first column for names of rows
        raise BadRequest("The CSV is broken: its rows have more fields than its first line names.")
    table_limits.check_rows(len(frame), max_rows)
    return frame


def _split(header: str, separator: str) -> list[str]:
    return [name.strip().strip('"') for name in header.split(separator)]


def _lines(path: Path) -> tuple[int, int]:
    """Return the number of line ends, at least one a row, and the bytes of the longest line."""
    count, longest, begin, read = 0, 0, 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            content = np.frombuffer(chunk, np.uint8)
            ends = read + np.flatnonzero((content == ord("\n")) | (content == ord("\r")))
            if ends.size:
                longest = max(longest, int(np.diff(ends, prepend=begin).max()))
                begin = int(ends[-1])
            count += ends.size
            read += len(chunk)
            longest = max(longest, read - begin)
    return count, longest


def _parsed(path: Path, encoding: str, form: dict[str, Any]) -> pd.DataFrame:
    """The content of a CSV file; names and dates as text, numbers as numbers."""
    with path.open("rb") as file:
        header = file.readline().decode(encoding).removeprefix("\ufeff")
    columns = _split(header, form["sep"])
    texts = {name for name in columns if canonical_name(name) in ("date", *SERIES_FIELDS)}
    return pd.read_csv(
        path.absolute(),  # which is no URL, and begins with no ~
        **form,
        compression=None,  # whatever its name ends in
        encoding=encoding,
        encoding_errors="strict" if encoding == "utf-8" else "replace",
        dtype=dict.fromkeys(texts, _TEXT),
        keep_default_na=False,
        na_values=dict.fromkeys({*columns} - texts, BLANKS),
        skipinitialspace=True,
    )
