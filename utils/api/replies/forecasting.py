"""Replies about forecasts and about states of a line."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, with_config
from typing_extensions import TypedDict

from utils.api.replies.base import DOCUMENT, ErrorDetail, Part, Reply, Step


def _bound(end: str, percent: int, target: str) -> Any:
    """Return the field of a bound of an interval."""
    return Field(
        ge=0, description=f"{end} end of the {percent} % interval of {target}; null: not measured"
    )


def _mean(target: str) -> Any:
    """Return the field of an expected value."""
    return Field(
        ge=0, description=f"expected {target}, to be added up; null: no errors were measured"
    )


class Prediction(Part):
    """The forecast of one step with its intervals."""

    day: int = Field(description="steps ahead, from 1")
    date: str = Field(
        description="date of the step, YYYY-MM-DD; of an hour or a shift YYYY-MM-DDThh:mm"
    )
    closed: bool = Field(
        default=False,
        description="the plant is closed: nothing is put out, WIP and cycle time are carried",
    )
    predicted_wip: float = Field(ge=0, description="work in process, in units")
    predicted_throughput: float = Field(ge=0, description="units finished in the step")
    predicted_cycle_time: float = Field(ge=0, description="mean time in process, in steps")
    predicted_wip_lo80: float | None = _bound("lower", 80, "WIP")
    predicted_wip_hi80: float | None = _bound("upper", 80, "WIP")
    predicted_wip_lo95: float | None = _bound("lower", 95, "WIP")
    predicted_wip_hi95: float | None = _bound("upper", 95, "WIP")
    predicted_throughput_lo80: float | None = _bound("lower", 80, "throughput")
    predicted_throughput_hi80: float | None = _bound("upper", 80, "throughput")
    predicted_throughput_lo95: float | None = _bound("lower", 95, "throughput")
    predicted_throughput_hi95: float | None = _bound("upper", 95, "throughput")
    predicted_cycle_time_lo80: float | None = _bound("lower", 80, "cycle time")
    predicted_cycle_time_hi80: float | None = _bound("upper", 80, "cycle time")
    predicted_cycle_time_lo95: float | None = _bound("lower", 95, "cycle time")
    predicted_cycle_time_hi95: float | None = _bound("upper", 95, "cycle time")
    predicted_wip_mean: float | None = _mean("WIP")
    predicted_throughput_mean: float | None = _mean("throughput")
    predicted_cycle_time_mean: float | None = _mean("cycle time")
    confidence: float = Field(
        ge=0, le=1, description="expected share of the targets within 20 % of the truth"
    )


class ForecastValidation(Part):
    """Agreement of a forecast with Little's Law, and its feasibility."""

    is_valid: bool = Field(description="whether there is no warning that rules it out")
    warnings: list[str] = Field(description="what is unusual or not feasible, as sentences")
    recommendations: list[str] = Field(description="what would help, as sentences with numbers")


class LittleLawAnalysis(Part):
    """Agreement of the steps of a forecast with Little's Law."""

    average_compliance: float = Field(description="mean of `daily_compliance`")
    daily_compliance: list[float] = Field(
        description="1 − |WIP − throughput × cycle time| ÷ the larger of each step, from 0 to 1; "
        "of steps without output that of the step before"
    )
    analysis: dict[Literal["excellent", "good", "fair", "poor"], int] = Field(
        description="numbers of steps: above 0.9, from 0.7, from 0.5, below"
    )


class TargetReached(Part):
    """When the cumulated throughput of half of the sample paths has reached `targetProduction`."""

    target_production: float = Field(description="the production wanted, in units")
    forecast_production: float = Field(
        description="units finished over the whole horizon, the median of `totals`"
    )
    reached: bool = Field(description="whether the target is reached within the horizon")
    day: int | None = Field(description="steps until then; null: not reached")
    date: str | None = Field(description="date of that step; null: not reached")
    probability: float | None = Field(
        default=None,
        description="to reach the target within the horizon; null: no errors were measured",
    )
    p50: str | None = Field(
        default=None, description="date by which it is reached with 50 %; null: beyond the horizon"
    )
    p80: str | None = Field(default=None, description="date by which with 80 %; null likewise")
    p95: str | None = Field(default=None, description="date by which with 95 %; null likewise")


