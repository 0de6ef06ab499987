"""Sheets of spreadsheets (xlsx, xls, ods): the one with the table, its names and its cells.

Files are unpacked by a process of its own with little memory and time: a few bytes may stand for
billions of cells, and an allocation that fails there ends nothing else.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from models.data.reading import table_limits
from models.data.reading.column_mapping import NEEDED
from models.data.reading.column_names import canonical_name
from models.data.reading.raw_tables import RawColumn, RawTable
from utils.errors import BadRequest, Detail, InvalidInput, TooLarge, UnsupportedMedia

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ROOT = Path(__file__).resolve().parents[3]
_PARTS = {"xl/workbook.xml": "xlsx", "xl/workbook.bin": "xlsb", "content.xml": "ods"}
_MOST_PARTS = 10_000
_SECONDS = 120
_OUTPUT_LIMIT = 256_000_000  # bytes of the cells as JSON


class SheetChoice(InvalidInput):
    """The sheet has to be named.

    Attributes:
        sheets: names of those to choose from.
    """

    sheets: Sequence[str] = ()

    @classmethod
    def among(cls, sheets: Sequence[str], rule: str, received: str | None) -> SheetChoice:
        """Return the error of a choice among sheets."""
        error = cls(f"sheet: {rule}", [Detail("sheet", rule, received)])
        error.sheets = sheets
        return error


def is_spreadsheet(start: bytes) -> bool:
    """Return true if a file that begins so may be a spreadsheet."""
    return start.startswith((ZIP, OLE))


def read(
    path: Path, max_rows: int, max_bytes: int, sheet: str | None, names: Sequence[str] | None
) -> RawTable:
    """Read a sheet: the one that is named, or the one in which most columns are recognised.

    Args:
        max_bytes: of the file unpacked.
        names: names of columns that the request states, to be recognised as well; None: any word
            is a name.

    Raises:
        BadRequest: the file is broken.
        InvalidInput: there is no such sheet, or several fit.
        UnsupportedMedia: it is no spreadsheet, it is encrypted, or no sheet has known columns.
        TooLarge: it has more rows or columns than allowed, or unpacks to more bytes.
    """
    form = _form(path, max_bytes)
    found = _unpacked(path, sheet, names)
    table_limits.check_rows(found["rows"], max_rows)
    table_limits.check_columns(len(found["names"]))
    read_as: dict[str, Any] = {
        "format": form,
        "sheet": found["sheet"],
        "header_row": found["header_row"],
    }
    warnings = (
        [f"The sheets {', '.join(found['others'])} were not read; `sheet` names another one."]
        if found["others"]
        else []
    )

    def load(positions: Sequence[int]) -> list[RawColumn]:
        return [_column(found, place) for place in positions]

    hides = found["hides"]
    read_as |= {f"hidden_{what}": hides[what] for what in ("rows", "columns") if hides[what]}
    read_as |= {"error_cells": found["errors"]} if found["errors"] else {}
    read_as |= {"merged_cells": found["filled"]} if found["filled"] else {}
    read_as |= {"dates_since": "1904-01-01"} if found["since_1904"] else {}
    warnings += _hidden_warnings(found)
    _expect_values(found)
    warnings += [
        f"{count} cells of {name!r} hold formulas without values, and were read as blank: save the "
        "file in a spreadsheet program, which computes them."
        for name, count in found["formulas"].items()
    ]
    warnings += [
        f"{count} cells of {name!r} are merged with the one above them, and were read as blank: "
        "write the number of each row."
        for name, count in found["merged_numbers"].items()
    ]
    return RawTable(found["names"], found["rows"], load, read_as, warnings)


def _expect_values(found: dict[str, Any]) -> None:
    """Raise InvalidInput if a needed column holds formulas, and no value at all."""
    for name in found["formulas"]:
        column = found["columns"][found["names"].index(name)]
        if canonical_name(name) in NEEDED and not any(cell is not None for cell in column):
            rule = (
                "must have values: its cells hold formulas that were never computed. Save the file "
                "in a spreadsheet program, which computes them"
            )
            raise InvalidInput.of(name, rule)


def _hidden_warnings(found: dict[str, Any]) -> list[str]:
    """Sentences about what a spreadsheet program does not show, and is read all the same."""
    sheet, rows = repr(found["sheet"]), found["hides"]["rows"]
    named = [f"The sheet {sheet} is hidden"] if found["is_hidden"] else []
    named += [f"{rows:,} rows of the sheet {sheet} are hidden, by a filter say"] if rows else []
    named += [f"The column {name!r} is hidden" for name in found["hides"]["columns"]]
    return [
        f"{each}, and read all the same: what is not to count must be deleted." for each in named
    ]


def _column(found: dict[str, Any], place: int) -> RawColumn:
    name = found["names"][place]
    column = RawColumn.of(name, found["columns"][place])
    return replace(column, unit="days") if name in found["durations"] else column


def _form(path: Path, max_bytes: int) -> str:
    """The kind of a spreadsheet, after a look at the sizes that it states."""
    with path.open("rb") as file:
        if file.read(len(OLE)) == OLE:
            return "xls"
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BadRequest(f"The file is a broken archive: {error}") from error
    if len(parts) > _MOST_PARTS:
        raise TooLarge(f"A spreadsheet may have at most {_MOST_PARTS:,} parts.")
    table_limits.check_unpacked(sum(part.file_size for part in parts), max_bytes)
    form = next((_PARTS[part.filename] for part in parts if part.filename in _PARTS), None)
    if form is None:
        raise UnsupportedMedia(
            "The content is a zip archive that is no spreadsheet; send the table in it by itself."
        )
    return form


def _unpacked(path: Path, sheet: str | None, names: Sequence[str] | None) -> dict[str, Any]:
    """The chosen sheet, from the process that unpacks it."""
    request = orjson.dumps({"path": str(path.absolute()), "sheet": sheet, "names": names})
    try:
        done = subprocess.run(  # nosec B603 - the program is this one
            [sys.executable, "-m", "models.data.reading.spreadsheet_process"],
            input=request,
            cwd=_ROOT,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TooLarge(f"The spreadsheet takes more than {_SECONDS} s to unpack.") from error
    if done.returncode or len(done.stdout) > _OUTPUT_LIMIT:
        raise TooLarge(
            "The spreadsheet is broken, or takes more memory than allowed to unpack; send the "
            "table as CSV or Parquet."
        )
    found: dict[str, Any] = orjson.loads(done.stdout)
    if "error" in found:
        kinds = {"encrypted": UnsupportedMedia, "broken": BadRequest, "none": UnsupportedMedia}
        if kind := kinds.get(found["kind"]):
            raise kind(found["error"])
        raise SheetChoice.among(found["sheets"], found["error"], sheet)
    return found
