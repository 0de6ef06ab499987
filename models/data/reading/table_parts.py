"""Tables of hours and shifts: rows by the part of the day in which their time lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.data.reading.date_format import Dates
from models.series import day_parts
from models.series.calendar import Calendar, Step
from utils.api.upload_options import ReadOptions
from utils.errors import InvalidInput

Ints = NDArray[np.int64]

_FEWEST_DAYS = 3  # of rows that show which hours or shifts are worked
_FEW = 0.25  # share of the rows that are one step apart, where only some shifts of a day are worked


def parts_of(options: ReadOptions, known: Calendar | None) -> Calendar | None:
    """Return the calendar of the hours or shifts that rows are of; None: of days or longer steps.

    Args:
        known: calendar of the rows that were stored before, if there are any.

    Raises:
        InvalidInput: the request states no shifts, or other steps than those of the stored rows.
    """
    stated = Calendar.of_parts(options.step, options.shifts)
    if known is None:
        return stated
    if options.step and options.step != known.step:
        rule = f"must be {known.step}, as that of the rows before, or left out"
        raise InvalidInput.of("step", rule, options.step)
    if stated and stated.begins != known.begins:
        times = ",".join(day_parts.time_texts(known.begins))
        rule = f"must be {times}, as those of the rows before, or left out"
        raise InvalidInput.of("shifts", rule, options.shifts)
    return replace(known, working=()) if known.begins else None


def in_parts(dates: Dates, parts: Calendar | None) -> tuple[Ints, Ints | None]:
    """Return the days and the times of day of rows; of hours and shifts their parts of days.

    Raises:
        InvalidInput: rows of hours or shifts have no times.
    """
    if parts is None:
        return dates.days, dates.seconds
    if dates.seconds is None:
        rule = f"must have a time of day, as 2024-12-31T06:00, for rows by {parts.step}"
        rule += ", or a column with the name of the shift" if parts.step is Step.SHIFT else ""
        raise InvalidInput.of("date", rule, "dates without a time")
    return day_parts.part_numbers(parts.begins, dates.days, dates.seconds), None


def expect_parts(numbers: Ints, series: Ints, calendar: Calendar) -> None:
    """Refuse rows that are farther apart than hours or shifts.

    Nights may have none: hours or shifts of the day that lack must follow on one another.

    Args:
        numbers: of the parts of days, [n].
        series: number of each row's series, [n].

    Raises:
        InvalidInput: the sentence has the step, or the shifts, that would do.
    """
    if len(np.unique(numbers // calendar.parts)) < _FEWEST_DAYS:
        return
    seen = np.unique(numbers % calendar.parts)
    breaks = int((np.diff(seen, append=seen[0] + calendar.parts) > 1).sum())
    if len(seen) > 1 and breaks > 1:
        times = np.array(day_parts.time_texts(calendar.begins))
        rule = f"must be shift, with shifts={','.join(times[seen])}: no rows lie in other parts of"
        raise InvalidInput.of("step", f"{rule} the day", calendar.step)
    order = np.lexsort((numbers, series))
    gaps = np.diff(numbers[order])[np.diff(series[order]) == 0]
    gaps = gaps[gaps > 0]
    usual = int(np.quantile(gaps, _FEW, method="lower")) if gaps.size else 1
    if usual > 1:
        longer = "day" if usual >= calendar.parts else "shift, with the times at which shifts begin"
        rule = f"must be {longer}: rows of a series are {usual} {calendar.step}s apart"
        raise InvalidInput.of("step", rule, calendar.step)
