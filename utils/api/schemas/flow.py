"""The request for the flow of a data set."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from utils.api.parsing import Line, Name, Request


class FlowQuery(Request):
    """The series whose flow is asked for, together, and the picture."""

    plant: Name | None = Field(None, description="name of the plant; default: all")
    application: Name | None = Field(None, description="name of the application; default: all")
    panel_size: Name | None = Field(None, description="name of the panel size; default: all")
    step: Literal["hour", "shift", "day", "week", "month"] | None = Field(
        None, description="of an event log: the step of the figures; default: that of its series"
    )
    shifts: Line | None = Field(
        None,
        max_length=200,
        description="with step=shift: times at which shifts begin, such as 06:00,14:00,22:00",
    )
    chart: Literal["all", "cumulative", "scatter", "ageing", "throughput", "stations"] = Field(
        "all", description="of a picture: the chart; `all`: those that the data has"
    )

    @property
    def names(self) -> dict[str, str]:
        """Column → name, of those that are given."""
        return self.model_dump(include={"plant", "application", "panel_size"}, exclude_none=True)
