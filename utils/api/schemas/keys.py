"""The request for a new API key."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from utils.api.parsing import Int, Name, Request
from utils.auth.keys import MAX_DAYS, MAX_NAME, is_name
from utils.auth.roles import Role


def _printable(name: str) -> str:
    if not is_name(name):
        raise ValueError("must have printable characters only")
    return name


KeyName = Annotated[Name, Field(max_length=MAX_NAME), AfterValidator(_printable)]


class KeyRequest(Request):
    """A key to be made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "planning", "role": "write", "days": 365}]}
    )

    name: KeyName = Field(description="the person or the program that calls with it")
    role: Role = Field(
        "read", description="`read`: look and forecast; `write`: also make and delete; `admin`: all"
    )
    days: Annotated[Int, Field(ge=1, le=MAX_DAYS)] | None = Field(
        None, description="days that it is valid; null: until it is revoked"
    )
