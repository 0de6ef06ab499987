"""Options of reading a table, where its content does not tell: fields of a request with rows; of an
uploaded table fields of the query string, or of the form beside the file.

>>> UploadOptions.parse({"columns": '{"start": "Activated"}', "step": "week"}).columns
{'start': ['Activated']}
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from pydantic import BeforeValidator, Field, Strict, WithJsonSchema

from utils.api.parsing import Line, Name, Request
from utils.api.schemas.calendar import CalendarsAsText


def _object(value: Any) -> Any:
    """Return the object that a text holds as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise ValueError('must be a JSON object, such as {"start": "Activated"}') from None


def _joined(value: Any) -> Any:
    """Return texts of a list as one, separated by commas."""
    texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return ",".join(value) if texts else value


def _names(value: Any) -> Any:
    """Return the names in a text: a JSON list, or separated by commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            raise ValueError("must be a JSON list, or names separated by commas") from None
    return [name for name in value.split(",") if name.strip()]


def _listed(value: Any) -> Any:
    """Return a list of one name, or of none for null."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else value


_NAME_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 200}
_OneOrMore = Annotated[
    list[Name],
    Field(max_length=10),
    BeforeValidator(_listed),
    WithJsonSchema(
        {
            "anyOf": [
                _NAME_SCHEMA,
                {"type": "array", "items": _NAME_SCHEMA, "maxItems": 10},
                {"type": "null"},
            ]
        }
    ),
]
NamesByRole = Annotated[dict[str, _OneOrMore], BeforeValidator(_object)]
NameList = Annotated[list[Name], BeforeValidator(_names), WithJsonSchema({"type": "string"})]


def _flag(value: Any) -> Any:
    """Return the truth value that a text names."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


Flag = Annotated[bool, Strict(), BeforeValidator(_flag)]
TimeUnit = Literal["seconds", "minutes", "hours", "days", "weeks", "months", "steps"]
RateUnit = Literal[
    "per_second", "per_minute", "per_hour", "per_day", "per_week", "per_month", "per_step"
]


class ColumnUnits(Request):
    """Units of columns, from which they are converted to units per step, and to steps."""

    throughput: RateUnit | None = Field(None, description="units finished per …")
    releases: RateUnit | None = Field(None, description="units released per …")
    cycle_time: TimeUnit | None = Field(None, description="unit of the cycle times")


class ReadOptions(Request):
    """Options of reading rows. The rest is recognised; `read_as` of a reply states it."""

    columns: NamesByRole | None = Field(
        None,
        description="names of the table's columns by their meaning, such as "
        '{"wip": "Bestand"}; of a list of names the texts are joined, null: none is read; default: '
        "recognised",
    )
    units: Annotated[ColumnUnits | None, BeforeValidator(_object)] = Field(
        None,
        description="units to convert from, such as "
        '{"throughput": "per_hour", "cycle_time": "hours"}; default: those in the headers',
    )
    number_format: Literal["1,234.5", "1.234,5"] | None = Field(
        None, description="how numbers in texts are written; default: recognised"
    )
    date_order: Literal["dmy", "mdy", "ymd"] | None = Field(
        None,
        description="order of day, month and year in dates such as 3/4/2024; default: recognised",
    )
    dates_since: Literal["1900", "1904"] | None = Field(
        None,
        description="first year of dates that are numbers of days: 1900, or 1904 as in files of "
        "Excel for Mac; default: recognised",
    )
    fill_down: Flag = Field(
        False,
        description="true: a blank name or date is the one above, as where a report has it in the "
        "first row of a block only",
    )
    step: Literal["hour", "shift", "day", "week", "month"] | None = Field(
        None,
        description="the step in which each date lies: rows at times of the day stay hours or "
        "shifts, and several of one step become one; default: days, weeks or months, as "
        "recognised, and dates off their grid are refused. Of an event log: the step of its "
        "series; default: day",
    )
    shifts: Annotated[Line, BeforeValidator(_joined)] | None = Field(
        None,
        max_length=200,
        description="with step=shift: times at which shifts begin, such as 06:00,14:00,22:00",
    )
    shift_names: NameList | None = Field(
        None,
        max_length=24,
        description="of a column of shifts beside the date: the name of each shift, in the order "
        "of `shifts`, such as A,B,C; default: recognised (Early, Late, Night; 1, 2, 3; …)",
    )
    duplicates: Literal["times", "lines", "last"] | None = Field(
        None,
        description="several rows of one series and date: `times` of a day (throughput is added, "
        "WIP averaged), `lines` side by side (both are added) or the `last` one; default: "
        "recognised",
    )

    @property
    def named(self) -> dict[str, list[str]]:
        """The names of the table's columns by their meaning; none of one that is not to be read."""
        return self.columns or {}


_AsText = WithJsonSchema({"type": "string", "contentMediaType": "application/json"})


class UploadOptions(ReadOptions):
    """Options of reading an uploaded table."""

    columns: Annotated[NamesByRole | None, _AsText] = Field(
        None,
        description="a JSON object: names of the table's columns by their meaning, such as "
        '{"unit": "Lot", "start": "Track in"}; of a list of names the texts are joined, null: '
        "none is read; default: recognised",
    )
    units: Annotated[ColumnUnits | None, BeforeValidator(_object), _AsText] = Field(
        None,
        description="a JSON object: units to convert from, such as "
        '{"throughput": "per_hour", "cycle_time": "hours"}; default: those in the headers',
    )

    encoding: Line | None = Field(
        None,
        max_length=60,
        description="of a text file: utf-8, cp1252, gb18030, shift_jis, …; default: recognised",
    )
    separator: Literal[",", ";", "\t", "|"] | None = Field(
        None, description="between the fields of a CSV file; default: recognised"
    )
    sheet: Name | None = Field(
        None, description="name of the sheet of a spreadsheet; default: the one that fits"
    )
    calendar: CalendarsAsText | None = Field(
        None,
        description="the working calendar of all plants, or calendars by plant, as a JSON object; "
        "what it leaves open is recognised in the rows",
    )
    from_: Line | None = Field(
        None,
        alias="from",
        description="of an event log: first date (or time) of its series; default: recognised",
    )
    until: Line | None = Field(
        None,
        description="of an event log: last date of its series, or the time up to which it is "
        "complete; default: recognised",
    )
    finish_steps: NameList | None = Field(
        None,
        description="of an event log: the steps or states with which a unit has left, separated "
        "by commas; default: any step with a finish, or states such as Done",
    )
    waiting_states: NameList | None = Field(
        None,
        description="of a log of states: those in which a unit has not come yet; default: states "
        "such as Backlog",
    )

    known: NameList | None = Field(
        None,
        max_length=20,
        description="of a table: names of columns of your own whose values are known ahead, "
        "separated by commas; releases, capacity and plans are known without that",
    )

    @property
    def given(self) -> list[str]:
        """The names of the fields that the request gives, as it would spell them."""
        fields = type(self).model_fields
        return [fields[name].alias or name for name in sorted(self.model_fields_set)]


class RowsOptions(UploadOptions):
    """Options of rows that are added to a data set."""

    replace: Flag = Field(
        False, description="true: rows take the place of stored ones of the same series and date"
    )
