"""The columns of a table as people write them → names, numbers and days in one known form."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.data.table_limits import check_series
from models.series.calendar import ORIGIN, day_number
from models.series.known_inputs import (
    CAPACITY,
    MOST_DRIVERS,
    PLANNED_RELEASES,
    PLANNED_THROUGHPUT,
    RELEASES,
)
from models.series.panel import SERIES_FIELDS, TARGETS
from utils import spreadsheet_text
from utils.api.parsing import shown
from utils.errors import Detail, InvalidInput

OPTIONAL = (
    "finished_goods",
    "semi_finished_goods",
    RELEASES,
    PLANNED_RELEASES,
    CAPACITY,
    PLANNED_THROUGHPUT,
)
NUMBERS = (*TARGETS, *OPTIONAL)
_FIRST, _LAST = date(1678, 1, 1), date(2261, 12, 31)
KNOWN = ("date", "day", *SERIES_FIELDS, *NUMBERS, "littles_law_compliance")
BLANKS = ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "-"]


def canonical_name(name: str, declared: Sequence[str] = ()) -> str | None:
    """Return the known column that a name stands for, whatever its case, spaces and signs.

    Args:
        declared: names of further columns, taken as they are.

    >>> canonical_name("Panel Size"), canonical_name("remark")
    ('panel_size', None)
    """
    if str(name).strip() in declared:
        return str(name).strip()
    folded = re.sub(r"[^a-z0-9]", "", str(name).lower())
    return {known.replace("_", ""): known for known in KNOWN}.get(folded)


def check_declared(declared: Sequence[str]) -> None:
    """Raise InvalidInput for names of known-ahead columns that are not allowed."""
    if len(declared) > MOST_DRIVERS:
        rule = f"must name at most {MOST_DRIVERS} columns"
        raise InvalidInput.of("known", rule, len(declared))
    taken = next((name for name in declared if canonical_name(name) or not name.strip()), None)
    if taken is not None:
        rule = "must name columns of your own; those of the service are known without that"
        raise InvalidInput.of("known", rule, taken)
    if len(set(declared)) < len(declared):
        twice = next(name for name in declared if declared.count(name) > 1)
        raise InvalidInput.of("known", "must name each column once", twice)


def check_columns(frame: pd.DataFrame, ignored: list[str], declared: Sequence[str] = ()) -> None:
    """Raise InvalidInput if a column is given twice, or a needed one is missing.

    Args:
        ignored: names of unknown columns, to guess the missing one from.
        declared: names of columns that must be there, too.
    """
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InvalidInput.of(str(twice), "is given by two columns")
    needed = ["date", *SERIES_FIELDS, "wip", "throughput", *declared]
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


def label_codes(
    column: pd.Series, csv: bool, most: int | None
) -> tuple[NDArray[np.int64], list[str]]:
    """Return the code of each row's name, and the names by code, sorted.

    Args:
        csv: the names are of a CSV file, in which formulas are escaped.
        most: series at most, of which each has a name; None: any number.

    Raises:
        InvalidInput: a row has no name, or one that is too long or holds NUL.
        TooLarge: there are more names than series.
    """
    category = categorized(column)
    # Names that differ in spaces are one; ten times the limit is more than that explains.
    if most is not None and (count := len(category.cat.categories)) > 10 * most:
        check_series(count, most)
    codes = category.cat.codes.to_numpy()
    raw = [label_of(value) for value in category.cat.categories]
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
    labels = sorted(set(meant))
    places = {label: place for place, label in enumerate(labels)}
    return np.array([places[label] for label in meant], np.int64)[codes], labels


def categorized(column: pd.Series) -> pd.Series:
    """Return a column as a category. Raises InvalidInput for JSON lists and objects."""
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


def label_of(value: Any) -> str:
    """Return the name that a cell holds: a number as people write it, without spaces around it.

    >>> label_of(15.0), label_of(" A ")
    ('15', 'A')
    """
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip()


def amounts(column: pd.Series) -> NDArray[np.float64]:
    """Return the numbers of a column, NaN where blank. Raises InvalidInput for anything else."""
    if column.dtype in (object, bool):  # pandas takes true for 1
        flags = np.flatnonzero([isinstance(value, bool | np.bool_) for value in column])
        if flags.size:
            raise _wrong(column, "must be a number", int(flags[0]))
    if column.dtype == object or not pd.api.types.is_numeric_dtype(column):
        blank = column.isna() | column.astype(str).str.strip().isin(BLANKS)
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


def day_numbers(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Return days since 1970-01-01 from the column `date`, or from `day`, counted from ORIGIN.

    Raises:
        InvalidInput: a row has no date, or one that cannot be read.
    """
    if "date" not in frame:
        days = amounts(frame["day"])
        if np.isnan(days).any() or (days % 1 != 0).any() or (np.abs(days) > 1e6).any():
            raise InvalidInput.of("day", "must be a whole number of at most 1,000,000 in every row")
        return _in_range(days.astype(np.int64) + day_number(ORIGIN), frame["day"])
    category = categorized(frame["date"])
    codes = category.cat.codes.to_numpy()
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0]) + 1
        raise InvalidInput.of("date", f"must be given in every row; row {row} has none")
    dates = _parse_dates(pd.Series(category.cat.categories))[codes]
    wrong = np.flatnonzero(np.isnat(dates))
    if wrong.size:
        raise _wrong(frame["date"], "must be ISO 8601 (2024-12-31) or 31.12.2024", int(wrong[0]))
    return _in_range(dates.astype(np.int64), frame["date"])


def _in_range(days: NDArray[np.int64], column: pd.Series) -> NDArray[np.int64]:
    """Days since 1970-01-01, in the years that timestamps in nanoseconds have."""
    outside = np.flatnonzero((days < day_number(_FIRST)) | (days > day_number(_LAST)))
    if outside.size:
        raise _wrong(column, "must lie in the years 1678 to 2261", int(outside[0]))
    return days


def _parse_dates(values: pd.Series) -> NDArray[np.datetime64]:
    """Read ISO 8601 or day.month.year; anything else, also what is ambiguous, is NaT."""
    if pd.api.types.is_datetime64_any_dtype(values):
        found = pd.to_datetime(values, utc=True)
    else:
        text = values.astype(str).str.strip()
        dotted = text.str.fullmatch(r"\d{1,2}\.\d{1,2}\.\d{4}")
        form = "%d.%m.%Y" if len(text) and bool(dotted.all()) else "ISO8601"
        found = pd.to_datetime(text, format=form, errors="coerce", utc=True)
    return found.dt.tz_localize(None).to_numpy().astype("datetime64[D]")
