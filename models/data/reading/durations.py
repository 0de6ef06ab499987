"""Cycle times that are written as durations: 71:18:00, 2 days 23:18:14, 3d 4h, P2DT23H.

>>> [float(in_days(pa.array([text]))[0]) for text in ("36:00:00", "1 day 12:00:00", "1d 12h")]
[1.5, 1.5, 1.5]
>>> in_days(pa.array(["3.5", "4"])) is None
True
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.data.reading.raw_tables import RawColumn
from models.data.reading.table_columns import BLANKS

# Three digits behind a mark may as well be a group: they are not read.
_NUMBER = r"(?:0[.,]\d+|\d+(?:[.,](?:\d{1,2}|\d{4,}))?)"
_ISO = r"\d+(?:[.,]\d+)?"
_CLOCK = r"(?P<h>\d+):(?P<m>\d{2}):(?P<s>\d{2}(?:[.,]\d+)?)"
_WORDS = {
    "d": r"d|days?|tage?|天",
    "h": r"h|hrs?|hours?|std\.?|stunden?|小时|小時|時間",
    "m": r"m|mins?|minutes?|minuten?|分|分钟|分鐘",
    "s": r"s|secs?|seconds?|sek\.?|sekunden?|秒",
}


def _part_of(name: str, mark: str, number: str = _NUMBER) -> str:
    """The pattern of a number and its unit, that may be absent."""
    return rf"(?:(?P<{name}>{number}) ?(?:{mark})[ ,]*)?"


# A clock of hours and minutes alone may as well be minutes and seconds: it is not read.
_FORMS = (
    rf"^(?:(?P<d>\d+)(?: ?(?:{_WORDS['d']})[ ,]*| |\.))?{_CLOCK}$",
    rf"^P{_part_of('d', 'D', _ISO)}(?:T{''.join(_part_of(part, part, _ISO) for part in 'hms')})?$",
    rf"^{''.join(_part_of(name, words) for name, words in _WORDS.items())}$",
)
_PARTS = {"d": 1.0, "h": 1 / 24, "m": 1 / 1440, "s": 1 / 86_400}


def in_days(texts: pa.Array) -> NDArray[np.float64] | None:
    """Return durations in days, NaN for nulls; None if some text is none."""
    for form in _FORMS:
        found = pc.extract_regex(texts, pattern=f"(?i:{form})")
        if found.null_count == texts.null_count and found.null_count < len(texts):
            parts = [_part(found, name) * days for name, days in _PARTS.items()]
            blank = pc.is_null(found).to_numpy(zero_copy_only=False)
            return np.where(blank, np.nan, np.sum(parts, axis=0))
    return None


def _part(found: pa.Array, name: str) -> NDArray[np.float64]:
    text = pc.replace_substring(pc.fill_null(pc.struct_field(found, name), ""), ",", ".")
    filled = pc.if_else(pc.equal(text, ""), "0", text)
    numbers: NDArray[np.float64] = pc.cast(filled, pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def as_numbers(column: RawColumn) -> RawColumn:
    """Return a column of durations as one of numbers of days; any other column as it is."""
    if column.texts is None or column.numbers is not None or column.odd:
        return column
    if column.plain is not None:  # told at once, where most texts differ
        return column
    values, rows = column.distinct()
    blank = pc.is_in(values, value_set=pa.array(BLANKS, values.type))
    values = pc.if_else(blank, pa.scalar(None, values.type), values)
    if not pc.any(pc.match_substring_regex(values.slice(0, 100), r"[:\pL]")).as_py():
        return column
    days = in_days(values)
    if days is None:
        return column
    numbers = pa.array(np.append(days, np.nan)[rows], from_pandas=True)
    return RawColumn(column.name, None, numbers, {}, "days", column.places)
