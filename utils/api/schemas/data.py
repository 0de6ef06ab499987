"""Requests about data sets and rows, and about the state of a line."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from utils.api.field_rules import ShownAs, exactly_one, two_of
from utils.api.paging import PageQuery
from utils.api.parsing import Int, Positive, Request
from utils.api.schemas.base import DATASET_ID, DatasetId, Row, Rows, example
from utils.api.schemas.calendar import Calendars
from utils.api.schemas.line_advice import LineFields
from utils.api.upload_options import ReadOptions


class DatasetsQuery(PageQuery):
    """The data sets to list; `q` looks in ids, sources and names of series."""

    sort: Literal["-created_at", "created_at", "-data_points", "data_points"] = Field(
        "-created_at", description="`-created_at`: newest first; `-data_points`: largest first"
    )


class SeriesQuery(PageQuery):
    """The series of a data set to list; `q` looks in their names."""

    sort: Literal["name"] = Field("name", description="in the order of the data set")


class DataRequest(ReadOptions):
    """Data to check: a stored data set or rows."""

    model_config = example(
        exactly_one("datasetId", "data", "trainingData", "rows"), datasetId=DATASET_ID
    )

    dataset_id: DatasetId | None = Field(None, description="id of a stored data set")
    data: Rows | None = Field(None, description="rows")
    training_data: Rows | None = Field(None, description="rows, by another name")
    rows: Rows | None = Field(None, description="rows, by another name")
    calendar: Calendars | None = Field(
        None,
        description="the working calendar of all plants, or calendars by plant; default: that of "
        "the data set, else as recognised in the rows",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        names = {name: to_camel(name) for name in ("dataset_id", "data", "training_data", "rows")}
        given = [alias for name, alias in names.items() if getattr(self, name) is not None]
        if len(given) != 1:
            one = "takes exactly one of datasetId, data, trainingData and rows"
            raise ValueError(f"{one}; given: {', '.join(given) or 'none'}")
        return self

    @property
    def posted(self) -> list[Row] | None:
        """The rows, under any of their names."""
        return self.data or self.training_data or self.rows


class ValidateRequest(Request):
    """A state of a line: at least two of WIP, throughput and cycle time."""

    model_config = example(
        two_of("wip", "throughput", "cycleTime"), wip=120, throughput=50, cycleTime=2
    )

    wip: Positive | None = Field(None, description="work in process, in units")
    throughput: Positive | None = Field(None, description="units finished per period")
    cycle_time: Positive | None = Field(None, description="mean time in process, in periods")
    target_production: Positive | None = Field(
        None, description="units to produce; the reply says how many periods they take"
    )
    capacity: Positive | None = Field(
        None, description="units that the line can finish per period; a throughput above warns"
    )
    horizon_days: Int = Field(
        30, ge=1, le=36_500, description="periods in which the target should be reached"
    )
    line: Annotated[dict[str, Any], ShownAs(LineFields)] | None = Field(
        None,
        description="line of a data set, from whose curve advice is taken, in worked steps; "
        "default: by Little's Law alone",
    )

    @model_validator(mode="after")
    def _two_of_three(self) -> Self:
        if [self.wip, self.throughput, self.cycle_time].count(None) > 1:
            raise ValueError("needs at least two of wip, throughput and cycleTime")
        return self
