"""Columns of shifts beside dates (Early, Late, Night; 1, 2, 3) → the times at which they begin.

A date and the name of a shift are a time where the names tell the order of the shifts: numbers,
times, or names of a known order, of which each shift has one. Else the request gives the names,
in the order of the times. A night shift is of the date that is written, whenever it begins.

>>> ShiftTimes.of("06:00,14:00,22:00").of_names(["Nachtschicht", "Frühschicht", "Spätschicht"])
[1320, 360, 840]
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.data.reading.column_names import SHIFT, folded
from models.data.reading.date_format import Dates
from models.data.reading.raw_tables import RawColumn
from models.data.reading.table_columns import WrongCells
from models.series import day_parts
from models.series.calendar import Calendar
from utils.api.upload_options import ReadOptions
from utils.errors import Detail, InvalidInput

# Names of the shifts of a day, from the morning on, in the spellings of each.
_ORDERS = (
    "early / late / night",
    "morning am / afternoon evening pm / night",
    "day / swing evening afternoon late / night graveyard",
    "e / l / n",
    "m / a / n",
    "d / e s a / n",
    "fruh frueh / spat spaet mittel / nacht",
    "tag / spat spaet / nacht",
    "f / s / n",
    "fs / ss / ns",
    "早 白 日 / 中 / 夜 晚",
    "早 白 日 / 小夜 晚 / 大夜 夜",
    "早 日 / 遅 中 夕 / 夜 深夜",
    "day / night",
    "d / n",
    "tag / nacht",
    "t / n",
    "早 白 日 昼 / 夜 晚",
)
_WORDS = re.compile(r"schicht|shift|turn|班次|班|番|勤務|勤|直|シフト")  # beside the name
_NUMBER = re.compile(r"(?:s|第)?([1-9])(?:st|nd|rd|th)?|([一二三四])|(i{1,3}|iv)")
_TIME = re.compile(r"([01]?\d|2[0-3])[:.h]([0-5]\d)\b")
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
_MORNING = 4 * 60  # minutes: a shift that begins before is the last one of a day
_DAY = 24 * 60
_LISTED = 10


@dataclass(frozen=True)
class ShiftTimes:
    """The times at which shifts begin, in minutes, as the request lists them.

    Attributes:
        begins: of the shifts, in the order of their numbers and of the names in a request.
    """

    begins: tuple[int, ...]

    @classmethod
    def of(cls, shifts: str) -> ShiftTimes:
        """Return the times in a text such as 06:00,14:00,22:00. Raises InvalidInput for others."""
        day_parts.begins_of_shifts(shifts)
        pairs = (part.strip().split(":") for part in shifts.split(","))
        return cls(tuple(int(hour) * 60 + int(minute) for hour, minute in pairs))

    def of_names(
        self, names: Sequence[str], given: Sequence[str] | None = None, column: str = SHIFT
    ) -> list[int]:
        """Return the time of each name.

        Args:
            names: distinct ones, as they are written.
            given: the name of each shift, as the request states them.
            column: name of the column, for the error.

        Raises:
            InvalidInput: the names do not tell which shift each is; the sentence has the choice.
        """
        times = ",".join(day_parts.time_texts(self.begins))
        if given is not None:
            if len({_spelled(name) for name in given}) != len(given) or len(given) != self.count:
                rule = f"must have a name for each of the {self.count} shifts {times}"
                raise InvalidInput.of("shiftNames", rule, ",".join(given))
            by_name = dict(zip(map(_spelled, given), self.begins, strict=True))
            found = [by_name.get(_spelled(name), -1) for name in names]
            if -1 in found:
                rule = f"must have all names in the column {column!r}"
                raise InvalidInput.of("shiftNames", rule, names[found.index(-1)])
            return found
        found_by = (self._by_time(names), self._by_number(names), self._by_order(names))
        known = next((each for each in found_by if each is not None), None)
        if known is None:
            shown = ", ".join(sorted(names)[:_LISTED])
            rule = f"must be given, a name for each of the shifts {times}, such as A,B,C"
            rule += f": the names in the column {column!r} do not tell their order ({shown})"
            raise InvalidInput(f"shiftNames: {rule}.", [Detail("shiftNames", rule, shown)])
        return known

    @property
    def count(self) -> int:
        """Number of shifts."""
        return len(self.begins)

    def _by_time(self, names: Sequence[str]) -> list[int] | None:
        """The times that all names begin with: 06:00-14:00."""
        found = [_TIME.match(name.strip()) for name in names]
        times = [int(time[1]) * 60 + int(time[2]) for time in found if time is not None]
        return times if len(times) == len(names) and set(times) <= set(self.begins) else None

    def _by_number(self, names: Sequence[str]) -> list[int] | None:
        """The times of numbers, from 1: Shift 2, 3. Schicht, 一班."""
        numbers = [_number(name) for name in names]
        if len(set(numbers)) < len(numbers) or not all(1 <= n <= self.count for n in numbers):
            return None
        return [self.begins[number - 1] for number in numbers]

    def _by_order(self, names: Sequence[str]) -> list[int] | None:
        """The times of names of a known order, which must be those of all shifts."""
        words = [_core(name) for name in names]
        distinct = set(words)
        in_order = sorted(self.begins, key=lambda begin: (begin - _MORNING) % _DAY)
        found = set()
        for order in _ORDERS:
            spellings = [part.split() for part in order.split(" / ")][: self.count]
            place = {word: i for i, some in enumerate(spellings) for word in some}
            if sorted(place.get(word, -1) for word in distinct) == list(range(self.count)):
                found.add(tuple(in_order[place[word]] for word in words))
        return list(found.pop()) if len(found) == 1 else None


def with_times(
    dates: Dates, column: RawColumn | None, parts: Calendar | None, options: ReadOptions
) -> tuple[Dates, dict[str, str]]:
    """Return dates with the times at which the shifts of a column begin, and these by name.

    Dates that have times stay as they are.

    Args:
        column: of shifts; None: there is none.
        parts: of the rows.

    Raises:
        InvalidInput: a shift is blank, or the names do not tell which shift each is; or names are
            given of which there is no use.
    """
    if options.shift_names is not None and (column is None or dates.has_times):
        rule = "is for rows of step=shift with a column of shifts, and dates without times"
        raise InvalidInput.of("shiftNames", rule, ",".join(options.shift_names))
    if column is None or parts is None or dates.has_times:
        return dates, {}
    values, places = column.distinct()
    blank = np.flatnonzero(places < 0)
    if blank.size:
        raise WrongCells.at(column, SHIFT, "must be the name of a shift", blank)
    used, places = np.unique(places, return_inverse=True)
    names = [values[int(place)].as_py() for place in used]
    times = ShiftTimes.of(options.shifts or ",".join(day_parts.time_texts(parts.begins)))
    found = times.of_names(names, options.shift_names, column.name)
    texts = dict(zip(names, day_parts.time_texts(tuple(found)), strict=True))
    return replace(dates, seconds=np.array(found, np.int64)[places] * 60, offsets=None), texts


def _spelled(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().strip()


def _core(name: str) -> str:
    """A name without brackets, signs, and words for a shift: "nacht" of Nacht-Schicht (N)."""
    text = re.sub(r"\(.*?\)", "", unicodedata.normalize("NFKC", name))
    return folded(_WORDS.sub("", text.casefold())) or folded(text)


def _number(name: str) -> int:
    """The number of a shift; 0: it is none."""
    found = _NUMBER.fullmatch(_core(name))
    if found is None:
        return 0
    digit, written, roman = found.groups()
    return int(digit) if digit else "一二三四".find(written) + 1 if written else _ROMAN[roman]
