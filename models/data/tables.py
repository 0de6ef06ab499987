"""Tables as people have them (CSV, Parquet, JSON rows) → columns of one known form."""

from __future__ import annotations

import difflib
import gzip
import re
import zlib
from collections.abc import Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from models.data import parquet, table_limits
from models.series.panel import KEYS, ORIGIN, TARGETS, day_number
from utils import spreadsheet_text
from utils.api.parsing import shown, unknown
from utils.errors import BadRequest, Detail, InvalidInput, UnsupportedMedia

OPTIONAL = ("finished_goods", "semi_finished_goods", "releases")
_NUMBERS = (*TARGETS, *OPTIONAL)
_KNOWN = ("date", "day", *KEYS, *_NUMBERS, "littles_law_compliance")
_BLANKS = ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "-"]
_CHUNK = 1 << 20
_MANY = 100_000  # rows whose texts take longer than it takes to begin a thread
# Read by several threads, without an object for each row; and 007 is no 7.
_TEXT = pd.ArrowDtype(pa.large_string())


@dataclass(frozen=True)
class Table:
    """Rows in the order they came, [n] each.

    `days` counts from 1970-01-01. `names` holds, for plant, application and panel size, the
    code of each row and the label of each code. `numbers` holds floats, NaN where blank.
    """

    days: NDArray[np.int64]
    names: list[tuple[NDArray[np.int64], list[str]]]
    numbers: dict[str, NDArray[np.float64]]
    ignored: list[str]

    def __len__(self) -> int:
        return len(self.days)


def read_file(path: Path, max_rows: int, max_bytes: int) -> Table:
    """Read CSV (comma, semicolon or tab; BOM; gzip), Parquet or JSON rows; told by content.

    Columns that mean nothing here are ignored, and named in `ignored`.

    Raises:
        BadRequest: the content is broken.
        UnsupportedMedia: it is none of these kinds.
        InvalidInput: a column is missing or a value cannot be read; says which.
        TooLarge: more rows, or bytes when unpacked, than allowed.
    """
    start = _start(path, 4)
    if start == b"PAR1":
        return _from_frame(_read_parquet(path, max_rows, max_bytes), strict=False)
    if start[:2] != b"\x1f\x8b":
        return _read_text(path, max_rows)
    with NamedTemporaryFile() as unpacked:
        _unpack(path, unpacked, max_bytes)
        unpacked.flush()
        return _read_text(Path(unpacked.name), max_rows)


def _start(path: Path, size: int = _CHUNK) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def _read_text(path: Path, max_rows: int) -> Table:
    if _start(path).lstrip()[:1] not in (b"[", b"{"):
        return _from_frame(_read_csv(path, max_rows), strict=False, csv=True)
    table_limits.check_json(path.stat().st_size)
    return read_rows(_read_json(path.read_bytes()), max_rows, strict=False)


