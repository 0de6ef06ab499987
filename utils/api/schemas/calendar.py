"""Working calendars in requests: of all plants, or by the name of each.

>>> given = calendars_of({"country": "DE", "closed": ["2026-12-24/2027-01-02"]})
>>> given["*"].country, given["*"].closed
('DE', ['2026-12-24/2027-01-02'])
>>> sorted(calendars_of({"North": {"weekdays": [1, 2, 3]}, "South": {}}))
['North', 'South']
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Self

import orjson
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from utils.api.field_rules import ShownAs
from utils.api.parsing import Int, Line, Request
from utils.errors import Detail, InvalidInput

ALL = "*"  # in place of the name of a plant: all that are not named
_LONGEST = 366 * 2  # days of a closed span
_MOST = 2000  # spans
_MOST_DAYS = 5000  # of all spans together


def _date(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a date, YYYY-MM-DD") from None
    return text


def _span(text: str) -> str:
    first, slash, last = text.partition("/")
    if slash and date.fromisoformat(_date(last)) < date.fromisoformat(_date(first)):
        raise ValueError("must not end before it begins")
    _date(first)
    if _length(text) > _LONGEST:
        raise ValueError(f"must be a span of at most {_LONGEST} days")
    return text


def _length(text: str) -> int:
    """Days of a span."""
    first, _, last = text.partition("/")
    return (date.fromisoformat(last or first) - date.fromisoformat(first)).days + 1


def _bounded(spans: list[str]) -> list[str]:
    if sum(map(_length, spans)) > _MOST_DAYS:
        raise ValueError(f"must be at most {_MOST_DAYS:,} days together")
    return spans


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError("must be distinct")
    return values


Day = Annotated[str, AfterValidator(_date)]
Spans = Annotated[
    list[Annotated[str, AfterValidator(_span)]],
    Field(max_length=_MOST),
    AfterValidator(_bounded),
]


class CalendarFields(Request):
    """The days on which a plant works."""

    weekdays: (
        Annotated[
            list[Annotated[Int, Field(ge=1, le=7)]], Field(min_length=1), AfterValidator(_distinct)
        ]
        | None
    ) = Field(
        None,
        description="weekdays that are worked every week, 1 (Monday) to 7 (Sunday); default: as "
        "recognised, else all",
    )
    every_second_week: Annotated[list[Day], Field(max_length=7)] = Field(
        [], description="a worked date of each weekday that is worked every second week"
    )
    country: Line | None = Field(
        None, description="country whose public holidays are closed, such as DE"
    )
    subdivision: Line | None = Field(
        None, description="part of the country whose holidays are closed too, such as BY"
    )
    closed: Spans = Field(
        [], description="closed dates, and spans such as 2026-12-24/2027-01-02, both ends included"
    )
    open: Spans = Field([], description="dates and spans that are worked whatever else holds")


def calendars_of(value: Any) -> dict[str, CalendarFields]:
    """Return the calendars of a request by the name of the plant, `ALL` for all.

    Raises:
        ValueError: it is no object.
        InvalidInput: a field of a calendar is unknown or breaks its rule.
    """
    if not isinstance(value, dict):
        raise ValueError("must be an object: a calendar, or calendars by plant")
    by_plant = bool(value) and all(isinstance(own, dict) for own in value.values())
    given = value if by_plant else {ALL: value}
    return {name: _parsed(own, f"calendar.{name}" if by_plant else "calendar")
            for name, own in given.items()}  # fmt: skip


def _parsed(value: dict[str, Any], place: str) -> CalendarFields:
    try:
        return CalendarFields.parse(value)
    except InvalidInput as error:
        details = [Detail(f"{place}.{d.field}", d.message, d.received) for d in error.details]
        raise InvalidInput(f"{place}.{error.message}", details) from error


def to_json(calendars: Mapping[str, CalendarFields]) -> dict[str, Any]:
    """Return a JSON-ready form that `calendars_of` turns back into equal calendars."""
    return {
        name: own.model_dump(mode="json", by_alias=True, exclude_unset=True)
        for name, own in calendars.items()
    }


def _of_text(value: Any) -> dict[str, CalendarFields]:
    """Return the calendars that a field of a form or of the URL holds as JSON."""
    if not isinstance(value, str):
        return calendars_of(value)
    try:
        return calendars_of(orjson.loads(value))
    except orjson.JSONDecodeError:
        raise ValueError('must be a JSON object, such as {"country": "DE"}') from None


_SHOWN = {ShownAs.KEYWORD: CalendarFields.__name__}
_ANY_OF = {"anyOf": [_SHOWN, {"type": "object", "additionalProperties": _SHOWN}]}
Calendars = Annotated[
    dict[str, CalendarFields],
    BeforeValidator(calendars_of),
    WithJsonSchema(_ANY_OF),
]
CalendarsAsText = Annotated[
    dict[str, CalendarFields], BeforeValidator(_of_text), WithJsonSchema({"type": "string"})
]
ShownAs(CalendarFields)  # named in the document


class CalendarQuery(Request):
    """The dates of which the closed ones are asked for."""

    from_: Day | None = Field(
        None,
        alias="from",
        description="first date, YYYY-MM-DD; with `until`: the reply has `closed_days`",
    )
    until: Day | None = Field(
        None, description=f"last date, YYYY-MM-DD, at most {_MOST_DAYS:,} days later"
    )

    @model_validator(mode="after")
    def _both_in_order(self) -> Self:
        if (self.from_ is None) != (self.until is None):
            raise ValueError("from and until must be given together")
        if (
            self.from_
            and self.until
            and not 0 < _length(f"{self.from_}/{self.until}") <= _MOST_DAYS
        ):
            raise ValueError(f"until must be from 0 to {_MOST_DAYS:,} days after from")
        return self

    @property
    def span(self) -> str | None:
        """Both dates, as a span; None: none are asked for."""
        return None if self.from_ is None else f"{self.from_}/{self.until}"


class CalendarRequest(Request):
    """The working calendars of a data set."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"calendar": {"country": "DE", "subdivision": "BY"}}]}
    )

    calendar: Calendars = Field(
        description="the working calendar of all plants, or calendars by plant; what it leaves "
        "open is recognised in the rows"
    )
