"""The options of an uploaded table: fields of the query string, or of the form beside the file.

>>> UploadOptions.parse({"columns": '{"start": "Activated"}', "step": "week"}).columns
{'start': 'Activated'}
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from pydantic import BeforeValidator, Field, WithJsonSchema

from utils.api.parsing import Line, Name, Request


def _object(value: Any) -> Any:
    """Return the object that a text holds as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise ValueError('must be a JSON object, such as {"start": "Activated"}') from None


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


NameByRole = Annotated[
    dict[str, Name], BeforeValidator(_object), WithJsonSchema({"type": "string"})
]
NameList = Annotated[list[Name], BeforeValidator(_names), WithJsonSchema({"type": "string"})]


class UploadOptions(Request):
    """Options of the reading of an uploaded table."""

    columns: NameByRole | None = Field(
        None,
        description="a JSON object: names of the table's columns by their meaning, such as "
        '{"unit": "Lot", "start": "Track in"}; default: recognised',
    )
    date_order: Literal["dmy", "mdy"] | None = Field(
        None, description="order of day and month in dates such as 3/4/2024; default: recognised"
    )
    step: Literal["day", "week", "month"] | None = Field(
        None, description="of an event log: the step of its series; default: day"
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

    @property
    def given(self) -> list[str]:
        """The names of the fields that the request gives, as it would spell them."""
        fields = type(self).model_fields
        return [fields[name].alias or name for name in sorted(self.model_fields_set)]
