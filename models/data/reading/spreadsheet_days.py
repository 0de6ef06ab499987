"""Dates written as numbers of days, as spreadsheets count them: since 1900, or since 1904.

Excel counts from 1899-12-30, and in files of the Mac from 1904-01-01, 1462 days later. A table of
numbers alone tells by its last day, which is not to come; by the weekends that it leaves out; or by
months that it gives by their first day.

>>> numbers = np.array([45_292, 45_293, 45_294])
>>> np.datetime64(int(days_since(numbers, None, today=20_000)[0][0]), "D")
np.datetime64('2024-01-01')
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.series.working_calendar import weekdays_of
from utils.errors import Detail, InvalidInput

Ints = NDArray[np.int64]
Since = Literal["1900", "1904"]

# The first day, and its number in days since 1970-01-01.
FIRST_DAYS: dict[Since, tuple[str, int]] = {
    "1900": ("1899-12-30", -25_569),
    "1904": ("1904-01-01", -24_107),
}
_FEWEST = 10  # days by which weekends are told


def days_since(numbers: Ints, since: Since | None, today: int) -> tuple[Ints, str]:
    """Return days since 1970-01-01 of numbers of days, and the first day of their count.

    Args:
        numbers: of all dates of a column, in any order.
        since: as the request states it; None: decided by all numbers.
        today: in days since 1970-01-01.

    Raises:
        InvalidInput: both counts are possible; the sentence has both readings and the field.
    """
    readings = {name: numbers + zero for name, (_, zero) in FIRST_DAYS.items()}
    chosen = since or _decided(readings, today)
    return readings[chosen], FIRST_DAYS[chosen][0]


def _decided(readings: dict[Since, Ints], today: int) -> Since:
    able: list[Since] = [name for name, days in readings.items() if days.max() <= today]
    if len(able) < 2:  # plans are of days to come
        return "1900"
    told: list[Since] = [name for name in able if _is_regular(np.unique(readings[name]))]
    if len(told) == 1:
        return told[0]
    meant = "; ".join(f"{name} reads {np.datetime64(int(readings[name][0]), 'D')}" for name in able)
    rule = f"must be given, as the dates are numbers of days that have two readings: {meant}"
    raise InvalidInput(f"datesSince: {rule}", [Detail("datesSince", rule)])


def _is_regular(days: Ints) -> bool:
    """Return true if days, in order, are those from Monday to Friday, or the first of months."""
    if len(days) >= _FEWEST and set(weekdays_of(days).tolist()) == {1, 2, 3, 4, 5}:
        return True
    dates = days.astype("datetime64[D]")
    return len(days) > 1 and bool((dates == dates.astype("datetime64[M]")).all())
