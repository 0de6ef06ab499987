"""Requests for finish dates and outputs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from utils.api.field_rules import ShownAs
from utils.api.parsing import Int, Name, Number, Positive, Request
from utils.api.schemas.base import DATASET_ID, DatasetId, Day, example
from utils.api.schemas.plan import AllPlanRows

_ORDERS = 1000
_DATES = 100


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
    due: Day | None = Field(
        None,
        description="date by which they should be finished, YYYY-MM-DD; of hours and shifts, a "
        "time as well",
    )
    start_after: Day | None = Field(
        None, description="date up to which output does not count for this order"
    )
    after: Literal["wip"] | None = Field(
        None,
        description="`wip`: the units in process at the start leave first; default: they count",
    )


class FinishRequest(SourceFields):
    """Orders whose finish dates are wanted; those of one series are worked in sequence."""

    model_config = example(
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

    model_config = example(datasetId=DATASET_ID, dates=["2025-07-15", "2025-07-30"], quantity=1500)

    dates: Annotated[list[Day], Field(min_length=1, max_length=_DATES)] = Field(
        description="dates, YYYY-MM-DD; of hours and shifts, times as well"
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

    model_config = example(
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
