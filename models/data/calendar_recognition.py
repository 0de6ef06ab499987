"""Recognition of working calendars: which days a plant works, from the rows of its series.

A day is idle for a series if it has no row, or a row in which nothing leaves and the WIP is that of
the row before or after it. A weekday that is idle nearly always is closed; one that is idle every
second week is worked every other. A day that the calendar has open but on which all series of the
plant are idle is a closed day (a holiday, a shutdown), if there are other series that show it; if
there are none, only if it adjoins closed days or the gap is longer than one that is filled. Output
on a closed day makes that day an open one. Where the closed days are the public holidays of one
country, clearly, the calendar has the country, and with it its holidays to come.

Example: a table with rows from Monday to Friday, in which the rows of all series lack on
2026-12-24 and 25, has the weekdays 1 to 5 and the closed days 2026-12-24/2026-12-25.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.data.days_shown import DaysShown, is_idle
from models.data.series_rows import MAX_GAP, SeriesRows
from models.series import public_holidays
from models.series.plant_calendars import PlantCalendars, series_name
from models.series.working_calendar import EVERY_DAY, NOTHING_GIVEN, WorkingCalendar, weekdays_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_CLOSED = 0.25  # share of its days that a weekday is worked, up to which it is closed
_DECIDED = 0.8  # share that decides that it is worked, in one of two weeks or against the plant
_FEWEST_WEEKS = 2  # that show a weekday as closed; of a whole weekend one is enough
_ALTERNATING_WEEKS = 6
_DECIDING_WEEKS = 4  # in which one series shows that it differs from its plant
_RARE = 0.1  # share of the open days that are idle, above which idle days are a matter of demand
_FEW = 3  # idle days that are always few
_LONG = 5  # idle days in a row that are no matter of demand
_SHUTDOWN = 9  # days of a closed span that is no holiday


def recognise(
    rows: SeriesRows, given: PlantCalendars | None = None, longest_gap: int = MAX_GAP
) -> PlantCalendars:
    """Return the calendars of rows, by plant, and by series where one differs from its plant.

    Only calendars with closed days are returned.

    Args:
        given: calendars that hold, but for the closed and the open days that the rows show.
        longest_gap: idle days in a row that may be missing rows of a single series.
    """
    origin = given.origin if given is not None and given.origin else int(rows.days.max())
    if given is None and not is_idle(rows, slice(None)).any() and _is_complete(rows):
        return PlantCalendars({}, origin)
    everyone = np.arange(len(rows.keys))
    table = DaysShown.of(rows, everyone)
    found: dict[str, WorkingCalendar] = {}
    plants = np.array([key[0] for key in rows.keys])
    for plant in dict.fromkeys(plants.tolist()):
        for names, members, base in _bases(rows, plant, everyone[plants == plant], given):
            own = DaysShown.of(rows, members)
            calendar = _with_irregular_days(base, own, table.within(own), longest_gap)
            if calendar.country is None and (country := _country(calendar, own)):
                base = replace(base, country=country[0], subdivision=country[1])
                calendar = _with_irregular_days(base, own, table.within(own), longest_gap)
            found |= {} if calendar.works_every_day else dict.fromkeys(names, calendar)
    return PlantCalendars(found, origin)


def _is_complete(rows: SeriesRows) -> bool:
    """True if every series has a row on each day from its first to its last."""
    return not ((np.diff(rows.days) != 1) & (np.diff(rows.group) == 0)).any()


def _bases(
    rows: SeriesRows, plant: str, members: Ints, given: PlantCalendars | None
) -> Iterator[tuple[list[str], Ints, WorkingCalendar]]:
    """The names, the series and the weekly pattern of each calendar of a plant."""
    given = given or PlantCalendars()
    own = [given.of(rows.keys[g], NOTHING_GIVEN) for g in members]
    if len(set(own)) > 1 or own[0].weekdays:
        usual = Counter(own).most_common(1)[0][0]
        for base in dict.fromkeys(own):
            some = members[[each == base for each in own]]
            yield _names(rows, plant, some, base == usual), some, base
        return
    for names, some, recognised in _weekly_bases(rows, plant, members):
        yield names, some, own[0].added_to(recognised)


def _weekly_bases(
    rows: SeriesRows, plant: str, members: Ints
) -> Iterator[tuple[list[str], Ints, WorkingCalendar]]:
    """The names, the series and the weekly pattern that the rows of a plant show."""
    usual = _weekly(DaysShown.of(rows, members))
    worked, decided = _shares(rows, members)
    every_week = np.isin(np.arange(1, 8), usual.weekdays)
    second_week = np.isin(np.arange(1, 8), weekdays_of(np.array(usual.every_second_week, int)))
    differs = (every_week & (worked <= _RARE)) | (~every_week & (worked >= _DECIDED))
    unlike = (differs & decided & ~second_week).any(axis=1)
    if unlike.all():
        unlike = np.zeros(len(members), bool)
    yield [plant], members[~unlike], usual
    if unlike.any():
        patterns, kind = np.unique(worked[unlike] >= 0.5, axis=0, return_inverse=True)
        for number in range(len(patterns)):
            some = members[unlike][kind.ravel() == number]
            yield _names(rows, plant, some, False), some, _weekly(DaysShown.of(rows, some))


def _names(rows: SeriesRows, plant: str, members: Ints, usual: bool) -> list[str]:
    return [plant] if usual else [series_name(rows.keys[g]) for g in members]


def _shares(rows: SeriesRows, members: Ints) -> tuple[Floats, Flags]:
    """Share of the weekdays that each series works, [m, 7], and if that is known well enough."""
    worked, there = np.zeros((len(members), 7)), np.zeros((len(members), 7))
    for place in range(len(members)):
        own = rows.places(members[place : place + 1])
        days, busy = rows.days[own], ~is_idle(rows, own)
        every = weekdays_of(np.arange(days[0], days[-1] + 1)) - 1
        there[place] = np.bincount(every, minlength=7)
        worked[place] = np.bincount(weekdays_of(days[busy]) - 1, minlength=7)
    return worked / np.maximum(there, 1), there >= _DECIDING_WEEKS


def _weekly(shown: DaysShown) -> WorkingCalendar:
    """The weekdays that are worked, every week or every second one."""
    weekday, known = weekdays_of(shown.days), shown.active > 0
    shares, moved, weeks = np.zeros(8), np.zeros(8), np.zeros(8, int)
    second: list[int] = []
    for number in range(1, 8):
        own = known & (weekday == number)
        weeks[number] = own.sum()
        shares[number] = shown.worked[own].sum() / max(shown.active[own].sum(), 1)
        moved[number] = shown.moved[own].sum() / max(shown.active[own].sum(), 1)
        if weeks[number] >= _ALTERNATING_WEEKS and _CLOSED < shares[number] < _DECIDED:
            second += _second_week(shown, own)
    closed = (shares <= _CLOSED) & (moved <= _RARE) & (weeks >= _FEWEST_WEEKS)
    if shares[6] == shares[7] == 0 and weeks[6] and weeks[7]:
        closed[6:] = True
    if shares[1:].max() < 0.5:  # rows on any weekday, now and then: no calendar
        return WorkingCalendar()
    every_second = {int(weekdays_of(np.array([day]))[0]) for day in second}
    weekdays = [d for d in range(1, 8) if not closed[d] and d not in every_second]
    return WorkingCalendar(tuple(weekdays), tuple(second))


def _second_week(shown: DaysShown, own: Flags) -> list[int]:
    """The last worked day of a weekday that is worked every second week; [] if it is not."""
    days, active, worked = (part[own] for part in (shown.days, shown.active, shown.worked))
    parity = days // 7 % 2
    shares = [worked[parity == p].sum() / max(active[parity == p].sum(), 1) for p in (0, 1)]
    if max(shares) < _DECIDED or min(shares) > 1 - _DECIDED:
        return []
    kept = days[(parity == int(shares[1] > shares[0])) & (worked > 0)]
    return [int(kept[-1])]


def _with_irregular_days(
    base: WorkingCalendar, own: DaysShown, table: DaysShown, longest_gap: int
) -> WorkingCalendar:
    """A weekly pattern with the closed and the open days that some series show.

    Args:
        own: of the series of this calendar.
        table: of all series, on the same days.
        longest_gap: as of `recognise`.
    """
    days = own.days
    is_open = base.is_open(days)
    idle = is_open & (own.active > 0) & (own.worked == 0)
    shared = (own.active > 1) | ((table.active > 1) & (table.worked == 0))
    run, adjoins = _runs(base, days, idle, is_open & (own.active > 0))
    weekly = len(base.weekdays) < len(EVERY_DAY)
    closed = idle & (shared | (weekly & (adjoins | (run > longest_gap))))
    short = int((idle & (run < _LONG)).sum())
    if short > max(_RARE * int((is_open & (own.active > 0)).sum()), _FEW):
        closed &= False
    return base.with_days(days[closed].tolist(), days[~is_open & own.output].tolist())


def _country(calendar: WorkingCalendar, shown: DaysShown) -> tuple[str, str | None] | None:
    """The country whose public holidays are closed, long shutdowns aside; None: not clear."""
    days = shown.days
    idle = calendar.is_usual(days) & (shown.active > 0) & (shown.worked == 0)
    for first, last in calendar.closed:
        if last - first >= _SHUTDOWN:
            idle &= (days < first) | (days > last)
    closed, worked = days[idle], days[shown.output]
    return public_holidays.country_of(frozenset(closed.tolist()), frozenset(worked.tolist()))


def _runs(base: WorkingCalendar, days: Ints, idle: Flags, is_open: Flags) -> tuple[Ints, Flags]:
    """Length of the run of idle open days that each day lies in, and if it adjoins closed days."""
    length, adjoins = np.zeros(len(days), np.int64), np.zeros(len(days), bool)
    steps = np.flatnonzero(is_open)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], idle[steps], [False]])))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        run = steps[begin:end]
        around = np.arange(days[run[0]] - 1, days[run[-1]] + 2)
        length[run], adjoins[run] = end - begin, not base.is_open(around).all()
    return length, adjoins
