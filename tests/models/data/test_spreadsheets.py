"""Spreadsheets as programs write them: xlsx, xls and ods give the rows that they show."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

from models.data.reading.raw_files import opened
from models.data.reading.spreadsheets import SheetChoice
from models.data.reading.tables import read_file
from utils.api.upload_options import UploadOptions
from utils.errors import BadRequest, InvalidInput, TooLarge, UnsupportedMedia

Sheets = dict[str, list[list[Any]]]
HEAD = ["Datum", "Werk", "Anwendung", "Größe", "Bestand", "Ausstoß"]
DAYS = [date(2024, 1, 1 + day) for day in range(28)]
ROWS = [[day, "Köln", "TV", "L", 150.0 + i, 50.5 + i] for i, day in enumerate(DAYS)]


def xlsx(sheets: Sheets) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def xls(sheets: Sheets) -> bytes:
    book, as_date = xlwt.Workbook(), xlwt.easyxf(num_format_str="DD.MM.YYYY")
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        for line, row in enumerate(rows):
            for place, value in enumerate(row):
                style = [as_date] if isinstance(value, date) else []
                sheet.write(line, place, value, *style)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def ods(sheets: Sheets) -> bytes:
    book = OpenDocumentSpreadsheet()
    for name, rows in sheets.items():
        table = Table(name=name)
        for row in rows:
            line = TableRow()
            for value in row:
                line.addElement(ods_cell(value))
            table.addElement(line)
        book.spreadsheet.addElement(table)
    target = io.BytesIO()
    book.write(target)
    return target.getvalue()


def ods_cell(value: Any) -> TableCell:
    if isinstance(value, date):
        return TableCell(valuetype="date", datevalue=value.isoformat())
    if isinstance(value, float):
        return TableCell(valuetype="float", value=str(value))
    cell = TableCell(valuetype="string")
    cell.addElement(P(text="" if value is None else value))
    return cell


pytestmark = pytest.mark.service  # a process of its own unpacks them
WRITERS = [xlsx, xls, ods]


def read(folder: Path, content: bytes, most: int = 10_000_000, **options: Any) -> Any:
    path = folder / "table"
    path.write_bytes(content)
    return read_file(path, 10_000, most, None, UploadOptions.parse(options))


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("above", "below"),
    [([], []), ([["Produktion 2024"], [None]], [[None], ["Summe", None, None, None, 1e4, 2e3]])],
    ids=["plain", "title and total"],
)
def test_rows_are_those_of_the_sheet(
    tmp_path: Path, write: Callable[[Sheets], bytes], above: list[Any], below: list[Any]
) -> None:
    content = write({"Notizen": [["nur Text"]], "Daten": [*above, HEAD, *ROWS, *below]})
    table = read(tmp_path, content)
    assert table.days.tolist() == [(day - date(1970, 1, 1)).days for day in DAYS]
    np.testing.assert_array_equal(table.numbers["wip"], [row[4] for row in ROWS])
    np.testing.assert_array_equal(table.numbers["throughput"], [row[5] for row in ROWS])
    assert (table.read_as["format"], table.read_as["sheet"]) == (write.__name__, "Daten")


@pytest.mark.parametrize("write", WRITERS)
def test_of_two_sheets_that_fit_one_is_to_be_named(
    tmp_path: Path, write: Callable[[Sheets], bytes]
) -> None:
    more = [[*row[:4], row[4] + 1, row[5]] for row in ROWS]
    content = write({"Januar": [HEAD, *ROWS], "Plan": [HEAD, *more]})
    with pytest.raises(SheetChoice, match=r"Januar.*Plan") as refusal:
        read(tmp_path, content)
    assert refusal.value.sheets == ["Januar", "Plan"]
    assert refusal.value.details[0].field == "sheet"
    assert read(tmp_path, content, sheet="Plan").numbers["wip"][0] == 151.0
    with pytest.raises(InvalidInput, match="sheet"):
        read(tmp_path, content, sheet="Februar")


def test_cells_with_errors_are_blanks_and_counted(tmp_path: Path) -> None:
    rows = [list(row) for row in ROWS]
    rows[3][5], rows[4][5] = "#DIV/0!", "#N/A"
    table = read(tmp_path, xlsx({"Daten": [HEAD, *rows]}))
    assert np.flatnonzero(np.isnan(table.numbers["throughput"])).tolist() == [3, 4]
    assert table.read_as["error_cells"] == {"Ausstoß": 2}


def zipped(**parts: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target.getvalue()


def hidden_xlsx() -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(xlsx({"Liste": [["x"]], "Daten": [HEAD, *ROWS]})))
    sheet = book["Daten"]
    sheet.sheet_state, sheet.column_dimensions["E"].hidden = "hidden", True
    for row in (3, 4, 9, 200):
        sheet.row_dimensions[row].hidden = True
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def hidden_ods() -> bytes:
    content = ods({"Daten": [HEAD, *ROWS]})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    text = parts["content.xml"].decode()
    column = '<table:table-column table:number-columns-repeated="4"/>'
    column += '<table:table-column table:visibility="collapse"/>'
    head, first, second, rest = text.split("<table:table-row>", 3)
    row = '<table:table-row table:visibility="filter">'
    text = head + column + "<table:table-row>" + first + row + second + row + rest
    return zipped(**parts | {"content.xml": text.encode()})


@pytest.mark.parametrize(("content", "rows"), [(hidden_xlsx(), 3), (hidden_ods(), 2)])
def test_hidden_rows_columns_and_sheets_are_read_and_named(
    tmp_path: Path, content: bytes, rows: int
) -> None:
    table = read(tmp_path, content)
    assert len(table) == len(ROWS) and table.read_as["hidden_rows"] == rows
    assert table.read_as["hidden_columns"] == ["Bestand"]
    told = " ".join(table.read_as["warnings"])
    assert f"{rows} rows of the sheet 'Daten' are hidden" in told
    assert ("The sheet 'Daten' is hidden" in told) == (rows == 3)


@pytest.mark.parametrize("write", WRITERS)
def test_event_logs_are_sheets_as_well(tmp_path: Path, write: Callable[[Sheets], bytes]) -> None:
    path = tmp_path / "log"
    path.write_bytes(write({"Export": [["Ticket", "Activated", "Closed"], ["T1", *DAYS[:2]]]}))
    with opened(path, 100, 10**7) as raw:
        assert (raw.names, raw.rows) == (["Ticket", "Activated", "Closed"], 1)


def test_dates_with_times_and_serials_are_days(tmp_path: Path) -> None:
    rows = [[datetime(2024, 1, 1 + i, 6, 30), *row[1:]] for i, row in enumerate(ROWS)]
    serials = [[45292 + i, *row[1:]] for i, row in enumerate(ROWS)]
    first = (date(2024, 1, 1) - date(1970, 1, 1)).days
    for each in (rows, serials):
        assert read(tmp_path, xlsx({"Daten": [HEAD, *each]})).days[0] == first


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (zipped(**{"xl/workbook.xml": b"<x/>"}), BadRequest, "broken"),
        (zipped(**{"notes.txt": b"x"}), UnsupportedMedia, "no spreadsheet"),
        (zipped(**{"xl/workbook.xml": b" " * 20_000_000}), TooLarge, "unpack"),
        (xlsx({"Daten": [HEAD, *ROWS]})[:-400], BadRequest, "broken"),
        (xlsx({"Daten": [["a", "b"], [1, 2]]}), UnsupportedMedia, "sheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), BadRequest, "broken"),
    ],
    ids=["empty workbook", "archive", "bomb", "cut short", "other table", "broken xls"],
)
def test_what_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        read(tmp_path, content)
