"""Times of event logs as people write them → microseconds of the clock on the wall.

Dates alone are the midnight at which they begin. An offset to UTC is dropped: a time is kept as it
was written. The order of day and month is decided by all values together, or by the request.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.data.events.event_log import OPEN
from models.data.table_columns import BLANKS
from utils.api.parsing import shown
from utils.errors import InvalidInput

Ints = NDArray[np.int64]
DateOrder = Literal["dmy", "mdy"]

_US = pa.timestamp("us")
_OFFSET = r"(:\d{2}(?:\.\d+)?) ?(?:Z|UTC|[+-]\d{2}:?\d{2})$"
_PARTS = (
    r"^(?P<a>\d{1,2})[./-](?P<b>\d{1,2})[./-](?P<year>\d{4}|\d{2})"
    r"(?:[ T,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?"
    r"(?: ?(?P<half>[AaPp])[Mm])?)?$"
)
_EPOCH_LEAST = 10**11  # a number from here on is milliseconds since 1970 (1973 and later)
_LAST = 9_214_646_400_000_000  # 2262-01-01; dates beyond are mistakes


def read_times(
    columns: dict[str, pa.Array], order: DateOrder | None = None
) -> tuple[dict[str, Ints], DateOrder | None]:
    """Return the times of some columns, OPEN where blank, and the order of day and month taken.

    Args:
        columns: name of each column → texts, times, dates or numbers.
        order: of the day and the month in dates such as 3/4/2024; None: decided by all values.

    Raises:
        InvalidInput: a value is no time; or nothing decides between day and month.
    """
    parts: dict[str, pa.Array] = {}
    found: dict[str, Ints] = {}
    for name, column in columns.items():
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            text = _tidy(column)
            iso = _iso(text)
            if iso is None:
                parts[name] = _parts(name, text)
            else:
                found[name] = _numbers(iso)
        else:
            found[name] = _of_other_types(name, column)
    if parts:
        order = _order(parts, columns, order)
        found |= {name: _from_parts(name, each, order) for name, each in parts.items()}
    for name, times in found.items():
        wild = np.flatnonzero((times != OPEN) & (np.abs(times) > _LAST))
        if wild.size:
            raise _wrong(name, columns[name], int(wild[0]), "must lie in the years 1678 to 2261")
    return found, order if parts else None


def _tidy(column: pa.Array) -> pa.Array:
    text = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(text, pa.array(BLANKS, text.type)), pa.scalar(None, text.type), text)


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


def _parts(name: str, text: pa.Array) -> pa.Array:
    parts = pc.extract_regex(text, _PARTS)
    wrong = np.flatnonzero(pc.and_(pc.is_null(parts), pc.is_valid(text)).to_numpy(False))
    if wrong.size:
        rule = "must be a date or a time such as 2024-12-31 14:05, 31.12.2024 14:05 or 12/31/2024"
        raise _wrong(name, text, int(wrong[0]), rule)
    return parts


def _order(
    parts: dict[str, pa.Array], columns: dict[str, pa.Array], order: DateOrder | None
) -> DateOrder:
    """The order of day and month: as asked for, by dots, or by a number above 12."""
    if order is not None:
        return order
    dotted = all(
        pc.all(pc.match_substring(pc.drop_null(_tidy(columns[name])), ".")).as_py()
        and not pc.any(pc.match_substring(pc.drop_null(_tidy(columns[name])), "/")).as_py()
        for name in parts
    )
    if dotted:
        return "dmy"
    highest = [
        max(
            pc.max(pc.struct_field(each, place).cast(pa.int64())).as_py() or 0
            for each in parts.values()
        )
        for place in (0, 1)
    ]
    if highest[0] > 12:
        return "dmy"
    if highest[1] > 12:
        return "mdy"
    name = next(iter(parts))
    first = pc.drop_null(_tidy(columns[name]))[0].as_py()
    raise InvalidInput.of(
        "dateOrder",
        f"is required: {first!r} in {name} may be day/month or month/day, and no value decides. "
        "Send dmy or mdy",
    )


def _from_parts(name: str, parts: pa.Array, order: DateOrder) -> Ints:
    def number(field: str, otherwise: int = 0) -> Ints:
        text = pc.struct_field(parts, field)
        blank = pc.or_kleene(pc.is_null(text), pc.equal(text, ""))
        values = pc.if_else(blank, str(otherwise), text).cast(pa.int64())
        return np.asarray(values.to_numpy(zero_copy_only=False))

    a, b, year = number("a", 1), number("b", 1), number("year", 2000)
    day, month = (a, b) if order == "dmy" else (b, a)
    year = np.where(year < 100, year + 2000, year)
    first = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
    dates = first.astype("datetime64[D]") + (day - 1)
    half = pc.utf8_lower(pc.fill_null(pc.struct_field(parts, "half"), ""))
    is_pm, is_am = (np.asarray(pc.equal(half, x).to_numpy(zero_copy_only=False)) for x in "pa")
    hour = number("hour")
    hour = np.where(is_pm, hour % 12 + 12, np.where(is_am, hour % 12, hour))
    blank = np.asarray(pc.is_null(parts).to_numpy(zero_copy_only=False))
    impossible = (month < 1) | (month > 12) | (dates.astype("datetime64[M]") != first)
    impossible |= (hour > 23) | (number("minute") > 59) | (day < 1)
    wrong = np.flatnonzero(impossible & ~blank)
    if wrong.size:
        written = parts[int(wrong[0])].as_py()
        rule = f"must be a date; row {int(wrong[0]) + 1} has none that exists ({order})"
        raise InvalidInput.of(name, rule, f"{written['a']}/{written['b']}/{written['year']}")
    seconds = (hour * 60 + number("minute")) * 60 + number("second")
    times = dates.astype("datetime64[us]").astype(np.int64) + seconds * 1_000_000
    return np.where(blank, OPEN, times)


def _wrong(name: str, column: pa.Array, row: int, rule: str) -> InvalidInput:
    value: Any = shown(column[row].as_py())
    return InvalidInput.of(name, f"{rule}; row {row + 1} has {value!r}", value)
