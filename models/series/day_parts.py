"""Parts of days: hours and shifts, as whole numbers that count them from 1970-01-01 on.

The parts are those of the clock on the wall. A shift that goes on over midnight is of the day on
which it begins.

>>> shifts = begins_of_shifts("06:00, 14:00, 22:00")
>>> night = part_numbers(shifts, np.array([1]), np.array([5 * 3600]))  # 05:00 of 1970-01-02
>>> night.tolist(), part_texts(shifts, night)
([2], ['1970-01-01T22:00'])
"""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from utils.errors import InvalidInput

Ints = NDArray[np.int64]
Begins = tuple[int, ...]  # times of the day at which its parts begin, in minutes, ascending

HOURS: Begins = tuple(range(0, 1440, 60))
_DAY = 1440  # minutes
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_EPOCH = datetime(1970, 1, 1)


def begins_of_shifts(text: str) -> Begins:
    """Return the times at which shifts begin.

    Args:
        text: times of the day, separated by commas.

    Raises:
        InvalidInput: it names no such times, or fewer than two.
    """
    found = [_TIME.fullmatch(part.strip()) for part in text.split(",")]
    times = {int(t[1]) * 60 + int(t[2]) for t in found if t is not None}
    if not 2 <= len(times) == len(found):
        rule = "must be at least two different times of the day, such as 06:00,14:00,22:00"
        raise InvalidInput.of("shifts", rule, text)
    return tuple(sorted(times))


def time_texts(begins: Begins) -> list[str]:
    """Return the times at which parts begin, 06:00 say."""
    return [f"{minute // 60:02d}:{minute % 60:02d}" for minute in begins]


def part_numbers(begins: Begins, days: Ints, seconds: Ints) -> Ints:
    """Return the numbers of the parts in which times lie.

    Args:
        days: since 1970-01-01.
        seconds: time of the day.
    """
    day, into = np.divmod(days * 86_400 + seconds - begins[0] * 60, 86_400)
    starts = (np.array(begins, np.int64) - begins[0]) * 60
    found: Ints = day * len(begins) + np.searchsorted(starts, into, side="right") - 1
    return found


def part_times(begins: Begins, parts: Ints) -> NDArray[np.datetime64]:
    """Return the times at which parts begin, by their numbers."""
    day, place = np.divmod(np.asarray(parts, np.int64), len(begins))
    found: NDArray[np.datetime64] = (day * _DAY + np.array(begins, np.int64)[place]).astype(
        "datetime64[m]"
    )
    return found


def part_texts(begins: Begins, parts: Ints) -> list[str]:
    """Return the dates of parts with the times at which they begin, 2024-12-31T06:00 say."""
    return [str(time) for time in part_times(begins, parts)]


def part_of(begins: Begins, text: str, is_last: bool = False) -> int:
    """Return the number of the part in which a date-time lies.

    Args:
        text: a date or a date-time in ISO 8601, as the clock on the wall shows it: an offset
            from UTC is not applied.
        is_last: of a date without time: the last part of the day, not the first one.

    Raises:
        ValueError: it is none.
    """
    time = datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    if len(text.strip()) <= len("2024-12-31"):
        return (time - _EPOCH).days * len(begins) + (len(begins) - 1 if is_last else 0)
    since = time - _EPOCH
    day, seconds = np.array([since.days]), np.array([since.seconds])
    return int(part_numbers(begins, day, seconds)[0])
