"""Working calendars by the name of a plant, or of a single series that differs from its plant.

>>> week = WorkingCalendar(weekdays=(1, 2, 3, 4, 5))
>>> calendars = PlantCalendars({"North": week}, origin=20_818)
>>> keys = [("North", "TV", "S"), ("South", "TV", "S")]
>>> calendar, lanes = calendars.applied(Calendar(), keys)
>>> lanes.tolist(), [own.season for own in calendar.working]
([0, 1], [5, 7])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Calendar
from models.series.panel import SeriesKey
from models.series.working_calendar import WorkingCalendar
from utils.api.schemas.calendar import ALL

Ints = NDArray[np.int64]

_DAILY = WorkingCalendar()


@dataclass(frozen=True)
class PlantCalendars:
    """The working calendars of some data.

    Attributes:
        by_name: calendar by plant, by series (`series_name`), or of all (`ALL`); the closest name
            counts. Without any, every day is worked.
        origin: day at which step numbers equal the number of the day.
    """

    by_name: Mapping[str, WorkingCalendar] = field(default_factory=dict)
    origin: int = 0

    def of(self, key: SeriesKey, default: WorkingCalendar = _DAILY) -> WorkingCalendar:
        """Return the calendar of a series, or a default where none is named for it."""
        names = (series_name(key), key[0], ALL)
        return next((self.by_name[name] for name in names if name in self.by_name), default)

    def applied(
        self, calendar: Calendar, keys: Iterable[SeriesKey]
    ) -> tuple[Calendar, Ints | None]:
        """Return a calendar with the lanes of some series, and the lane of each.

        Both are as without working calendars where all series work every day, or where the steps
        are weeks or months.
        """
        own = [self.of(key) for key in keys]
        if not calendar.is_daily or all(each.works_every_day for each in own):
            return calendar, None
        distinct = {each: lane for lane, each in enumerate(dict.fromkeys(own))}
        lanes = np.array([distinct[each] for each in own], np.int64)
        return replace(calendar, working=tuple(distinct), origin=self.origin), lanes

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form that `from_document` turns back into equal calendars."""
        return {
            "calendars": {name: own.to_document() for name, own in self.by_name.items()},
            "calendar_origin": self.origin,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> PlantCalendars:
        """Return the calendars in the document of a data set; none in one of an earlier release."""
        by_name = document.get("calendars", {})
        return cls(
            {name: WorkingCalendar.from_document(own) for name, own in by_name.items()},
            int(document.get("calendar_origin", 0)),
        )


NO_CALENDARS = PlantCalendars()


def described(calendars: PlantCalendars, plants: Iterable[str]) -> dict[str, Any]:
    """Return the calendar of every plant, and of series that differ from theirs, JSON-ready."""
    shown = dict.fromkeys([*plants, *(name for name in calendars.by_name if name != ALL)])
    usual = calendars.by_name.get(ALL, _DAILY)
    return {name: calendars.by_name.get(name, usual).to_document() for name in shown}


def reopened(given: PlantCalendars, found: PlantCalendars) -> list[str]:
    """Return a sentence for each plant with output on days that a given calendar has closed.

    >>> closed = PlantCalendars({ALL: WorkingCalendar(closed=((20_818, 20_820),))})
    >>> found = PlantCalendars({"North": WorkingCalendar(open=((20_819, 20_819),))})
    >>> reopened(closed, found)
    ['calendar: North has output on 2027-01-01, closed by it; such days count as worked.']
    """
    sentences = []
    for name, own in found.by_name.items():
        usual = given.by_name.get(name, given.by_name.get(ALL, _DAILY))
        days = [day for first, last in own.open for day in range(first, last + 1)]
        against = [day for day in days if not usual.is_open(np.array([day]))[0]]
        if against:
            when = f"{np.datetime64(against[0], 'D')}"
            when += f" and {len(against) - 1} more days" if against[1:] else ""
            sentences.append(
                f"calendar: {name} has output on {when}, closed by it; such days count as worked."
            )
    return sentences


def series_name(key: SeriesKey) -> str:
    """Return the name of a series, as messages have it."""
    return " / ".join(key)