class Total(Part):
    """The units finished over some steps, from joint sample paths."""

    first_date: str = Field(description="date of the first step")
    last_date: str = Field(description="date of the last step")
    steps: int = Field(description="number of steps")
    throughput: float = Field(ge=0, description="median, in units")
    throughput_mean: float = Field(ge=0, description="expected value")
    throughput_lo80: float = Field(ge=0, description="lower end of the 80 % interval")
    throughput_hi80: float = Field(ge=0, description="upper end of the 80 % interval")
    throughput_lo95: float = Field(ge=0, description="lower end of the 95 % interval")
    throughput_hi95: float = Field(ge=0, description="upper end of the 95 % interval")


class Totals(Part):
    """The units finished over the horizon and over parts of it."""

    horizon: Total = Field(description="over all steps")
    periods: list[Total] = Field(
        description="over every 7 days, 4 weeks or 3 months, the last one as far as it goes"
    )


class SamplePaths(Part):
    """Joint sample paths: possible courses of all steps, each as likely as the others."""

    wip: list[list[float]] = Field(description="WIP by path and step")
    throughput: list[list[float]] = Field(description="throughput by path and step")
    cycle_time: list[list[float]] = Field(description="cycle time by path and step")


class HistoryRow(Part):
    """A known row of a series, before its forecast."""

    date: str = Field(
        description="date of the step, YYYY-MM-DD; of an hour or a shift YYYY-MM-DDThh:mm"
    )
    wip: float | None = Field(description="work in process, in units; null: not known")
    throughput: float | None = Field(description="units finished in the step; null: not known")
    cycle_time: float | None = Field(
        description="mean time in process, in steps; null: not known, or no unit was finished"
    )


class PlanUsed(Part):
    """The known inputs that a forecast uses."""

    columns: list[str] = Field(description="names of the inputs")
    steps: int = Field(description="steps ahead, up to the last that anything is known of")
    reliance: float = Field(
        ge=0, le=1, description="share of the plan's difference from the forecast that is taken"
    )
    is_certain: bool = Field(
        description="true: taken as nearly certain, as the data has no past plans beside what came"
    )


class _Forecast(BaseModel):
    step: Step = Field(description="time from one row to the next")
    history: list[HistoryRow] | None = Field(
        default=None,
        description="the last known rows, as many as `historySteps` asks for and are kept",
    )
    predictions: list[Prediction] = Field(description="one for each step")
    validation: ForecastValidation = Field(description="Little's Law and feasibility")
    little_law_analysis: LittleLawAnalysis = Field(description="Little's Law by step")
    target: TargetReached | None = Field(
        default=None, description="when `targetProduction` is reached; null: none was given"
    )
    totals: Totals | None = Field(
        default=None, description="units finished in total; null: no errors were measured"
    )
    paths: SamplePaths | None = Field(default=None, description="as many as `paths` asks for")
    plan: PlanUsed | None = Field(
        default=None, description="what is known ahead and was used; null: nothing is known"
    )
    cold_start: bool = Field(description="the model was not trained on this series")
    raw: bool = Field(description="true: not reconciled by Little's Law")


class PredictReply(_Forecast, Reply):
    """A forecast, step by step."""

    model_id: str = Field(description="the model that made it")
    as_of: str = Field(description="date of the last row that it starts from")
    usual_capacity: float | None = Field(
        default=None,
        description="median of the past capacities of the data, in their unit; null: it has none",
    )


