"""Replies about data sets and their quality."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from utils.api.replies.base import DOCUMENT, CreatedAt, ErrorDetail, Part, Reply, Step, Target
from utils.api.replies.reading import ReadAs


class DateRange(Part):
    """First and last date of some data."""

    start: str = Field(description="first date, YYYY-MM-DD")
    end: str = Field(description="last date, YYYY-MM-DD")


class DataSummary(Part):
    """Size, names and dates of a data set."""

    total_points: int = Field(description="rows of all series together")
    plants: list[str] = Field(description="names of the plants")
    applications: list[str] = Field(description="names of the applications")
    panel_sizes: list[str] = Field(description="names of the panel sizes")
    series: int = Field(description="number of series (plant × application × panel size)")
    step: Step = Field(description="time from one row of a series to the next")
    date_range: DateRange = Field(description="first and last date of all series")


class DataRow(Part):
    """One step of one series. A null is not known."""

    day: int = Field(description="number of the step, from 0 at the start of the data")
    date: str = Field(description="date of the step, YYYY-MM-DD")
    plant: str = Field(description="name of the plant")
    application: str = Field(description="name of the application")
    panel_size: str = Field(description="name of the panel size")
    wip: float = Field(description="work in process at the end of the step, in units")
    throughput: float = Field(description="units finished in the step")
    cycle_time: float | None = Field(
        description="mean time in process of the units finished, in steps; null: none finished"
    )
    finished_goods: float | None = Field(default=None, description="finished units in stock")
    semi_finished_goods: float | None = Field(
        default=None, description="semi-finished units in stock"
    )
    releases: float | None = Field(
        default=None, description="units released into the line in the step"
    )
    littles_law_compliance: float | None = Field(
        default=None, description="1 − |WIP − throughput × cycle time| ÷ the larger, from 0 to 1"
    )


class StoredRow(DataRow):
    """One step of one series of a stored data set. That of an event log has more columns."""

    # Columns that the upload declared as known.
    model_config = ConfigDict(
        extra="allow", protected_namespaces=(), allow_inf_nan=False, defer_build=True
    )

    wip_mean: float | None = Field(default=None, description="time average of WIP over the step")
    cycle_time_p50: float | None = Field(
        default=None, description="50 % of what left took at most this, in steps"
    )
    cycle_time_p80: float | None = Field(default=None, description="80 % took at most this")
    cycle_time_p85: float | None = Field(default=None, description="85 % took at most this")
    cycle_time_p95: float | None = Field(default=None, description="95 % took at most this")
    age_mean: float | None = Field(
        default=None, description="mean age of what is in process, in steps"
    )
    age_oldest: float | None = Field(
        default=None, description="age of the oldest unit in process, in steps"
    )
    planned_releases: float | None = Field(
        default=None, description="units that were planned to be released"
    )
    capacity: float | None = Field(
        default=None, description="share of the usual capacity, or units that could be finished"
    )
    planned_throughput: float | None = Field(
        default=None, description="units that were planned to be finished"
    )


@with_config(DOCUMENT)
class CountByTarget(TypedDict, total=False):
    """Numbers of values by column."""

    wip: Annotated[int, Field(description="of WIP")]
    throughput: Annotated[int, Field(description="of throughput")]
    cycle_time: Annotated[int, Field(description="of cycle time")]


@with_config(DOCUMENT)
class GapPlace(TypedDict, total=False):
    """Missing steps of one series."""

    series: Annotated[str, Field(description="plant / application / panel size")]
    after: Annotated[str, Field(description="last date before the gap")]
    before: Annotated[str, Field(description="first date after the gap")]
    steps: Annotated[int, Field(description="number of missing steps")]


@with_config(DOCUMENT)
class Gaps(TypedDict, total=False):
    """Missing steps, which were interpolated."""

    steps: Annotated[int, Field(description="missing steps of all series together")]
    places: Annotated[list[GapPlace], Field(description="the first of them")]


@with_config(DOCUMENT)
class PlantCalendar(TypedDict, total=False):
    """The days on which a plant works."""

    weekdays: Annotated[list[int], Field(description="worked every week, 1 (Monday) to 7 (Sunday)")]
    every_second_week: Annotated[
        list[str], Field(description="a worked date of each weekday worked every second week")
    ]
    country: Annotated[str | None, Field(description="whose public holidays are closed")]
    subdivision: Annotated[str | None, Field(description="part of that country")]
    closed: Annotated[list[str], Field(description="closed dates and spans, both ends included")]
    open: Annotated[list[str], Field(description="dates worked whatever else holds")]


@with_config(DOCUMENT)
class LawFigures(TypedDict, total=False):
    """Little's Law over windows of the data."""

    window_steps: Annotated[int, Field(description="steps of a window")]
    windows: Annotated[int, Field(description="number of windows")]
    median_compliance: Annotated[
        float | None, Field(description="median over the windows, from 0 to 1; null: no window")
    ]
    share_within_tolerance: Annotated[
        float | None, Field(description="share of windows that deviate by at most 20 %")
    ]
    verdicts: Annotated[dict[str, int], Field(description="number of series by verdict")]


