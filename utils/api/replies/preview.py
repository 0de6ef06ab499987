"""The reply with the preview of a table."""

from typing import Literal

from pydantic import Field

from utils.api.replies.base import Part, Reply
from utils.api.replies.data import DataSummary
from utils.api.replies.reading import ReadAs

Cell = str | bool | int | float | None


class PreviewColumn(Part):
    """A column as it is in the file."""

    name: str = Field(description="as it is written")
    meaning: str | None = Field(description="the column that is recognised; null: none")
    unit: str | None = Field(description="unit in the name; null: none")


class PreviewProblem(Part):
    """A reason why an upload would be refused."""

    row: int | None = Field(description="row below the names, from 1; null: not of one row")
    field: str | None = Field(description="the column, or the field that chooses")
    message: str = Field(description="the rule that is broken")
    received: Cell = Field(default=None, description="the value; null: there is none")
    choices: list[str] = Field(
        default=[], description="names of the sheets to choose from; []: of another field"
    )


class PreviewRow(Part):
    """A row as it is understood."""

    date: str = Field(
        description="date of the step, YYYY-MM-DD; of an hour or a shift YYYY-MM-DDThh:mm"
    )
    plant: str = Field(description="name of the plant")
    application: str = Field(description="name of the application")
    panel_size: str = Field(description="name of the panel size")
    wip: float | None = Field(description="work in process; null: blank")
    throughput: float | None = Field(description="units finished in the step; null: blank")
    cycle_time: float | None = Field(default=None, description="time in process, in steps")
    finished_goods: float | None = Field(default=None, description="finished units in stock")
    semi_finished_goods: float | None = Field(
        default=None, description="semi-finished units in stock"
    )
    releases: float | None = Field(default=None, description="units released in the step")


class PreviewReply(Reply):
    """The reading of a table. Nothing was stored."""

    is_readable: bool = Field(description="true: an upload would take the table as shown")
    kind: Literal["table", "event log"] | None = Field(
        description="kind of the table; null: it could not be read"
    )
    columns: list[PreviewColumn] = Field(description="the columns of the file")
    cells: list[list[Cell]] = Field(description="the first 20 rows as they are in the file")
    rows: list[PreviewRow] = Field(description="the first 20 rows as they are understood")
    read_as: ReadAs | None = Field(description="what was stated, recognised and assumed")
    problems: list[PreviewProblem] = Field(description="why an upload would be refused")
    summary: DataSummary | None = Field(description="size, names and dates; null: not readable")