class BatchForecast(_Forecast, Part):
    """The forecast of an item."""

    item: int = Field(description="place of the item in the request, from 0")
    plant: str = Field(description="name of the plant")
    application: str = Field(description="name of the application")
    panel_size: str = Field(description="name of the panel size")


class BatchRefusal(Part):
    """Why there is no forecast of an item."""

    item: int = Field(description="place of the item in the request, from 0")
    error: str = Field(description="one readable sentence")
    details: list[ErrorDetail] = Field(description="one for each broken rule")


class BatchReply(Reply):
    """Forecasts of many series."""

    model_id: str = Field(description="the model that made them")
    forecasts: int = Field(description="items that were forecast, at least one")
    refused: int = Field(description="items that were not")
    results: list[BatchForecast | BatchRefusal] = Field(
        description="an entry for each item, in the order of the request"
    )


@with_config(DOCUMENT)
class ExpectedValues(TypedDict, total=False):
    """Values by Little's Law."""

    wip: Annotated[float, Field(description="throughput × cycle time, in units")]
    actual_wip: Annotated[float, Field(description="the WIP given, in units")]
    throughput: Annotated[float, Field(description="WIP ÷ cycle time, in units per period")]
    cycle_time: Annotated[float, Field(description="WIP ÷ throughput, in periods")]


class Deviations(Part):
    """Deviation of WIP from throughput × cycle time."""

    absolute: float = Field(description="in units")
    percentage: float = Field(description="in percent of the larger")


@with_config(DOCUMENT)
class LineState(TypedDict, total=False):
    """A state of a line; the value that was not given is computed."""

    wip: Annotated[float, Field(description="in units")]
    throughput: Annotated[float, Field(description="in units per period")]
    cycle_time: Annotated[float, Field(description="in periods")]


@with_config(DOCUMENT)
class CapacityUse(TypedDict, total=False):
    """Throughput against capacity."""

    capacity: Annotated[float, Field(description="in units per period")]
    utilization: Annotated[float, Field(description="throughput ÷ capacity")]


@with_config(DOCUMENT)
class ClearingTime(TypedDict, total=False):
    """Time to finish the units in process."""

    periods_to_clear_wip: Annotated[float, Field(description="WIP ÷ throughput, in periods")]
    horizon_days: Annotated[float, Field(description="the horizon given, in periods")]


@with_config(DOCUMENT)
class ProductionTimeline(TypedDict, total=False):
    """Time to produce `targetProduction` units."""

    target_production: Annotated[float, Field(description="in units")]
    current_throughput: Annotated[float, Field(description="in units per period")]
    days_required: Annotated[float, Field(description="target ÷ throughput, in periods")]


@with_config(DOCUMENT)
class StateAnalysis(TypedDict, total=False):
    """Figures of a state; those whose fields the request has not are left out."""

    state: Annotated[LineState, Field(description="the state, completed")]
    capacity: Annotated[CapacityUse, Field(description="throughput against capacity")]
    clearing: Annotated[ClearingTime, Field(description="time to finish what is in process")]
    production_timeline: Annotated[ProductionTimeline, Field(description="time to the target")]


class Validation(Part):
    """A state of a line against Little's Law."""

    is_valid: bool = Field(description="whether WIP deviates by at most 20 %")
    compliance_score: float = Field(description="1 − deviation, from 0 to 1")
    expected_values: ExpectedValues = Field(
        description="`wip` and `actual_wip` if all three are given, else the one computed"
    )
    deviations: Deviations = Field(description="how far WIP is from throughput × cycle time")
    recommendations: list[str] = Field(description="what would help, as sentences with numbers")
    warnings: list[str] = Field(description="what does not fit, as sentences")
    analysis: StateAnalysis = Field(description="the figures behind the sentences")
    overall_score: float = Field(
        description="compliance × max(0.3, 1 − 0.1 × warnings), halved if not valid"
    )


class ValidateReply(Reply):
    """The check of a state."""

    validation: Validation = Field(description="what was found")
