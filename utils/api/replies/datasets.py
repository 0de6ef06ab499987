"""Replies about stored data sets."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Annotated

from pydantic import Field, with_config
from typing_extensions import TypedDict

from utils.api.replies.base import DOCUMENT, CreatedAt, Part, Reply, Step
from utils.api.replies.data import DataSummary, PlantCalendar, StoredRow
from utils.api.replies.upload_quality import UploadQuality


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