@with_config(DOCUMENT)
class EventCycleTime(TypedDict, total=False):
    """Cycle times of the units of a log that have left."""

    unit: Annotated[str, Field(description="unit of the cycle times: the step of the series")]
    mean: Annotated[
        float | None, Field(description="mean, weighted by pieces; null: none has left")
    ]
    p50: Annotated[
        float | None, Field(description="cycle time that 50 % of the units do not exceed")
    ]
    p80: Annotated[
        float | None, Field(description="cycle time that 80 % of the units do not exceed")
    ]
    p85: Annotated[
        float | None, Field(description="cycle time that 85 % of the units do not exceed")
    ]
    p95: Annotated[
        float | None, Field(description="cycle time that 95 % of the units do not exceed")
    ]


@with_config(DOCUMENT)
class EventIdentity(TypedDict, total=False):
    """Little's Law over all steps of a log, counted exactly."""

    unit: Annotated[str, Field(description="of the figures: units × steps")]
    wip_integral: Annotated[float, Field(description="∫ WIP dt, from the series")]
    time_in_system_of_arrivals: Annotated[
        float,
        Field(description="from the units: of those that came, until they left or the log ends"),
    ]
    carry_in: Annotated[
        float, Field(description="time in it of units that were in process at its begin")
    ]
    overhang: Annotated[float, Field(description="time after its end of units in process there")]
    difference: Annotated[
        float,
        Field(description="∫ WIP dt − (time in system of arrivals + carry-in − overhang)"),
    ]
    holds: Annotated[bool, Field(description="true: the difference is at most 1e-9 of ∫ WIP dt")]


@with_config(DOCUMENT)
class EventLogAbout(TypedDict, total=False):
    """An event log: how it was read, and its units."""

    kind: Annotated[str, Field(description="`units`, `steps of units` or `changes of state`")]
    columns: Annotated[
        dict[str, str], Field(description="names of the columns that were read, by meaning")
    ]
    date_order: Annotated[
        str | None, Field(description="taken for dates such as 3/4/2024; null: none such")
    ]
    units: Annotated[int, Field(description="number of units, also of those outside the span")]
    units_left: Annotated[int, Field(description="units that have left before the end")]
    units_in_process: Annotated[int, Field(description="units in process at the end")]
    steps: Annotated[list[str], Field(description="names of the steps or states")]
    finish_steps: Annotated[
        list[str], Field(description="steps or states with which a unit has left")
    ]
    waiting_states: Annotated[
        list[str], Field(description="states in which a unit has not come yet")
    ]
    span: Annotated[DateRange, Field(description="first and last time that the log covers")]
    complete_from: Annotated[
        str,
        Field(
            description="first date at which WIP is right even if units that came before the log "
            "began were left out"
        ),
    ]
    cycle_time: Annotated[EventCycleTime, Field(description="of the units that have left")]
    littles_law: Annotated[EventIdentity, Field(description="Little's Law, exactly")]
    notes: Annotated[list[str], Field(description="what was assumed, as sentences")]


@with_config(DOCUMENT)
class UploadQuality(TypedDict, total=False):
    """Findings in an uploaded table, and the repairs that were made."""

    rows_received: Annotated[int, Field(description="rows of the table")]
    duplicates: Annotated[
        int, Field(description="rows replaced by a later row of the same series and date")
    ]
    blanks: Annotated[CountByTarget, Field(description="empty values by column")]
    negatives: Annotated[CountByTarget, Field(description="negative values, taken as empty")]
    ignored_columns: Annotated[list[str], Field(description="columns that were not read")]
    planned_steps: Annotated[
        int, Field(description="rows after the last actual one of their series: the plan")
    ]
    gaps: Annotated[Gaps, Field(description="missing steps")]
    interpolated_values: Annotated[int, Field(description="values of WIP and throughput filled")]
    empty_series: Annotated[list[str], Field(description="series left out: no row was usable")]
    littles_law: Annotated[LawFigures, Field(description="Little's Law over windows")]
    event_log: Annotated[EventLogAbout, Field(description="of an event log: its units")]


@with_config(DOCUMENT)
class GeneratorParameters(TypedDict, total=False):
    """The parameters that synthetic data was generated with."""

    plants: Annotated[list[str], Field(description="names of the plants")]
    applications: Annotated[list[str], Field(description="names of the applications")]
    panel_sizes: Annotated[list[str], Field(description="names of the panel sizes")]
    days: Annotated[int, Field(description="days of each series")]
    base_wip: Annotated[float, Field(description="mean WIP of a series of size one, in units")]
    base_throughput: Annotated[float, Field(description="mean throughput of such, units a day")]
    seasonality: Annotated[float, Field(description="strength of the seasons, from 0 to 1")]
    noise: Annotated[float, Field(description="strength of the noise, from 0 to 1")]
    seed: Annotated[int, Field(description="seed of the random numbers")]
    breakdowns: Annotated[
        dict[str, float], Field(description="of the lines: per_year, mean_days and capacity left")
    ]


