"""The reply of a backtest."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Literal

from pydantic import Field

from utils.api.replies.base import Part, Reply, Step, Target

Seen = Literal["training", "judged", "calibration", "new", "unknown"]


class Errors(Part):
    """Errors of a forecast. A null cannot be computed: there is no truth, or it is all zero."""

    wape: float | None = Field(description="Σ|error| ÷ Σ|truth|")
    mase: float | None = Field(
        description="mean of |error| ÷ the error of the seasonal naive in the training span"
    )


class Figures(Errors):
    """Quality of forecasts. Widths and Winkler scores are relative to the mean truth."""

    count: int = Field(description="known truths")
    bias: float | None = Field(description="Σ(forecast − truth) ÷ Σ|truth|; > 0: too high")
    coverage_80: float | None = Field(description="share of truths within the 80 % interval")
    coverage_95: float | None = Field(description="share of truths within the 95 % interval")
    width_80: float | None = Field(description="mean width of the 80 % interval")
    width_95: float | None = Field(description="mean width of the 95 % interval")
    winkler_80: float | None = Field(description="width and, × 10, what it is missed by")
    winkler_95: float | None = Field(description="width and, × 40, what it is missed by")
    last_value: Errors = Field(description="errors of repeating the last value")
    seasonal_naive: Errors = Field(description="errors of repeating the last season")
    skill_over_last_value: float | None = Field(description="share of its error that is saved")
    skill_over_seasonal_naive: float | None = Field(description="share of its error that is saved")


class HorizonFigures(Part):
    """Quality of the forecasts a given number of steps ahead."""

    step: int = Field(description="steps ahead, from 1")
    count: int = Field(description="known truths")
    wape: float | None = Field(description="Σ|error| ÷ Σ|truth|")
    mase: float | None = Field(description="mean of |error| ÷ the seasonal naive's")
    bias: float | None = Field(description="Σ(forecast − truth) ÷ Σ|truth|")
    coverage_80: float | None = Field(description="share of truths within the 80 % interval")
    coverage_95: float | None = Field(description="share of truths within the 95 % interval")
    last_value_wape: float | None = Field(description="WAPE of repeating the last value")
    seasonal_naive_wape: float | None = Field(description="WAPE of repeating the last season")


class TargetFigures(Part):
    """Quality of the forecasts of one target."""

    overall: Figures = Field(description="over all horizons")
    by_horizon: list[HorizonFigures] = Field(description="one for each number of steps ahead")


class Origin(Part):
    """The last date that forecasts knew."""

    date: str = Field(description="the date, YYYY-MM-DD; of an hour or a shift YYYY-MM-DDThh:mm")
    part: Seen = Field(description="the part of the data that the step after it lies in")
    series: int = Field(description="number of series forecast from it")


class PartFigures(Part):
    """Figures of the origins in one part of the data."""

    meaning: str = Field(description="what the model has seen of it")
    origins: int = Field(description="number of origins")
    per_target: dict[Target, Figures] = Field(description="figures by target")


class Reliability(Part):
    """Forecasts of about the same confidence, and how many were within 20 % of the truth."""

    stated: float = Field(description="mean confidence")
    landed: float = Field(description="share within 20 % of the truth")
    count: int = Field(description="number of forecasts")


class Wapes(Part):
    """WAPEs of one target of a series."""

    wape: float | None = Field(description="of the model")
    last_value_wape: float | None = Field(description="of repeating the last value")
    seasonal_naive_wape: float | None = Field(description="of repeating the last season")


class SeriesName(Part):
    """The names of a series."""

    plant: str = Field(description="name of the plant")
    application: str = Field(description="name of the application")
    panel_size: str = Field(description="name of the panel size")


class SeriesFigures(SeriesName):
    """Quality of the forecasts of one series."""

    cold_start: bool = Field(description="the model was not trained on this series")
    origins: int = Field(description="number of origins")
    per_target: dict[Target, Wapes] = Field(description="errors by target")


class Path(Part):
    """A forecast from one origin; without bounds where the model states none."""

    forecast: list[float] = Field(description="one value for each step")
    last_value: float = Field(description="the value at the origin")
    lo80: list[float] | None = Field(default=None, description="lower end of the 80 % interval")
    hi80: list[float] | None = Field(default=None, description="upper end of the 80 % interval")
    lo95: list[float] | None = Field(default=None, description="lower end of the 95 % interval")
    hi95: list[float] | None = Field(default=None, description="upper end of the 95 % interval")


class PlottedForecast(Part):
    """Forecasts from one origin."""

    origin: str = Field(description="the last date known, YYYY-MM-DD, or YYYY-MM-DDThh:mm")
    dates: list[str] = Field(description="dates of the steps")
    per_target: dict[Target, Path] = Field(description="forecasts by target")


class PlottedSeries(SeriesName):
    """The lines that the picture shows of a series."""

    dates: list[str] = Field(description="dates of the actual values")
    actual: dict[Target, list[float | None]] = Field(description="actual values by target")
    forecasts: list[PlottedForecast] = Field(description="forecasts from several origins")


class BacktestReply(Reply):
    """Forecasts of a model from past origins, compared with the outcome and with naive ones."""

    job_id: str = Field(description="id of the backtest's job")
    model_id: str = Field(description="id of the model")
    dataset_id: str = Field(description="the data set that was forecast")
    created_at: str = Field(description="when it ended, ISO 8601 in UTC")
    seconds: float = Field(description="seconds that it took")
    step: Step = Field(description="time from one row to the next")
    season: int = Field(description="steps of a season")
    horizon: int = Field(description="steps of each forecast")
    origins: list[Origin] = Field(description="the origins, oldest first")
    parts: dict[Seen, PartFigures] = Field(description="figures by part of the data")
    per_target: dict[Target, TargetFigures] = Field(description="figures by target")
    confidence: list[Reliability] = Field(description="[]: the model states none")
    series_count: int = Field(description="number of series")
    series: list[SeriesFigures] = Field(description="at most 1,000: the worst WIP forecasts first")
    plot: list[PlottedSeries] = Field(description="at most three series, of the most throughput")
    warnings: list[str] = Field(description="series that were left out, and why")
