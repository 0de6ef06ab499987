"""Requests about a line of stations."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from utils.api.field_rules import ShownAs
from utils.api.parsing import Int, Name, Number, Positive, Request
from utils.api.schemas.base import DatasetId, example

_STATIONS = 100


class StationFields(Request):
    """A station of a line: equal machines behind one queue."""

    name: Name = Field(description="name of the station")
    te: Positive = Field(description="mean time to process a job, without breakdowns and setups")
    ce2: Number = Field(
        1.0, ge=0, le=1000, description="variance of that time ÷ its square; 1: exponential"
    )
    machines: Int = Field(1, ge=1, le=1000, description="number of equal machines")
    mttf: Positive | None = Field(None, description="mean running time between breakdowns")
    mttr: Positive | None = Field(None, description="mean time to repair; with `mttf`")
    setup: Number = Field(0.0, ge=0, le=1e12, description="time of a setup")
    setup_every: Annotated[Number, Field(ge=1, le=1e9)] | None = Field(
        None, description="jobs between two setups, in the mean; default: a setup for each batch"
    )
    batch: Int = Field(
        1, ge=1, le=100_000, description="jobs that are processed behind one setup, together"
    )
    shifts: Annotated[Int, Field(ge=1, le=3)] | None = Field(
        None, description="shifts worked a day; one more is tried where there are fewer than 3"
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.mttf is None) != (self.mttr is None):
            raise ValueError("needs both mttf and mttr, or neither")
        return self


class LineRequest(Request):
    """A line of stations at a release rate. All times are in one unit, all rates per that unit."""

    model_config = example(
        stations=[
            {"name": "cut", "te": 1.0, "ce2": 0.25, "mttf": 40, "mttr": 10},
            {"name": "drill", "te": 1.1, "machines": 2},
            {"name": "test", "te": 0.8},
        ],
        releaseRate=0.7,
    )

    stations: (
        Annotated[
            list[Annotated[dict[str, Any], ShownAs(StationFields)]],
            Field(min_length=1, max_length=_STATIONS),
        ]
        | None
    ) = Field(None, description="the stations, in the order in which jobs visit them")
    dataset_id: DatasetId | None = Field(
        None,
        description="in place of stations: event log with `step`, by which they are measured, in "
        "days",
    )
    release_rate: Positive | None = Field(
        None, description="jobs released per unit of time; default, of an event log: as measured"
    )
    arrival_scv: Number = Field(
        1.0,
        ge=0,
        le=1000,
        description="variance of the times between releases ÷ their mean squared; 1: at random",
    )
    max_wip: Int = Field(
        100, ge=1, le=1000, alias="maxWIP", description="largest WIP of the curve with a WIP cap"
    )
    cycle_time: Positive | None = Field(
        None, description="limit of the cycle time; the reply has the largest release rate for it"
    )
    quantile: Number = Field(
        0.9, ge=0.01, le=0.999, description="share of cycle times that must stay within the limit"
    )
    throughput: Positive | None = Field(
        None, description="jobs per unit of time that a WIP cap is wanted for; default: releaseRate"
    )
    unit_value: Positive | None = Field(None, description="earned by each job that is finished")
    wip_cost: Positive | None = Field(None, description="of a job in process, per unit of time")

    @model_validator(mode="after")
    def _one_line(self) -> Self:
        if (self.stations is None) == (self.dataset_id is None):
            raise ValueError("needs one of stations and datasetId")
        if self.stations is not None and self.release_rate is None:
            raise ValueError("needs releaseRate with stations")
        return self

    @model_validator(mode="after")
    def _value_and_cost(self) -> Self:
        if (self.unit_value is None) != (self.wip_cost is None):
            raise ValueError("needs both unitValue and wipCost, or neither")
        return self
