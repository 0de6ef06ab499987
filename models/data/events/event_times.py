"""Times of event logs as people write them → microseconds of the clock on the wall.

Dates alone are the midnight at which they begin. An offset to UTC is dropped: a time is kept as it
was written. All columns are read together: the order of day and month is decided by all values, or
by the request.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.data.events.event_log import DAY, OPEN
from models.data.reading import date_format
from models.data.reading.date_format import UNKNOWN
from models.data.reading.raw_tables import written_numbers
from models.data.reading.spreadsheet_days import Since
from models.data.reading.table_columns import BLANKS
from utils.api.parsing import shown
from utils.errors import InvalidInput

Ints = NDArray[np.int64]
DateOrder = Literal["dmy", "mdy"]

_US = pa.timestamp("us")
_SECOND = 1_000_000
_OFFSET = r"(:\d{2}(?:\.\d+)?) ?(Z|UTC|[+-]\d{2}:?\d{2})$"
_NO_DATE = r"^(?:0{1,4}[-./]0{1,2}[-./]0{1,4}|0{8})(?:[ T][0:.]+)?$"  # 00.00.0000, 0000-00-00
_FAR = 253_402_214_400_000_000  # 9999-12-31, which stands for a day that has not come
_EPOCH_LEAST = 10**11  # a number from here on is milliseconds since 1970 (1973 and later)
_LAST = 9_214_646_400_000_000  # 2262-01-01; dates beyond are mistakes


def read_times(
    columns: dict[str, pa.Array], order: DateOrder | None = None, since: Since | None = None
) -> tuple[dict[str, Ints], DateOrder | None]:
    """Return the times of some columns, OPEN where blank, and the order of day and month taken.

    Args:
        columns: name of each column → texts, times, dates or numbers.
        order: of the day and the month in dates such as 3/4/2024; None: decided by all values.
        since: first year of numbers of days; None: decided by all values.

    Raises:
        InvalidInput: a value is no time; or nothing decides between day and month.
    """
    texts: dict[str, pa.Array] = {}
    found: dict[str, Ints] = {}
    for name, column in columns.items():
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            text = _tidy(column)
            iso = _iso(text)
            if iso is None:
                texts[name] = text
            else:
                found[name] = _numbers(iso)
        elif _is_counted(column):
            texts[name] = written_numbers(column)
        else:
            found[name] = _of_other_types(name, column)
    taken = _read_texts(texts, found, order, since) if texts else None
    if len(columns) == 2:
        _keep_order(columns, found)
    for name, times in found.items():
        if (far := (times >= _FAR) & (times != OPEN)).any():
            found[name] = times = np.where(far, OPEN, times)
        wild = np.flatnonzero((times != OPEN) & (np.abs(times) > _LAST))
        if wild.size:
            raise _wrong(name, columns[name], int(wild[0]), "must lie in the years 1678 to 2261")
    return found, taken


def _read_texts(
    texts: dict[str, pa.Array],
    found: dict[str, Ints],
    order: DateOrder | None,
    since: Since | None,
) -> DateOrder | None:
    """Add the times of texts to those found; returns the order of day and month in them."""
    encoded = pa.chunked_array([text.cast(pa.large_string()) for text in texts.values()])
    encoded = encoded.dictionary_encode().unify_dictionaries()
    values = encoded.chunk(0).dictionary
    dates = date_format.read(values, order, since=since)
    seconds = np.zeros(len(values), np.int64) if dates.seconds is None else dates.seconds
    known = dates.days != UNKNOWN
    times = np.where(known, np.where(known, dates.days, 0) * DAY + seconds * _SECOND, UNKNOWN)
    times = np.append(times, OPEN)
    for (name, text), codes in zip(texts.items(), encoded.chunks, strict=True):
        own = times[codes.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)]
        wrong = np.flatnonzero(own == UNKNOWN)
        if wrong.size:
            rule = "must be a date or a time such as 2024-12-31 14:05, 31.12.2024 14:05 or "
            raise _wrong(name, text, int(wrong[0]), rule + "12/31/2024, in one form in all rows")
        found[name] = own
    taken = dates.order
    return taken if taken in ("dmy", "mdy") else None  # type: ignore[return-value]


def _tidy(column: pa.Array) -> pa.Array:
    text = pc.utf8_trim_whitespace(column)
    blank = pc.or_(
        pc.is_in(text, pa.array(BLANKS, text.type)), pc.match_substring_regex(text, _NO_DATE)
    )
    return pc.if_else(blank, pa.scalar(None, text.type), text)


def _iso(text: pa.Array) -> pa.Array | None:
    """The times of texts in ISO 8601; None if some are not."""
    try:
        return pc.cast(text, _US)
    except pa.ArrowInvalid:
        without = pc.replace_substring_regex(text, _OFFSET, r"\1")
    try:
        return pc.cast(without, _US)
    except pa.ArrowInvalid:
        return None


def _keep_order(columns: dict[str, pa.Array], found: dict[str, Ints]) -> None:
    """Move finishes that lie before their starts only because clocks were put back between them.

    Such a finish lies as long after its start as the offsets to UTC tell.
    """
    (first, start), (last, finish) = found.items()
    rows = np.flatnonzero(finish < start)
    if not rows.size:
        return
    parts = [columns[name].take(pa.array(rows)) for name in (first, last)]
    try:
        begin, end = (_numbers(pc.cast(part, pa.timestamp("us", "UTC"))) for part in parts)
    except pa.ArrowException:  # no texts with offsets
        return
    late = end >= begin
    if late.any():
        found[last] = finish.copy()
        found[last][rows[late]] = start[rows[late]] + (end - begin)[late]


def _is_counted(column: pa.Array) -> bool:
    """Return true for days of a spreadsheet, or seconds since 1970: numbers below milliseconds."""
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return False
    highest = pc.max(column).as_py()
    return highest is not None and 0 < highest < _EPOCH_LEAST


def _numbers(times: pa.Array) -> Ints:
    return np.asarray(pc.fill_null(times.cast(pa.int64()), OPEN).to_numpy(zero_copy_only=False))


def _of_other_types(name: str, column: pa.Array) -> Ints:
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _numbers(pc.local_timestamp(column).cast(_US) if kind.tz else column.cast(_US))
    if pa.types.is_date(kind):
        return _numbers(column.cast(_US))
    if pa.types.is_null(kind):
        return np.full(len(column), OPEN)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        wrong = np.flatnonzero(np.abs(numbers) < _EPOCH_LEAST)
        if not wrong.size:
            times = np.where(np.isnan(numbers), 0, np.clip(numbers, -1e16, 1e16) * 1000)
            return np.where(np.isnan(numbers), OPEN, times.astype(np.int64))
        raise _wrong(name, column, int(wrong[0]), "must be a time or milliseconds since 1970")
    raise InvalidInput.of(name, "must be a column of times", str(kind)[:60])


def _wrong(name: str, column: pa.Array, row: int, rule: str) -> InvalidInput:
    value: Any = shown(column[row].as_py())
    return InvalidInput.of(name, f"{rule}; row {row + 1} has {value!r}", value)
