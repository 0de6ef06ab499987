"""The reply of a backtest."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Literal

from pydantic import Field

from utils.api.replies import Part, Reply

Target = Literal["wip", "throughput", "cycle_time"]
Seen = Literal["training", "judged", "calibration", "new", "unknown"]


class Errors(Part):
    """Errors of a forecast. A null cannot be told: there is no truth, or it is all zero."""

    wape: float | None = Field(description="Σ|error| ÷ Σ|truth|")
    mase: float | None = Field(
        description="mean of |error| ÷ what the seasonal naive errs in the series' training span"
    )


class Figures(Errors):
    """How good forecasts are. Widths and Winkler scores are relative to the mean truth."""

    count: int = Field(description="known truths")
    bias: float | None = Field(description="Σ(forecast − truth) ÷ Σ|truth|; > 0: too high")
    coverage_80: float | None = Field(description="share of truths within the 80 % interval")
    coverage_95: float | None
    width_80: float | None
    width_95: float | None
    winkler_80: float | None = Field(description="width and, × 10, what it is missed by")
    winkler_95: float | None = Field(description="width and, × 40, what it is missed by")
    last_value: Errors
    seasonal_naive: Errors
    skill_over_last_value: float | None = Field(description="share of its error that is saved")
    skill_over_seasonal_naive: float | None


class HorizonFigures(Part):
    """How good forecasts so many steps ahead are."""

    step: int
    count: int
    wape: float | None
    mase: float | None
    bias: float | None
    coverage_80: float | None
    coverage_95: float | None
    last_value_wape: float | None
    seasonal_naive_wape: float | None


class TargetFigures(Part):
    """How good the forecasts of one target are."""

    overall: Figures
    by_horizon: list[HorizonFigures]


class Origin(Part):
    """The last date that forecasts knew, and how many series were forecast from it."""

    date: str
    part: Seen = Field(description="where the step after it lies")
    series: int


class PartFigures(Part):
    """Figures of the origins in one part of the data."""

    meaning: str = Field(description="what the model has seen of it")
    origins: int
    per_target: dict[Target, Figures]


class Reliability(Part):
    """Of forecasts of about the same confidence, the share that landed within 20 %."""

    stated: float
    landed: float
    count: int


class Wapes(Part):
    """WAPEs of one target of a series."""

    wape: float | None
    last_value_wape: float | None
    seasonal_naive_wape: float | None


class SeriesName(Part):
    """The names of a series."""

    plant: str
    application: str
    panel_size: str


class SeriesFigures(SeriesName):
    """How one series is forecast."""

    cold_start: bool = Field(description="the model was not trained on this series")
    origins: int
    per_target: dict[Target, Wapes]


class Path(Part):
    """A forecast from one origin; without bounds where the model states none."""

    forecast: list[float]
    last_value: float
    lo80: list[float] | None = None
    hi80: list[float] | None = None
    lo95: list[float] | None = None
    hi95: list[float] | None = None


class PlottedForecast(Part):
    """Forecasts from the origin, the last date known."""

    origin: str
    dates: list[str]
    per_target: dict[Target, Path]


class PlottedSeries(SeriesName):
    """What the picture shows of a series."""

    dates: list[str]
    actual: dict[Target, list[float | None]]
    forecasts: list[PlottedForecast]


class BacktestReply(Reply):
    """Forecasts of a model from past origins, judged by what came, beside naive ones."""

    job_id: str
    model_id: str
    dataset_id: str
    created_at: str
    seconds: float
    step: Literal["day", "week", "month"]
    season: int
    horizon: int
    origins: list[Origin]
    parts: dict[Seen, PartFigures]
    per_target: dict[Target, TargetFigures]
    confidence: list[Reliability] = Field(description="[]: the model states none")
    series_count: int
    series: list[SeriesFigures] = Field(description="at most 1,000: the worst WIP forecasts first")
    plot: list[PlottedSeries] = Field(description="the three series that put out most, at most")
    warnings: list[str]
