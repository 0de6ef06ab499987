"""Dates written as texts → days and times of day; the order of day and month from all values.

A time's offset from UTC is not applied: the date is the local one, as it is written.

>>> found = read(pa.array(["31/01/2024", "01/02/2024"]))
>>> found.form, np.datetime_as_string(found.days.astype("datetime64[D]")).tolist()
('d/m/y', ['2024-01-31', '2024-02-01'])
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.data.reading.date_forms import FORMS, MONTH_OF, NUMERIC, WEEK_NUMBERS
from models.data.reading.spreadsheet_days import Since, days_since
from models.series.calendar import day_number
from utils.errors import Detail, InvalidInput

Ints = NDArray[np.int64]
Order = Literal["dmy", "mdy", "ymd"]

UNKNOWN = np.iinfo(np.int64).min  # in place of a day that cannot be read
_MOST_PERIODS = 13  # of a year, of four weeks each; a larger number is one of a week
_SAMPLE = 100  # texts by which the form is looked for
_ODATA = r"^/Date\((-?\d+)(?:\+0000)?\)/$"  # milliseconds since 1970, as OData 2 writes them
_EPOCHS = {10: 1, 13: 1000, 16: 1_000_000, 19: 1_000_000_000}  # digits → units of a second


@dataclass(frozen=True)
class Dates:
    """Days since 1970-01-01, UNKNOWN where a text cannot be read, [n] each.

    Attributes:
        seconds: time of day, 24:00 as 86 400; None: no time is given.
        form: how they are written, `d/m/y` say.
        since: first day of the count, of dates that are numbers of days; "": they are not.
        offsets: seconds from UTC to the time as written; None: no text has an offset.
    """

    days: Ints
    seconds: Ints | None
    form: str
    offsets: Ints | None = None
    since: str = ""

    @property
    def unknown(self) -> Ints:
        """The places of texts that cannot be read."""
        return np.flatnonzero(self.days == UNKNOWN)

    @property
    def has_times(self) -> bool:
        """True if a time of day other than midnight is given."""
        return self.seconds is not None and bool(self.seconds.any())

    @property
    def instants(self) -> Ints | None:
        """Seconds of the day in UTC, by which times in the night of a clock change differ."""
        if self.seconds is None or self.offsets is None:
            return self.seconds
        return self.seconds - self.offsets

    @property
    def order(self) -> str | None:
        """The order of day, month and year in numbers, `dmy` say; None: the form tells it."""
        return order_of(self.form)


def order_of(form: str) -> str | None:
    """Return the order of day, month and year in a form of dates; None: the form tells it.

    >>> order_of("d/m/y"), order_of("ISO week")
    ('dmy', None)
    """
    return re.sub(r"\W", "", form) if re.fullmatch(r"[dmy]\W[dmy]\W[dmy]", form) else None


def read(
    texts: pa.Array,
    order: Order | None = None,
    of_weeks: bool = False,
    since: Since | None = None,
) -> Dates:
    """Read dates that are all written in one way.

    Args:
        texts: distinct, without nulls, [n].
        order: of the day, month and year in numbers like 01/02/2024; None: decided from all
            values.
        of_weeks: the column is one of weeks: 202405 is a week.
        since: of numbers of days; None: decided from all values.

    Raises:
        InvalidInput: the order, or the first day of a count, cannot be decided; the sentence has
            two readings and the field.
    """
    texts = pc.replace_substring_regex(pc.utf8_trim_whitespace(texts), _ODATA, r"\1")
    forms = WEEK_NUMBERS | FORMS if of_weeks else FORMS | WEEK_NUMBERS
    sample = texts.slice(0, _SAMPLE)
    for form, pattern in forms.items():
        if pc.all(pc.match_substring_regex(sample, f"^(?i:{pattern})")).as_py():
            found = _matched(texts, form, pattern)
            if not len(found.unknown) and (of_weeks or _is_clear(texts, form)):
                return found
    best = Dates(np.full(len(texts), UNKNOWN), None, "")
    for found in (_by_order(texts, order), _counted(texts, since)):
        best = min(best, found, key=lambda each: len(each.unknown))
    if len(best.unknown):
        for form, pattern in FORMS.items():
            best = min(best, _matched(texts, form, pattern), key=lambda each: len(each.unknown))
    return best


def _is_clear(texts: pa.Array, form: str) -> bool:
    """Return false for numbers of weeks that may as well be those of months or periods."""
    if form not in WEEK_NUMBERS:
        return True
    weeks = _numbers(_groups(texts, WEEK_NUMBERS[form])[0]["w"])
    return bool(weeks.max() > _MOST_PERIODS)


def _groups(texts: pa.Array, pattern: str) -> tuple[dict[str, pa.Array], NDArray[np.bool_]]:
    """The named groups of a pattern, "" where a text does not match, and which do."""
    found = pc.extract_regex(texts, pattern=f"^(?i:{pattern})")
    names = [field.name for field in found.type]
    groups = {name: pc.fill_null(pc.struct_field(found, name), "") for name in names}
    return groups, pc.is_valid(found).to_numpy(zero_copy_only=False)


def _numbers(texts: pa.Array) -> Ints:
    filled = pc.if_else(pc.equal(texts, ""), "0", texts)
    numbers: Ints = pc.cast(filled, pa.int64()).to_numpy(zero_copy_only=False)
    return numbers


def _matched(texts: pa.Array, form: str, pattern: str) -> Dates:
    if not pc.any(pc.match_substring_regex(texts, f"^(?i:{pattern})")).as_py():
        return Dates(np.full(len(texts), UNKNOWN), None, form)
    groups, fits = _groups(texts, pattern)
    year = _years(groups["y"])
    if "w" in groups:
        weekday = np.maximum(1, _numbers(groups["wd"])) if "wd" in groups else 1
        days = _week_days(year, _sum(groups, "w", "w2"), weekday)
    else:
        month = _month_numbers(groups)
        day = _numbers(groups["d"]) if "d" in groups else np.ones(len(texts), np.int64)
        days = _days(year, month, day)
    return _dated(np.where(fits, days, UNKNOWN), groups, form)


def _month_numbers(groups: dict[str, pa.Array]) -> Ints:
    if "name" in groups:
        names = groups["name"].dictionary_encode()
        numbers = [MONTH_OF.get(name.lower(), 0) for name in names.dictionary.to_pylist()]
        return np.array([*numbers, 0], np.int64)[names.indices.to_numpy(zero_copy_only=False)]
    return _sum(groups, "m", "m2", "m3")


def _sum(groups: dict[str, pa.Array], *names: str) -> Ints:
    """The numbers of groups of which one matches in each text, 0 in the others."""
    found = [_numbers(groups[name]) for name in names if name in groups]
    return np.sum(found, axis=0, dtype=np.int64)


def _years(texts: pa.Array) -> Ints:
    """Years; of two digits those from 1970 to 2069."""
    years = _numbers(texts)
    short = pc.equal(pc.utf8_length(texts), 2).to_numpy(zero_copy_only=False)
    return np.where(short, years + np.where(years < 70, 2000, 1900), years)


def _days(year: Ints, month: Ints, day: Ints) -> Ints:
    """Days since 1970-01-01, UNKNOWN where there is no such date."""
    possible = (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1)
    months = np.where(possible, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    possible &= days.astype("datetime64[D]").astype("datetime64[M]") == months
    return np.where(possible, days, UNKNOWN)


def _week_days(year: Ints, week: Ints, weekday: Ints | int) -> Ints:
    """Days of ISO weeks: week 1 has the 4th of January."""
    fourth = _days(year, np.ones_like(year), np.full_like(year, 4))
    days = fourth - (fourth + 3) % 7 + (week - 1) * 7 + weekday - 1
    next_fourth = _days(year + 1, np.ones_like(year), np.full_like(year, 4))
    last = next_fourth - (next_fourth + 3) % 7
    return np.where((week >= 1) & (days - weekday + 1 < last), days, UNKNOWN)


def _dated(days: Ints, groups: dict[str, pa.Array], form: str) -> Dates:
    """The dates, and their times of day if any is given."""
    if "H" not in groups or not pc.any(pc.not_equal(groups["H"], "")).as_py():
        return Dates(days, None, form)
    hour, minute, second = (_numbers(groups[name]) for name in "HMS")
    half = pc.utf8_lower(pc.utf8_slice_codeunits(groups["half"], 0, 1)).to_numpy(
        zero_copy_only=False
    )
    wrong = (half != "") & ((hour < 1) | (hour > 12))
    hour = np.where(half == "", hour, hour % 12 + np.where(half == "p", 12, 0))
    midnight = (hour == 24) & (minute == 0) & (second == 0)
    wrong |= ((hour > 23) & ~midnight) | (minute > 59) | (second > 60)
    seconds = hour * 3600 + minute * 60 + second
    days = np.where(wrong, UNKNOWN, days)
    return Dates(days, seconds, form, _offsets(groups["zone"]))


def _offsets(zones: pa.Array) -> Ints | None:
    """Seconds from UTC of +02:00, Z or UTC, 0 where none is given; None: none is at all."""
    encoded = zones.dictionary_encode()
    written = encoded.dictionary.to_pylist()
    if not any(written):
        return None
    found = []
    for zone in written:
        digits = re.sub(r"\D", "", zone).ljust(4, "0")
        sign = -1 if re.search("[-\u2212]", zone) else 1
        found.append(sign * (int(digits[:2]) * 3600 + int(digits[2:4]) * 60))
    return np.array(found, np.int64)[encoded.indices.to_numpy(zero_copy_only=False)]


# --- day, month and year in numbers -----------------------------------------------------------


def _by_order(texts: pa.Array, order: Order | None) -> Dates:
    groups, fits = _groups(texts, NUMERIC)
    if not fits.any():
        return Dates(np.full(len(texts), UNKNOWN), None, "")
    a, b = _numbers(groups["a"]), _numbers(groups["b"])
    short = pc.utf8_length(groups["c"]).to_numpy(zero_copy_only=False) == 2
    last, first = _years(groups["c"]), _years(pc.utf8_lpad(groups["a"], 2, "0"))
    readings = {
        "dmy": _days(last, b, a),
        "mdy": _days(last, a, b),
        "ymd": np.where(short, _days(first, b, _numbers(groups["c"])), UNKNOWN),
    }
    readings = {name: np.where(fits, days, UNKNOWN) for name, days in readings.items()}
    mark = groups["mark"][int(np.flatnonzero(fits)[0])].as_py()
    chosen = order or _decided(texts, readings, mark)
    return _dated(readings[chosen], groups, mark.join(chosen))


def _decided(texts: pa.Array, readings: dict[str, Ints], mark: str) -> str:
    """The order that all values allow; of several, the one whose days are evenly spaced."""
    fewest = min(int((days == UNKNOWN).sum()) for days in readings.values())
    able = [name for name, days in readings.items() if (days == UNKNOWN).sum() == fewest]
    if mark == "." and "dmy" in able:
        return "dmy"  # points are not used otherwise
    even = [name for name in able if _are_even(readings[name])]
    able = even if len(even) == 1 else able
    alike = all((readings[name] == readings[able[0]]).all() for name in able)
    if len(able) == 1 or alike:
        return able[0]
    row = int(np.flatnonzero(readings[able[0]] != readings[able[1]])[0])
    meant = "; ".join(
        f"{name} reads {np.datetime64(int(readings[name][row]), 'D')}" for name in able
    )
    rule = f"must be given, as {texts[row].as_py()!r} has several readings: {meant}"
    raise InvalidInput(f"dateOrder: {rule}", [Detail("dateOrder", rule)])


def _are_even(days: Ints) -> bool:
    """Return true if days, in order, are evenly spaced by days, weeks or months."""
    gaps = np.diff(np.unique(days[days != UNKNOWN]))
    if len(gaps) < 3:
        return False
    usual = np.median(gaps)
    most = max(3 * usual, 31) if usual < 28 else 1.2 * usual
    near = (gaps >= 28) & (gaps <= 31) if 28 <= usual <= 31 else gaps == usual
    return bool((usual in (1, 7) or 28 <= usual <= 31) and near.mean() > 0.6 and gaps.max() <= most)


# --- days as one number -----------------------------------------------------------------------


def _counted(texts: pa.Array, since: Since | None) -> Dates:
    """Days of spreadsheets (45292, of which the fraction is the time), or seconds since 1970.

    Where it is not known that they are, those before 1990 are not read: 24031 is as likely the
    31st day of 2024.
    """
    serial = r"[2-7]\d{4}" if since else r"(?:3[3-9]|[4-7]\d)\d{3}"
    plain = pc.match_substring_regex(
        texts, rf"^(?:{serial}(?:[.,]\d+)?|1?\d{{9}}(?:\d{{3}}){{0,3}}(?:\.0+)?)$"
    )
    fits = plain.to_numpy(zero_copy_only=False)
    if not fits.all() or not len(texts):
        return Dates(np.full(len(texts), UNKNOWN), None, "")
    whole = pc.replace_substring_regex(texts, r"[.,]\d*$", "")
    digits = np.unique(pc.utf8_length(whole).to_numpy(zero_copy_only=False))
    if list(digits) == [5]:
        numbers = pc.cast(pc.replace_substring(texts, ",", "."), pa.float64()).to_numpy()
        seconds = np.round((numbers % 1) * 86_400).astype(np.int64)
        whole_days = np.floor(numbers).astype(np.int64) + seconds // 86_400
        days, first = days_since(whole_days, since, day_number(datetime.now(UTC).date()))
        times = seconds % 86_400 if seconds.any() else None
        return Dates(days, times, f"days since {first}, as spreadsheets count", since=first)
    unit = _EPOCHS.get(int(digits[-1])) if digits[-1] - digits[0] <= 1 else None
    if unit is None:
        return Dates(np.full(len(texts), UNKNOWN), None, "")
    total = _numbers(whole) // unit
    name = {1: "", 1000: "milli", 1_000_000: "micro", 1_000_000_000: "nano"}[unit]
    seconds = total % 86_400
    form = f"{name}seconds since 1970-01-01 in UTC"
    return Dates(total // 86_400, seconds if seconds.any() else None, form, np.zeros_like(total))
