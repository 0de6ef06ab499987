"""Parts of replies about how a table was read."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Annotated

from pydantic import Field, with_config
from typing_extensions import TypedDict

from utils.api.replies.base import DOCUMENT


@with_config(DOCUMENT)
class DatesRead(TypedDict, total=False):
    """The form of the dates of a table."""

    form: Annotated[str, Field(description="`y-m-d`, `d/m/y`, `ISO week`, …")]
    has_offset: Annotated[
        bool, Field(description="times have an offset from UTC: dates are local, as written")
    ]


@with_config(DOCUMENT)
class SkippedRows(TypedDict, total=False):
    """Rows of a file that are no rows of the table; numbers from 1, the first 20 of each kind."""

    blank: Annotated[int, Field(description="number of blank rows")]
    total: Annotated[list[int], Field(description="rows of totals or means")]
    names: Annotated[list[int], Field(description="rows that repeat the names of the columns")]
    ruler: Annotated[list[int], Field(description="lines of dashes under the names")]
    remark: Annotated[list[int], Field(description="rows with a remark only")]


@with_config(DOCUMENT)
class SeveralRows(TypedDict, total=False):
    """Several rows of one series and date."""

    taken_as: Annotated[
        str,
        Field(description="`times` of a day, `lines` side by side, `last` counts, or `identical`"),
    ]
    rows: Annotated[int, Field(description="rows more than series and dates")]
    rows_a_date: Annotated[list[int], Field(description="fewest and most rows of a date")]
    throughput: Annotated[str, Field(description="`sum` of the rows of a date")]
    wip: Annotated[str, Field(description="`mean` or `sum` of the rows of a date")]


@with_config(DOCUMENT)
class UnitConverted(TypedDict, total=False):
    """The unit that a column was converted from."""

    unit: Annotated[str, Field(description="as the request or the header states it")]
    factor: Annotated[float, Field(description="by which the numbers were multiplied")]


@with_config(DOCUMENT)
class SimilarNames(TypedDict, total=False):
    """Names that look alike, and are different series."""

    field: Annotated[str, Field(description="plant, application or panel_size")]
    names: Annotated[list[str], Field(description="the names as they are")]


@with_config(DOCUMENT)
class ReadAs(TypedDict, total=False):
    """Everything that was stated, recognised or assumed to read a table."""

    format: Annotated[str, Field(description="`csv`, `xlsx`, `xls`, `ods`, `json`, `parquet`, …")]
    encoding: Annotated[str, Field(description="of a text file")]
    separator: Annotated[str, Field(description="between the fields of a CSV file")]
    sheet: Annotated[str, Field(description="of a spreadsheet")]
    hidden_rows: Annotated[
        int, Field(description="rows that the sheet hides, by a filter say; they are read")
    ]
    hidden_columns: Annotated[
        list[str], Field(description="known columns that the sheet hides; they are read")
    ]
    merged_cells: Annotated[
        int,
        Field(description="cells of a spreadsheet that got the name or date they are merged with"),
    ]
    dates_since: Annotated[
        str, Field(description="first day of dates that are numbers of days, and of 1904 sheets")
    ]
    header_row: Annotated[int, Field(description="line that names the columns, from 1")]
    rows: Annotated[int, Field(description="rows below the names")]
    columns: Annotated[
        dict[str, str | list[str]], Field(description="names of the table's columns by meaning")
    ]
    filled: Annotated[
        dict[str, str], Field(description="columns that the table lacks, and the name in every row")
    ]
    filled_down: Annotated[
        dict[str, int], Field(description="blanks by column that got the value above them")
    ]
    number_format: Annotated[
        str | dict[str, str], Field(description="`1,234.5` or `1.234,5`; by column if they differ")
    ]
    dates: Annotated[DatesRead, Field(description="the form of the dates")]
    step: Annotated[str, Field(description="`hour`, `shift`, `day`, `week` or `month`")]
    shift_names: Annotated[
        dict[str, str],
        Field(description="of a column of shifts: the time at which each shift begins, by name"),
    ]
    cell_units: Annotated[
        dict[str, str],
        Field(description="units in the cells by column, as written, or `durations`"),
    ]
    units: Annotated[
        dict[str, UnitConverted], Field(description="columns that were converted to steps")
    ]
    skipped_rows: Annotated[SkippedRows, Field(description="rows that are no rows of the table")]
    error_cells: Annotated[
        dict[str, int], Field(description="cells with an error (#DIV/0!) by column, read as blank")
    ]
    several_rows: Annotated[SeveralRows, Field(description="several rows of a series and date")]
    similar_names: Annotated[list[SimilarNames], Field(description="names that look alike")]
    warnings: Annotated[list[str], Field(description="what to look at, as sentences")]
