"""Types of fields that several requests have, and the ids that examples show."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from utils.api.field_rules import ShownAs
from utils.api.parsing import Int, Name, Number, Request


def distinct(names: list[str]) -> list[str]:
    """Return the names. Raises ValueError if one is given twice."""
    twice = sorted({name for name in names if names.count(name) > 1}) if len(names) < 1000 else []
    if len(set(names)) < len(names):
        raise ValueError(f"must be distinct; given twice: {', '.join(twice[:5]) or 'some'}")
    return names


Names = Annotated[
    list[Name],
    Field(min_length=1, json_schema_extra={"uniqueItems": True}),
    AfterValidator(distinct),
]
Seed = Annotated[Int, Field(ge=-(2**63), lt=2**63)]
# The ids that examples show; those of replies are written with them, too.
DATASET_ID = "0f0c8a6e-5b1d-4c5e-9f3b-6a1d2c7e4b90"
MODEL_ID = "7d4e2f1a-93c6-4b8f-8a57-1e0b6c9d3f25"


def example(rule: dict[str, Any] | None = None, /, **fields: Any) -> ConfigDict:
    """Return the configuration of a request that the document shows with these fields.

    Args:
        rule: how fields depend on each other, as a JSON Schema of the whole.
    """
    return ConfigDict(json_schema_extra={"examples": [fields], **(rule or {})})


class TableRow(Request):
    """One hour, shift, day, week or month of one series."""

    date: str | None = Field(
        None,
        description="date of the step, YYYY-MM-DD, of hours and shifts YYYY-MM-DDThh:mm; or give "
        "`day`",
    )
    day: Int | None = Field(None, description="number of the step, from 0; or give `date`")
    shift: str | Int | None = Field(
        None, description="of step=shift, beside a date without a time: name of the shift"
    )
    plant: str | None = Field(None, description="name of the plant; not needed in `history`")
    application: str | None = Field(None, description="name of the application; as `plant`")
    panel_size: str | None = Field(None, description="name of the panel size; as `plant`")
    wip: Number | None = Field(None, description="work in process at the end of the step, units")
    throughput: Number | None = Field(None, description="units finished in the step")
    cycle_time: Number | None = Field(
        None, description="mean time in process of the units finished, in steps"
    )
    finished_goods: Number | None = Field(None, description="finished units in stock")
    semi_finished_goods: Number | None = Field(None, description="semi-finished units in stock")
    releases: Number | None = Field(None, description="units released into the line in the step")
    planned_releases: Number | None = Field(
        None, description="units that were planned to be released"
    )
    capacity: Number | None = Field(
        None, description="share of the usual capacity, or units that could be finished"
    )
    planned_throughput: Number | None = Field(
        None, description="units that were planned to be finished"
    )
    littles_law_compliance: Number | None = Field(None, description="not used; as replies have it")


Row = Annotated[dict[str, Any], ShownAs(TableRow)]
Rows = Annotated[list[Row], Field(min_length=1)]
DatasetId = Annotated[str, Field(min_length=1)]


def _iso_date(text: str) -> str:
    try:
        text = text.strip()
        if len(text) > len("2024-12-31"):
            return datetime.fromisoformat(text).isoformat(timespec="minutes")
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError("must be a date, YYYY-MM-DD") from error


# A date; of hours and shifts, also a time: 2024-12-31T06:00.
_FORMATS: dict[str, Any] = {"anyOf": [{"format": "date"}, {"format": "date-time"}]}
Day = Annotated[str, AfterValidator(_iso_date), Field(json_schema_extra=_FORMATS)]
