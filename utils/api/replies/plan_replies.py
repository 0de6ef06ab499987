"""Replies about plans and scenarios."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Any

from pydantic import Field

from utils.api.replies.base import Part, Reply
from utils.api.replies.forecasting import (
    ForecastValidation,
    PlanUsed,
    Prediction,
    SamplePaths,
    TargetReached,
    Totals,
)


class PlanReply(Reply):
    """The plan of a data set."""

    dataset_id: str = Field(description="id of the data set")
    rows: int = Field(description="rows of the plan")
    series: int = Field(description="number of series that have a plan")
    columns: list[str] = Field(description="names of the inputs that are known ahead")
    first_date: str | None = Field(description="first date of the plan; null: there is none")
    last_date: str | None = Field(description="last date of the plan; null: there is none")
    plan: list[dict[str, Any]] = Field(
        description="its rows: `plant`, `application`, `panel_size`, `date` and what is known"
    )


class ScenarioForecast(Part):
    """The forecast with one plan."""

    name: str = Field(description="name of the scenario")
    predictions: list[Prediction] = Field(description="one for each step")
    validation: ForecastValidation = Field(description="Little's Law, feasibility, assumptions")
    totals: Totals | None = Field(description="units finished in total")
    target: TargetReached | None = Field(description="when `targetProduction` is reached")
    paths: SamplePaths | None = Field(description="as many as `paths` asks for")
    plan: PlanUsed | None = Field(description="the plan that was used; null: nothing is known")


class StepDifference(Part):
    """The difference of a step from the baseline, with intervals."""

    day: int = Field(description="steps ahead, from 1")
    date: str = Field(
        description="date of the step, YYYY-MM-DD; of an hour or a shift YYYY-MM-DDThh:mm"
    )
    wip: float = Field(description="more units in process")
    wip_lo80: float | None = Field(default=None, description="lower end of its 80 % interval")
    wip_hi80: float | None = Field(default=None, description="upper end of its 80 % interval")
    wip_lo95: float | None = Field(default=None, description="lower end of its 95 % interval")
    wip_hi95: float | None = Field(default=None, description="upper end of its 95 % interval")
    throughput: float = Field(description="more units finished in the step")
    throughput_lo80: float | None = Field(default=None, description="lower end, 80 %")
    throughput_hi80: float | None = Field(default=None, description="upper end, 80 %")
    throughput_lo95: float | None = Field(default=None, description="lower end, 95 %")
    throughput_hi95: float | None = Field(default=None, description="upper end, 95 %")
    cycle_time: float = Field(description="more steps in process")
    cycle_time_lo80: float | None = Field(default=None, description="lower end, 80 %")
    cycle_time_hi80: float | None = Field(default=None, description="upper end, 80 %")
    cycle_time_lo95: float | None = Field(default=None, description="lower end, 95 %")
    cycle_time_hi95: float | None = Field(default=None, description="upper end, 95 %")


class TotalDifference(Part):
    """The difference of the units finished over the horizon."""

    median: float = Field(description="more units finished")
    lo80: float | None = Field(default=None, description="lower end of the 80 % interval")
    hi80: float | None = Field(default=None, description="upper end of the 80 % interval")
    lo95: float | None = Field(default=None, description="lower end of the 95 % interval")
    hi95: float | None = Field(default=None, description="upper end of the 95 % interval")


class ScenarioDifference(Part):
    """The differences of a scenario from the baseline."""

    name: str = Field(description="name of the scenario")
    steps: list[StepDifference] = Field(description="one for each step")
    total_throughput: TotalDifference = Field(description="of the units finished in all")


class ScenariosReply(Reply):
    """Forecasts of one series with several plans."""

    model_id: str = Field(description="the model that made them")
    baseline: str = Field(description="name of the scenario that differences are from: the first")
    scenarios: list[ScenarioForecast] = Field(description="in the order of the request")
    differences: list[ScenarioDifference] = Field(
        description="of each other scenario, from the same sample paths of errors"
    )