class GenerateReply(Reply):
    """A generated data set."""

    dataset_id: str = Field(description="id of the data set, which is stored")
    data_points: int = Field(description="number of rows")
    data: list[DataRow] = Field(description="the first 100 rows")
    summary: DataSummary = Field(description="size, names and dates")
    seed: int = Field(description="the seed that makes the same data again")


class UploadReply(Reply):
    """An uploaded data set."""

    dataset_id: str = Field(description="id of the data set, which is stored")
    data_points: int = Field(description="number of rows, with those that fill gaps")
    summary: DataSummary = Field(description="size, names and dates")
    quality: UploadQuality = Field(description="what was found and repaired")
    read_as: ReadAs | None = Field(
        default=None, description="how the table was read; null: stored by an earlier release"
    )
    calendars: dict[str, PlantCalendar] = Field(
        description="days on which each plant works, as given or recognised; a series that differs "
        "from its plant is named, too"
    )


class CalendarsReply(Reply):
    """The working calendars of a data set."""

    dataset_id: str = Field(description="id of the data set")
    calendars: dict[str, PlantCalendar] = Field(
        description="days on which each plant works; a series that differs from its plant is "
        "named, too"
    )


class RowsReply(UploadReply):
    """A data set with rows that were added or corrected."""

    version: int = Field(description="version of the data set: one more for each change")
    as_of: str = Field(description="last date of the data")
    added: int = Field(description="rows of dates, or units, that were not stored yet")
    replaced: int = Field(description="rows that took the place of stored ones")
    completed: int = Field(description="rows that filled blanks, or finished units in process")
    unchanged: int = Field(description="rows that were stored already")


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


class DatasetInfo(Part):
    """A stored data set in the list."""

    dataset_id: str = Field(description="id of the data set")
    created_at: CreatedAt = Field(description="when it was stored, ISO 8601 in UTC")
    source: str = Field(description="`generated`, `uploaded`, or what else made it")
    data_points: int = Field(description="number of rows")
    summary: DataSummary = Field(description="size, names and dates")
    quality: UploadQuality | None = Field(default=None, description="null: it was not uploaded")
    parameters: GeneratorParameters | None = Field(
        default=None, description="null: it was not generated"
    )
    version: int = Field(default=1, description="one more for each change of its rows")
    as_of: str | None = Field(
        default=None, description="last date of the data; null: stored by an earlier release"
    )


class DamagedDataset(Part):
    """A stored data set that cannot be used as it is."""

    dataset_id: str = Field(description="id of the data set")
    error: str = Field(description="what is wrong with its files")


class DatasetsReply(Reply):
    """The stored data sets."""

    datasets: list[DatasetInfo] = Field(description="newest first, or as `sort` says")
    damaged: list[DamagedDataset] = Field(description="those of this page that cannot be used")
    total: int = Field(description="number of data sets on all pages")
    next_cursor: str | None = Field(description="`cursor` of the next page; null: there is none")


class ListedSeries(Part):
    """A series of a data set in short."""

    plant: str = Field(description="name of the plant")
    application: str = Field(description="name of the application")
    panel_size: str = Field(description="name of the panel size")
    steps: int = Field(description="rows of the series")
    first_date: str = Field(description="date of its first row")
    last_date: str = Field(description="date of its last row")
    mean_wip: float | None = Field(description="in units; null: not known")
    mean_throughput: float | None = Field(description="in units per step; null: not known")


class DatasetSeriesReply(Reply):
    """The series of a data set."""

    step: Step = Field(description="time from one row to the next")
    series: list[ListedSeries] = Field(description="in the order of the data set")
    total: int = Field(description="number of series on all pages")
    next_cursor: str | None = Field(description="`cursor` of the next page; null: there is none")


@with_config(DOCUMENT)
class DatasetChange(TypedDict, total=False):
    """A change of the rows of a data set."""

    version: Annotated[int, Field(description="version that it made")]
    at: Annotated[str, Field(description="when, ISO 8601 in UTC")]
    added: Annotated[int, Field(description="rows that were not stored yet")]
    replaced: Annotated[int, Field(description="rows that took the place of stored ones")]
    completed: Annotated[int, Field(description="rows that filled blanks or finished units")]
    unchanged: Annotated[int, Field(description="rows that were stored already")]


class DatasetReply(DatasetInfo, Reply):
    """A data set with all of its rows."""

    changes: list[DatasetChange] = Field(default=[], description="of its rows, oldest first")

    calendars: dict[str, PlantCalendar] | None = Field(
        default=None, description="days on which the plants work that close on some days"
    )
    data: list[StoredRow] = Field(description="all rows, series by series, oldest first")