def read_rows(rows: Iterable[Any], max_rows: int, strict: bool = True) -> Table:
    """Read rows that are JSON objects; `strict` refuses unknown fields.

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
    return _from_frame(frame, strict)


def _unpack(path: Path, target: IO[bytes], max_bytes: int) -> None:
    """Unpack a gzip file, never more than is allowed."""
    try:
        with gzip.open(path) as file:
            while chunk := file.read(_CHUNK):
                table_limits.check_unpacked(target.tell() + len(chunk), max_bytes)
                target.write(chunk)
    except (OSError, EOFError, zlib.error) as error:
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


def _read_parquet(path: Path, max_rows: int, max_bytes: int) -> pd.DataFrame:
    table, ignored = parquet.read(path, _canonical, max_rows, max_bytes)
    return table.to_pandas(ignore_metadata=True).assign(**dict.fromkeys(ignored))


def _read_csv(path: Path, max_rows: int) -> pd.DataFrame:
    """UTF-8 with or without a BOM, else what spreadsheets in western Europe write."""
    start = _start(path)
    if b"\x00" in start:
        raise UnsupportedMedia("The content is neither Parquet, nor JSON, nor CSV: it is binary.")
    header, end, rest = start.decode("utf-8-sig", "replace").partition("\n")
    if not end and len(start) == _CHUNK:
        raise BadRequest("The CSV is broken: its first line, the names, is longer than 1 MB.")
    separator = max(",;\t", key=header.count)
    if not any(_canonical(name) for name in _split(header, separator)):
        raise UnsupportedMedia(
            "The content is neither Parquet, nor JSON, nor a CSV whose first line names its "
            f"columns ({', '.join(_KNOWN[:7])}, …)."
        )
    table_limits.check_columns(header.count(separator) + 1)
    decimal = "," if separator == ";" and re.search(r"\d,\d", rest[:4096]) else "."
    form: dict[str, Any] = {"sep": separator, "decimal": decimal}
    # A row is two bytes at least; the names are a line, too.
    if path.stat().st_size > 2 * max_rows and _lines(path) > max_rows + 1:
        form["nrows"] = max_rows + 1  # only given where it must: it has pandas use one thread
    try:
        try:
            frame = _parsed(path, "utf-8", form)
        except UnicodeDecodeError:
            frame = _parsed(path, "cp1252", form)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise BadRequest(f"The CSV is broken: {str(error).strip()}") from error
    if not isinstance(frame.index, pd.RangeIndex):  # pandas took the first column for names of rows
        raise BadRequest("The CSV is broken: its rows have more fields than its first line names.")
    table_limits.check_rows(len(frame), max_rows)
    return frame


def _split(header: str, separator: str) -> list[str]:
    return [name.strip().strip('"') for name in header.split(separator)]


def _lines(path: Path) -> int:
    """How many ends of lines there are, at least one a row."""
    count = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            content = np.frombuffer(chunk, np.uint8)
            # Three times as fast as the bytes' own `count`.
            count += sum(int(np.count_nonzero(content == end)) for end in b"\n\r")
    return count


def _parsed(path: Path, encoding: str, form: dict[str, Any]) -> pd.DataFrame:
    """The content of a CSV file; names and dates as they stand, numbers where they are such."""
    with path.open("rb") as file:
        header = file.readline().decode(encoding).removeprefix("\ufeff")
    columns = _split(header, form["sep"])
    texts = {name for name in columns if _canonical(name) in ("date", *KEYS)}
    return pd.read_csv(
        path.absolute(),  # which is no URL, and begins with no ~
        **form,
        compression=None,  # whatever its name says
        encoding=encoding,
        encoding_errors="strict" if encoding == "utf-8" else "replace",
        dtype=dict.fromkeys(texts, _TEXT),
        keep_default_na=False,
        na_values=dict.fromkeys({*columns} - texts, _BLANKS),
        skipinitialspace=True,
    )


def _canonical(name: str) -> str | None:
    folded = re.sub(r"[^a-z0-9]", "", str(name).lower())
    return {known.replace("_", ""): known for known in _KNOWN}.get(folded)


def _from_frame(frame: pd.DataFrame, strict: bool, csv: bool = False) -> Table:
    names = {column: _canonical(column) for column in frame.columns}
    ignored = [str(column) for column, name in names.items() if name is None]
    if strict and ignored:
        raise InvalidInput(
            f"Row field {ignored[0]} {unknown(ignored[0], set(_KNOWN))}",
            [Detail(name, unknown(name, set(_KNOWN))) for name in ignored],
        )
    frame = frame[[column for column, name in names.items() if name]]
    frame = frame.rename(columns={c: n for c, n in names.items() if n})
    _check_columns(frame, ignored)
    if frame.empty:
        raise InvalidInput.of("rows", "must have at least one row")
    if len(frame) > _MANY:
        frame = _with_categories(frame)
    return Table(
        days=_days(frame),
        names=[_labels(frame[name], csv) for name in KEYS],
        numbers={name: _numbers(frame[name]) for name in _NUMBERS if name in frame},
        ignored=ignored,
    )


def _with_categories(frame: pd.DataFrame) -> pd.DataFrame:
    """The same, each distinct text once: two columns at a time, as Arrow leaves Python alone."""
    texts = [name for name in ("date", *KEYS) if name in frame]
    with ThreadPoolExecutor(2, "texts") as threads:
        found = threads.map(_categorized, (frame[name] for name in texts))
        return frame.assign(**dict(zip(texts, found, strict=True)))


def _check_columns(frame: pd.DataFrame, ignored: list[str]) -> None:
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InvalidInput.of(str(twice), "is given by two columns")
    needed = ["date", *KEYS, "wip", "throughput"]
    missing = [
        name for name in needed if name not in frame and not (name == "date" and "day" in frame)
    ]
    if missing:
        near = difflib.get_close_matches(missing[0], ignored, n=1)
        hint = f"; is it {near[0]!r}?" if near else "."
        raise InvalidInput(
            f"The column {missing[0]} is missing{hint} Needed are {', '.join(needed)} (day "
            "instead of date will do).",
            [Detail(name, "is required") for name in missing],
        )


def _labels(column: pd.Series, csv: bool) -> tuple[NDArray[np.int64], list[str]]:
    """Codes and labels of names, sorted by label; every row must have one."""
    category = _categorized(column)
    codes = category.cat.codes.to_numpy()
    raw = [_label(value) for value in category.cat.categories]
    blank = np.array([*(not label for label in raw), True])[codes]  # the last is that of −1
    if blank.any():
        row = int(np.flatnonzero(blank)[0]) + 1
        raise InvalidInput.of(str(column.name), f"must be a name in every row; row {row} has none")
    long = next((label for label in raw if len(label) > 200), None)
    if long:
        raise InvalidInput.of(str(column.name), "must have at most 200 characters", shown(long))
    nul = next((label for label in raw if "\0" in label), None)
    if nul:
        raise InvalidInput.of(str(column.name), "must have no NUL character", shown(nul))
    meant = [spreadsheet_text.plain(label) for label in raw] if csv else raw
    labels, folded = np.unique(meant, return_inverse=True)
    return folded.astype(np.int64)[codes], labels.tolist()


def _categorized(column: pd.Series) -> pd.Series:
    """Each distinct value once; JSON lists and objects are refused."""
    try:
        return column.astype("category")
    except TypeError as error:
        row = next(i for i, value in enumerate(column) if not isinstance(value, Hashable))
        raise _wrong(column, "must be a text", row) from error


def _wrong(column: pd.Series, rule: str, row: int) -> InvalidInput:
    """The error of one cell; the sentence names its row, counted from 1, and its value."""
    value = column.iloc[row]
    value = shown(value.item() if isinstance(value, np.generic) else value)
    return InvalidInput.of(str(column.name), f"{rule}; row {row + 1} has {value!r}", value)


def _label(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip()


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    if column.dtype in (object, bool):  # pandas takes true for 1
        flags = np.flatnonzero([isinstance(value, bool | np.bool_) for value in column])
        if flags.size:
            raise _wrong(column, "must be a number", int(flags[0]))
    if column.dtype == object or not pd.api.types.is_numeric_dtype(column):
        blank = column.isna() | column.astype(str).str.strip().isin(_BLANKS)
        parsed = pd.to_numeric(column.mask(blank), errors="coerce")
        wrong = np.flatnonzero((parsed.isna() & ~blank).to_numpy())
        if wrong.size:
            raise _wrong(column, "must be a number", int(wrong[0]))
        column = parsed
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    wild = np.flatnonzero(np.abs(values) > 1e12)
    if wild.size:
        raise _wrong(column.astype(float), "must be at most 1e12", int(wild[0]))
    return values


def _days(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Day numbers from `date`, else from `day`, which counts from the service's origin."""
    if "date" not in frame:
        days = _numbers(frame["day"])
        if np.isnan(days).any() or (days % 1 != 0).any() or (np.abs(days) > 1e6).any():
            raise InvalidInput.of("day", "must be a whole number of at most 1,000,000 in every row")
        return days.astype(np.int64) + day_number(ORIGIN)
    category = _categorized(frame["date"])
    codes = category.cat.codes.to_numpy()
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0]) + 1
        raise InvalidInput.of("date", f"must be given in every row; row {row} has none")
    dates = _parse_dates(pd.Series(category.cat.categories))[codes]
    wrong = np.flatnonzero(np.isnat(dates))
    if wrong.size:
        raise _wrong(frame["date"], "must be ISO 8601 (2024-12-31) or 31.12.2024", int(wrong[0]))
    return dates.astype(np.int64)


def _parse_dates(values: pd.Series) -> NDArray[np.datetime64]:
    """ISO 8601, or day.month.year; anything else is NaT, also what is ambiguous."""
    if pd.api.types.is_datetime64_any_dtype(values):
        found = pd.to_datetime(values, utc=True)
    else:
        text = values.astype(str).str.strip()
        dotted = text.str.fullmatch(r"\d{1,2}\.\d{1,2}\.\d{4}")
        form = "%d.%m.%Y" if len(text) and bool(dotted.all()) else "ISO8601"
        found = pd.to_datetime(text, format=form, errors="coerce", utc=True)
    return found.dt.tz_localize(None).to_numpy().astype("datetime64[D]")
