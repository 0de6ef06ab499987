"""Working calendars as requests give them.

Example: `{"country": "DE"}` given for a table from Monday to Friday adds the holidays of Germany to
the weekdays that are recognised.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from models.series import public_holidays
from models.series.plant_calendars import PlantCalendars
from models.series.working_calendar import WorkingCalendar, span_of
from utils.api.parsing import nearest
from utils.api.schemas.calendar import ALL, CalendarFields
from utils.errors import InvalidInput

_FIELD = "calendar"


def given_calendars(
    fields: Mapping[str, CalendarFields] | None, plants: Collection[str] | None = None
) -> PlantCalendars | None:
    """Return the calendars of a request; None: it gives none.

    Args:
        plants: the names that there are; None: not known yet.

    Raises:
        InvalidInput: a country or a plant is not known; the nearest known one is named.
    """
    if fields is None:
        return None
    for name in fields:
        if name != ALL and plants is not None and name not in plants:
            raise InvalidInput.of(
                _FIELD, f"must name plants of the data: {nearest(name, plants)}", name
            )
    return PlantCalendars({name: _calendar(name, own) for name, own in fields.items()})


def _calendar(name: str, fields: CalendarFields) -> WorkingCalendar:
    place = _FIELD if name == ALL else f"{_FIELD}.{name}"
    country, subdivision = public_holidays.check(fields.country, fields.subdivision, place)
    return WorkingCalendar(
        tuple(sorted(fields.weekdays or ())),
        tuple(span_of(day)[0] for day in fields.every_second_week),
        country,
        subdivision,
        tuple(sorted(map(span_of, fields.closed))),
        tuple(sorted(map(span_of, fields.open))),
    )
