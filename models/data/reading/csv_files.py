"""CSV files in UTF-8, of any dialect → columns of texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa

from models.data.reading import table_limits
from models.data.reading.dialect import Dialect, Recognise
from models.data.reading.raw_tables import RawColumn, RawTable, in_one_piece
from utils.errors import BadRequest

_CHUNK = 1 << 20
_SAMPLE = 10_000  # rows that tell if the texts of a column repeat
# Read by several threads, without an object for each row; and 007 is no 7.
_TEXT = pd.ArrowDtype(pa.large_string())
_BOM = b"\xef\xbb\xbf"


def read(path: Path, max_rows: int, recognise: Recognise, separator: str | None = None) -> RawTable:
    """Read a CSV file in UTF-8.

    Args:
        recognise: name of a column → the known column that it means.
        separator: the one that the request states.

    Raises:
        UnsupportedMedia: the content is no CSV with known columns.
        BadRequest: the CSV is broken.
        TooLarge: there are more rows or columns than allowed.
    """
    with path.open("rb") as file:
        start = file.read(_CHUNK)
    mark = len(_BOM) if start.startswith(_BOM) else 0
    text = start[mark:].decode("utf-8", "replace")
    if not re.search(r"[\r\n]", text) and len(start) == _CHUNK:
        raise BadRequest("The CSV is broken: its first line, the names, is longer than 1 MB.")
    dialect = Dialect.of(text, recognise, separator)
    # Spaces matter before quotes, and take time in any case.
    options: dict[str, Any] = {
        "skipinitialspace": f"{dialect.separator} " in text or _has_quotes(path)
    }
    # A row is two bytes at least; the names are a line, too.
    if path.stat().st_size > min(2 * max_rows, table_limits.LONGEST_LINE):
        lines, longest = _lines(path)
        table_limits.check_line(longest)
        if lines > max_rows + dialect.header_row:
            options["nrows"] = max_rows + 1  # only given where it must: pandas is slower with it
    with path.open("rb") as file:
        file.seek(mark + len(text[: dialect.begin].encode()))
        frame = _parsed(file, dialect, options)
    table_limits.check_rows(len(frame), max_rows)
    names = dialect.names
    for extra in range(len(names), len(frame.columns)):
        if (frame[extra].str.strip() != "").any():
            raise BadRequest(
                "The CSV is broken: its rows have more fields than its first line names."
            )
    read_as = {"format": "csv", "separator": dialect.separator, "header_row": dialect.header_row}

    columns: dict[int, Any] = {place: frame[place] for place in range(len(names))}
    rows = len(frame)
    del frame

    def load(positions: Sequence[int]) -> list[RawColumn]:
        for place in positions:
            if isinstance(columns[place], pd.Series):
                columns[place] = _texts(columns[place])
        return [RawColumn(names[place], columns[place]) for place in positions]

    return RawTable(names, rows, load, read_as, is_escaped=True, release=columns.clear)


def _texts(column: pd.Series) -> pa.Array | pa.ChunkedArray:
    """The texts of a column; of those that repeat, names say, each distinct one once."""
    found = pa.array(column)
    if isinstance(found, pa.ChunkedArray) and found.num_chunks and _repeats(found.chunk(0)):
        return in_one_piece(found.dictionary_encode())
    return found


def _repeats(texts: pa.Array) -> bool:
    first = texts.slice(0, _SAMPLE)
    return len(first) == _SAMPLE and len(first.unique()) < 0.2 * _SAMPLE


def _has_quotes(path: Path) -> bool:
    with path.open("rb") as file:
        return any(b'"' in chunk for chunk in iter(partial(file.read, _CHUNK), b""))


def _lines(path: Path) -> tuple[int, int]:
    """Return the number of line ends, at least one a row, and the bytes of the longest line.

    Lines are measured that reach over the end of a part of the file; all others are shorter.
    """
    count, longest, begun = 0, 0, 0
    with path.open("rb") as file:
        while part := file.read(table_limits.LONGEST_LINE // 2):
            ends = [end for end in (b"\n", b"\r") if end in part]
            count += sum(part.count(end) for end in ends)
            first = min((part.index(end) for end in ends), default=len(part))
            longest = max(longest, begun + first)
            last = max((part.rindex(end) for end in ends), default=-1 - begun)
            begun = len(part) - 1 - last
    return count, max(longest, begun)


def _parsed(file: IO[bytes], dialect: Dialect, options: dict[str, Any]) -> pd.DataFrame:
    """The rows of a CSV file, all cells as texts, in columns by their position."""
    try:
        return pd.read_csv(
            file,
            sep=dialect.separator,
            header=None,
            names=range(max(len(dialect.names), dialect.fields)),
            index_col=False,
            dtype=_TEXT,
            encoding="utf-8",
            keep_default_na=False,
            **options,
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=range(len(dialect.names)), dtype=_TEXT)
    except (pd.errors.ParserError, ValueError) as error:
        if "out of memory" in str(error):
            raise MemoryError(str(error)) from error
        sentence = re.sub(
            r"(in line|at row) (\d+)",
            lambda found: f"{found[1]} {int(found[2]) + dialect.header_row}",
            str(error).strip(),
        )
        raise BadRequest(f"The CSV is broken: {sentence}") from error
