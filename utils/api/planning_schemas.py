"""The requests to `/api/plan/…`: stations, orders, targets and plans."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from utils.api.field_rules import ShownAs
from utils.api.parsing import Int, Name, Number, Positive, Request
from utils.api.plan_schemas import AllPlanRows
from utils.api.schemas import DATASET_ID, DatasetId

_STATIONS = 100
_ORDERS = 1000
_DATES = 100


def _iso_date(text: str) -> str:
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError as error:
        raise ValueError("must be a date, YYYY-MM-DD") from error


Day = Annotated[str, AfterValidator(_iso_date), Field(json_schema_extra={"format": "date"})]


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [fields]})


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

    model_config = _example(
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


class SourceFields(Request):
    """The model that plans are made with, or the data set."""

    model_id: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        alias="model_id",
        description="id of a model; or `pretrained`, with datasetId; `modelId` is taken as well",
    )
    dataset_id: DatasetId | None = Field(
        None, description="id of a data set, whose series are forecast without a training"
    )
    paths: Int = Field(
        1000, ge=100, le=10_000, description="joint sample paths that probabilities are taken from"
    )
    horizon_days: Int = Field(365, ge=1, le=365, description="most steps to look ahead")
    plan: AllPlanRows | None = Field(
        None,
        description="rows of what is known ahead, in place of the stored plan's values: releases, "
        "capacity, planned throughput by date; without names, of every series asked for",
    )


class SeriesFields(Request):
    """The names of a series."""

    plant: Name = Field(description="name of the plant")
    application: Name = Field(description="name of the application")
    panel_size: Name = Field(description="name of the panel size")


class OrderFields(SeriesFields):
    """Units to be finished by one series."""

    quantity: Positive = Field(description="units to finish")
    due: Day | None = Field(None, description="date by which they should be finished, YYYY-MM-DD")
    start_after: Day | None = Field(
        None, description="date up to which output does not count for this order"
    )
    after: Literal["wip"] | None = Field(
        None,
        description="`wip`: the units in process at the start leave first; default: they count",
    )


class FinishRequest(SourceFields):
    """Orders whose finish dates are wanted; those of one series are worked in sequence."""

    model_config = _example(
        datasetId=DATASET_ID,
        orders=[
            {
                "plant": "Plant_A",
                "application": "Automotive",
                "panelSize": "Small",
                "quantity": 1500,
                "due": "2025-07-30",
            }
        ],
    )

    orders: Annotated[
        list[Annotated[dict[str, Any], ShownAs(OrderFields)]],
        Field(min_length=1, max_length=_ORDERS),
    ] = Field(description="the orders")


class OutputRequest(SourceFields):
    """Dates by which the units that are out are wanted."""

    model_config = _example(datasetId=DATASET_ID, dates=["2025-07-15", "2025-07-30"], quantity=1500)

    dates: Annotated[list[Day], Field(min_length=1, max_length=_DATES)] = Field(
        description="dates, YYYY-MM-DD"
    )
    quantity: Positive | None = Field(
        None, description="units; the reply has the probability that at least so many are out"
    )
    series: (
        Annotated[
            list[Annotated[dict[str, Any], ShownAs(SeriesFields)]],
            Field(min_length=1, max_length=_ORDERS),
        ]
        | None
    ) = Field(None, description="the series that count; default: all")
    by: Literal["all", "plant", "series"] = Field(
        "all", description="in all, by plant, or by series"
    )


class UnitRequest(SourceFields, SeriesFields):
    """A single unit, or lot, whose finish is wanted."""

    model_config = _example(
        datasetId=DATASET_ID,
        plant="Plant_A",
        application="Automotive",
        panelSize="Small",
        unitsAhead=120,
    )

    started_on: Day | None = Field(
        None,
        description="date on which it came into the line; default: it comes next, behind all that "
        "is in process",
    )
    units_ahead: Annotated[Number, Field(ge=0, le=1e12)] | None = Field(
        None, description="units that leave before it; default, where it comes next: all in process"
    )


class LineFields(Request):
    """The line that a curve is of: a series, or the sum of those with the names given."""

    dataset_id: DatasetId | None = Field(None, description="data set with the line's history")
    model_id: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        alias="model_id",
        description="in place of datasetId: the model whose training data has the history",
    )
    plant: Name | None = Field(None, description="name of the plant; default: all together")
    application: Name | None = Field(None, description="name of the application; default: all")
    panel_size: Name | None = Field(None, description="name of the panel size; default: all")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.dataset_id is None) == (self.model_id is None):
            raise ValueError("needs one of datasetId and model_id")
        return self


class CurveQuery(LineFields):
    """The line whose curve is wanted."""


class TargetFields(Request):
    """A target of a line: a throughput, units by a date, or a cycle time."""

    throughput: Positive | None = Field(
        None, description="units per step, closed days counted, in the long run"
    )
    units: Positive | None = Field(None, description="units to be out; with `due`")
    due: Day | None = Field(None, description="date by which, YYYY-MM-DD; with `units`")
    cycle_time: Positive | None = Field(
        None, description="steps, closed days counted, that cycle times must stay within"
    )
    quantile: Annotated[Number, Field(ge=0.5, le=0.99)] | None = Field(
        None, description="share of cycle times within it; default: 0.9"
    )

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.units is None) != (self.due is None):
            raise ValueError("needs both units and due, or neither")
        if [self.throughput, self.units, self.cycle_time].count(None) != 2:
            raise ValueError("needs one of throughput, units with due, and cycleTime")
        if self.quantile is not None and self.cycle_time is None:
            raise ValueError("has a quantile only with cycleTime")
        return self


class ConstraintFields(Request):
    """Bounds of an answer."""

    max_wip: Positive | None = Field(None, alias="maxWIP", description="most units in process")
    max_release_change: Positive | None = Field(
        None, description="most units by which the releases of a worked step may change"
    )
    capacity: Positive | None = Field(
        None, description="most units that a worked step can finish; default: as the curve has it"
    )


class AdviseRequest(LineFields):
    """A target of a line, and the risk that may be taken."""

    model_config = _example(
        datasetId=DATASET_ID,
        plant="Plant_A",
        target={"units": 3300, "due": "2025-07-30"},
        risk=0.9,
    )

    target: Annotated[dict[str, Any], ShownAs(TargetFields)] = Field(description="the target")
    risk: Number = Field(
        0.9, ge=0.5, le=0.99, description="probability with which the target is to be met"
    )
    constraints: Annotated[dict[str, Any], ShownAs(ConstraintFields)] | None = Field(
        None, description="bounds of an answer"
    )


class PlanFields(Request):
    """A plan for a line: releases or a WIP cap, and capacity, over the horizon."""

    name: Name = Field(description="name of the plan")
    releases: (
        Annotated[Number, Field(ge=0, le=1e12)]
        | Annotated[
            list[Annotated[Number, Field(ge=0, le=1e12)]], Field(min_length=1, max_length=365)
        ]
        | None
    ) = Field(
        None,
        description="units released in each worked step: one number, or one for each step; the "
        "last one goes on. Default: what the line put in lately, or by the cap",
    )
    wip_cap: Positive | None = Field(
        None, alias="wipCap", description="WIP up to which is released"
    )
    capacity: (
        Annotated[Number, Field(ge=0, le=1e12)]
        | Annotated[
            list[Annotated[Number, Field(ge=0, le=1e12)]], Field(min_length=1, max_length=365)
        ]
        | None
    ) = Field(None, description="most units that a worked step can finish; likewise")


class CompareRequest(LineFields):
    """Plans for one line, to be seen side by side."""

    model_config = _example(
        datasetId=DATASET_ID,
        plant="Plant_A",
        horizonDays=30,
        plans=[{"name": "as now"}, {"name": "cap", "wipCap": 120}],
    )

    plans: Annotated[
        list[Annotated[dict[str, Any], ShownAs(PlanFields)]], Field(min_length=1, max_length=10)
    ] = Field(description="the plans, up to 10")
    horizon_days: Int = Field(30, ge=1, le=365, description="steps to look ahead")
    units: Positive | None = Field(
        None, description="units wanted over the horizon; the reply has their probability"
    )
