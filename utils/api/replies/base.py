"""The base of all replies, and the reply of every refusal."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from utils.api.parsing import shown

Target = Literal["wip", "throughput", "cycle_time"]
Step = Literal["hour", "shift", "day", "week", "month"]
ArchitectureName = Literal["plain", "enhanced"]


def whole_seconds(time: str) -> str:
    """Return an ISO 8601 time without the fraction of its second."""
    return re.sub(r"[.]\d+", "", time)


CreatedAt = Annotated[str, AfterValidator(whole_seconds)]
# Parts of stored documents: fields that this version does not know are kept.
DOCUMENT = ConfigDict(extra="allow", allow_inf_nan=False, defer_build=True)


class Part(BaseModel):
    """A part of a reply. Every number in it is finite."""

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), allow_inf_nan=False, defer_build=True
    )


class DateRange(Part):
    """First and last date of some data."""

    start: str = Field(description="first date, YYYY-MM-DD; of hours and shifts with its time")
    end: str = Field(description="last date, likewise")


class Reply(Part):
    """A successful reply."""

    success: Literal[True] = Field(
        default=True, description="true in every reply that is not a refusal"
    )


class ErrorDetail(Part):
    """One broken rule."""

    field: str = Field(description="name of the field, as the request spells it")
    message: str = Field(description="the rule that it breaks")
    received: Annotated[str | int | float | bool | None, BeforeValidator(shown)] = Field(
        default=None, description="the value received, shortened; null: none, or nothing to repeat"
    )


class ErrorReply(Part):
    """The body of every reply that is not 2xx."""

    success: Literal[False] = Field(default=False, description="false in every refusal")
    error: str = Field(description="one readable sentence")
    details: list[ErrorDetail] = Field(default=[], description="one for each broken rule")
    request_id: str | None = Field(
        default=None,
        description="as in the log and in the header X-Request-ID; null: not yet known",
    )


class MessageReply(Reply):
    """A sentence about what was done."""

    message: str = Field(description="the sentence")
