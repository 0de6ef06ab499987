"""Requests for forecasts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from utils.api.field_rules import ShownAs
from utils.api.parsing import Flag, Int, Line, Name, Positive, Request
from utils.api.schemas.base import MODEL_ID, DatasetId, Rows, distinct, example
from utils.api.schemas.calendar import Calendars
from utils.api.schemas.plan import MOST_SCENARIOS, PlanRows, Scenario
from utils.api.upload_options import ReadOptions


def _named_distinctly(scenarios: list[Scenario]) -> list[Scenario]:
    distinct([scenario.name for scenario in scenarios])
    return scenarios


class ForecastFields(ReadOptions):
    """The fields of a forecast beside its model and plant."""

    application: Name = Field(description="name of the application")
    panel_size: Name = Field(description="name of the panel size")
    prediction_days: Int = Field(30, ge=1, le=365, description="steps to forecast")
    current_wip: Positive | None = Field(
        None, alias="currentWIP", description="WIP of the last day, in units; default: as known"
    )
    last_throughput: Positive | None = Field(
        None, description="throughput of the last day, in units; default: as known"
    )
    planned_throughput: Positive | None = Field(
        None, description="units to finish per step over the horizon, as far as the line can"
    )
    target_production: Positive | None = Field(
        None,
        description="units to finish over the horizon; the reply says on which day the cumulated "
        "throughput of the forecast reaches them (`target`)",
    )
    history: Rows | None = Field(
        None, description="recent rows of this series, newest last; default: the training data's"
    )
    history_steps: Int = Field(
        0, ge=0, le=1000, description="number of the last known rows in the reply's `history`"
    )
    plan: PlanRows | None = Field(
        None,
        description="releases, capacity and other inputs that are known of the steps ahead; in "
        "place of those stored with the data set",
    )
    raw: Flag = Field(False, description="true: forecasts before reconciliation")
    calendar: Calendars | None = Field(
        None,
        description="working calendar after the last row, of all plants or by plant: its weekdays "
        "and country replace those of the model, its closed and open days are added",
    )
    working_days_only: Flag = Field(
        False,
        description="true: closed days are left out, and predictionDays counts worked days; "
        "false: they are in the reply, marked as `closed`",
    )
    paths: Int = Field(
        0, ge=0, le=1000, description="number of joint sample paths of all steps in the reply"
    )
    as_of: Line | None = Field(
        None,
        description="the last date that the forecast knows, YYYY-MM-DD (of hours and shifts, a "
        "time as well): it starts from the rows of the data set up to it; default: the newest rows",
    )


class PredictRequest(ForecastFields):
    """A forecast of one series from its recent past."""

    model_config = example(
        model_id=MODEL_ID, plant="Plant_A", application="Automotive", panelSize="Small"
    )

    model_id: str = Field(
        min_length=1,
        alias="model_id",
        description="id of the model, or `pretrained` for a forecast without a training; "
        "`modelId` is taken as well",
    )
    plant: Name = Field(description="name of the plant")
    dataset_id: DatasetId | None = Field(
        None,
        description="data set whose series is forecast from its newest rows; with model_id "
        "`pretrained` only",
    )


class ScenariosRequest(PredictRequest):
    """Forecasts of one series with several plans."""

    model_config = example(
        model_id=MODEL_ID,
        plant="Plant_A",
        application="Automotive",
        panelSize="Small",
        scenarios=[
            {"name": "as planned", "plan": []},
            {"name": "half a shift less", "plan": [{"date": "2025-07-01", "capacity": 0.5}]},
        ],
    )

    scenarios: Annotated[
        list[Scenario],
        Field(min_length=1, max_length=MOST_SCENARIOS),
        AfterValidator(_named_distinctly),
    ] = Field(description="plans by name; differences are from the first")


class BatchItem(ForecastFields):
    """One forecast of a batch."""

    plant: Name = Field(description="name of the plant")


class BatchRequest(Request):
    """Forecasts of many series by one model; an item takes the fields of predict but `model_id`."""

    model_config = example(
        model_id=MODEL_ID,
        items=[{"plant": "Plant_A", "application": "Automotive", "panelSize": "Small"}],
    )

    model_id: str = Field(
        min_length=1,
        alias="model_id",
        description="id of the model, or `pretrained` for forecasts without a training; "
        "`modelId` is taken as well",
    )
    dataset_id: DatasetId | None = Field(
        None, description="data set with the series; with model_id `pretrained` only"
    )
    items: Annotated[
        list[Annotated[dict[str, Any], ShownAs(BatchItem)]], Field(min_length=1, max_length=10_000)
    ] = Field(description="the series to forecast")


class PlantPredictRequest(ForecastFields):
    """A forecast of one series of a plant, by the plant's best model."""

    model_config = example(application="Automotive", panelSize="Small", predictionDays=7)

    plant: Name | None = Field(None, description="if given, the plant of the path")
