"""Replies about the quality of data."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from utils.api.replies.base import ErrorDetail, Part, Reply, Target
from utils.api.replies.data import DataSummary, PlantCalendar


class LawWindow(Part):
    """A window of a series that breaks Little's Law."""

    start: str = Field(description="first date of the window")
    end: str = Field(description="last date of the window")
    deviation: float = Field(description="share by which ΣWIP differs; > 0: WIP is too high")
    allowance: float = Field(description="share that the edges of the window can explain")


class LawVerdict(Part):
    """Little's Law of a series; shares of the larger of ΣWIP and Σ throughput × cycle time."""

    verdict: Literal["pass", "inconclusive", "fail"] = Field(
        description="`fail`: a window deviates by more than its edges allow; `pass`: none does, "
        "and no deviation above 20 % can have been missed; else `inconclusive`"
    )
    windows: int = Field(description="windows tested; 0: too few cycle times are known")
    windows_failed: int = Field(description="windows that deviate by more than their edges allow")
    deviation: float | None = Field(description="over the longest window; > 0: WIP is too high")
    allowance: float | None = Field(description="share that that window's edges can explain")
    detectable: float | None = Field(description="the largest deviation that may have been missed")
    known_cycle_times: int = Field(description="steps whose cycle time is known")
    worst_window: LawWindow | None = Field(description="the worst that fails; null: none fails")


class StabilityVerdict(Part):
    """The trend of the WIP of a series."""

    verdict: Literal["stable", "growing", "shrinking", "inconclusive"] = Field(
        description="`growing`, `shrinking`: by a quarter of the mean and more than chance"
    )
    slope_per_step: float | None = Field(description="trend of WIP, in units per step")
    standard_error: float | None = Field(description="of the slope, in units per step")
    change: float | None = Field(description="over all of the data, as a share of the mean WIP")
    margin: float | None = Field(description="of the change, with 95 % confidence")
    inflow_per_step: float | None = Field(description="mean releases, in units; null: not known")
    outflow_per_step: float = Field(description="mean throughput, in units per step")


class Outlier(Part):
    """A value far from its neighbours and its weekday."""

    date: str = Field(description="date of the value")
    target: Target = Field(description="its column")
    value: float = Field(description="the value, in the unit of its column")
    expected_range: Annotated[list[float], Field(min_length=2, max_length=2)] = Field(
        description="lowest and highest value that would not be an outlier"
    )


class SeriesQuality(Part):
    """The quality of one series."""

    plant: str = Field(description="name of the plant")
    application: str = Field(description="name of the application")
    panel_size: str = Field(description="name of the panel size")
    steps: int = Field(description="rows of the series")
    littles_law: LawVerdict = Field(description="Little's Law over windows")
    stability: StabilityVerdict = Field(description="the trend of WIP")
    outliers: list[Outlier] = Field(description="the strongest, at most 10")
    outlier_count: int = Field(description="number of all outliers")


class QualitySummary(Part):
    """The quality of all series together, also of those that are not listed."""

    series: int = Field(description="number of series")
    series_listed: int = Field(description="at most 1,000: those that need attention first")
    littles_law: dict[Literal["pass", "inconclusive", "fail"], int] = Field(
        description="number of series by verdict"
    )
    stability: dict[Literal["stable", "growing", "shrinking", "inconclusive"], int] = Field(
        description="number of series by verdict"
    )
    outliers: int = Field(description="number of outliers in all series")
    recommendations: list[str] = Field(description="what to look at first, as sentences")


class Unmendable(Part):
    """Why an upload of this data would be refused. Of each series the longest stretch is used."""

    error: str = Field(description="the sentence of the refusal")
    details: list[ErrorDetail] = Field(description="one for each gap that is too long")


class QualityReport(BaseModel):
    """The figures of an upload (`rows_received`, `gaps`, …), and the quality of each series."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, defer_build=True)

    summary: QualitySummary = Field(description="all series together")
    series: list[SeriesQuality] = Field(description="each series, those that need attention first")
    unmendable: Unmendable | None = Field(
        default=None, description="why an upload would be refused; null: it would not"
    )


class DataQualityReply(Reply):
    """The quality of some data. Nothing was stored."""

    data_points: int = Field(description="number of rows, with those that fill gaps")
    summary: DataSummary = Field(description="size, names and dates")
    calendars: dict[str, PlantCalendar] = Field(
        description="days on which each plant works, as given or recognised"
    )
    quality: QualityReport = Field(description="what was found")
