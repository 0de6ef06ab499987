"""Requests for the curve of a line, and for the WIP and the releases that meet a target."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from utils.api.field_rules import ShownAs
from utils.api.parsing import Int, Name, Number, Positive, Request
from utils.api.schemas.base import DATASET_ID, DatasetId, Day, example


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
    due: Day | None = Field(None, description="date (or time) by which, YYYY-MM-DD; with `units`")
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

    model_config = example(
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

    model_config = example(
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
