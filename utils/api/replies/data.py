"""Replies to requests that store data, and the parts of data sets that several replies have."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Annotated

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from utils.api.replies.base import DOCUMENT, DateRange, Part, Reply, Step
from utils.api.replies.reading import ReadAs
from utils.api.replies.upload_quality import UploadQuality


class DataSummary(Part):
    """Size, names and dates of a data set."""

    total_points: int = Field(description="rows of all series together")
    plants: list[str] = Field(description="names of the plants")
    applications: list[str] = Field(description="names of the applications")
    panel_sizes: list[str] = Field(description="names of the panel sizes")
    series: int = Field(description="number of series (plant × application × panel size)")
    step: Step = Field(description="time from one row of a series to the next")
    shifts: list[str] | None = Field(
        default=None, description="of shifts: the times at which they begin, such as 06:00"
    )
    date_range: DateRange = Field(description="first and last date of all series")


class DataRow(Part):
    """One step of one series. A null is not known."""

    day: int = Field(description="number of the step, from 0 at the start of the data")
    date: str = Field(
        description="date of the step, YYYY-MM-DD; of an hour or a shift YYYY-MM-DDThh:mm"
    )
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
    closed_days: dict[str, list[str]] | None = Field(
        default=None,
        description="closed dates from `from` until `until`, public holidays too; null: none were "
        "asked for",
    )


class RowsReply(UploadReply):
    """A data set with rows that were added or corrected."""

    version: int = Field(description="version of the data set: one more for each change")
    as_of: str = Field(description="last date of the data")
    added: int = Field(description="rows of dates, or units, that were not stored yet")
    replaced: int = Field(description="rows that took the place of stored ones")
    completed: int = Field(description="rows that filled blanks, or finished units in process")
    unchanged: int = Field(description="rows that were stored already")
    rows_read_as: ReadAs = Field(
        description="how these rows were read; `read_as` is about the first ones"
    )
