"""The process that unpacks a spreadsheet, with limits of memory and time of its own.

It reads `{"path", "sheet", "names"}` as JSON from its standard input, and writes the sheet that
fits in JSON, by column, or `{"error", "kind"}`. Numbers, dates and formulas' values are those
that the file holds; cells with an error (#DIV/0!) are blank, and counted by column.
"""

from __future__ import annotations

import contextlib
import resource
import sys
import zipfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

from models.data.reading import hidden_cells, xlsx_parts
from models.data.reading.column_names import canonical_name, is_unit, is_word
from models.data.reading.event_columns import meaning_of
from models.series.panel import SERIES_FIELDS

_MEMORY = 2_000_000_000
_SECONDS = 100
_LINES = 60  # in which the names of the columns are looked for
_COLUMNS = 4000
_FILLED = ("date", *SERIES_FIELDS)  # columns whose merged cells have one value each
_DAY_1904 = datetime(1904, 1, 1)
_SERIALS = range(20_000, 80_000)
_NONE = (
    "No sheet of the spreadsheet has a row that names known columns (date, plant, wip, throughput, "
    "…; unit, start, finish); its sheets are"
)


def main() -> None:
    """Unpack one spreadsheet."""
    request = orjson.loads(sys.stdin.buffer.read())
    _limit()
    try:
        reply = _read(Path(request["path"]), request["sheet"], request["names"])
    except PasswordError:
        reply = {
            "kind": "encrypted",
            "error": "The spreadsheet is encrypted; save it without a password.",
        }
    except (CalamineError, zipfile.BadZipFile) as error:
        reply = {"kind": "broken", "error": f"The spreadsheet is broken: {error}"}
    sys.stdout.buffer.write(orjson.dumps(reply, default=_cell))


def _limit() -> None:
    for kind, most in ((resource.RLIMIT_DATA, _MEMORY), (resource.RLIMIT_CPU, _SECONDS)):
        with contextlib.suppress(ValueError, OSError):  # a tighter limit stands already
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def _cell(value: Any) -> Any:
    """A date or a time as text: dates without a time of day if it is midnight."""
    if isinstance(value, timedelta):
        return value.total_seconds() / 86_400
    return value.isoformat()


def _read(path: Path, wanted: str | None, names: list[str] | None) -> dict[str, Any]:
    with CalamineWorkbook.from_path(str(path)) as book:
        sheets = book.sheet_names
        if wanted is not None and wanted not in sheets:
            rule = f"must be one of {', '.join(map(repr, sheets[:20]))}"
            return {"kind": "sheet", "error": rule, "sheets": sheets}
        found = {}
        for name in sheets if wanted is None else [wanted]:
            sheet = book.get_sheet_by_name(name)
            rows = sheet.to_python(skip_empty_area=False)
            found[name] = _header(rows, names), rows, sheet.merged_cell_ranges or []
    best = max((count for (count, *_), *_ in found.values()), default=0)
    fits = [name for name, ((count, *_), *_) in found.items() if count == best]
    visible = [
        sheet.name for sheet in book.sheets_metadata if sheet.visible == SheetVisibleEnum.Visible
    ]
    fits = [name for name in fits if name in visible] or fits
    if best == 0:
        return {"kind": "none", "error": f"{_NONE} {', '.join(map(repr, sheets[:20]))}."}
    if len(fits) > 1:
        return {
            "kind": "sheet",
            "error": f"must be given, as several fit: {', '.join(map(repr, fits[:20]))}",
            "sheets": fits,
        }
    (_, place, header), rows, merged = found[fits[0]]
    filled, unfilled = _fill_merged(rows, merged, place, header)
    body = rows[place + 1 :]
    columns = [[row[i] if row[i] != "" else None for row in body] for i in range(len(header))]
    others = [name for name, ((count, *_), *_) in found.items() if count and name != fits[0]]
    return {
        "sheet": fits[0],
        "header_row": place + 1,
        "names": header,
        "rows": len(body),
        "columns": columns,
        "others": others,
        "durations": [
            name
            for name, cells in zip(header, columns, strict=True)
            if {type(cell) for cell in cells} - {type(None)} == {timedelta}
        ],
        "filled": filled,
        "merged_numbers": unfilled,
        "hides": _hidden(path, fits[0], place, header, columns, names or []),
        "is_hidden": fits[0] not in visible,
        **_of_xlsx(path, fits[0], header, place, columns),
    }


def _of_xlsx(
    path: Path, sheet: str, header: list[str], place: int, columns: list[list[Any]]
) -> dict[str, Any]:
    """The errors, formulas without values and the first day of an xlsx file; of others none."""
    if not zipfile.is_zipfile(path):
        return {"errors": {}, "formulas": {}, "since_1904": False}
    since_1904 = xlsx_parts.is_since_1904(path) and _since_1904(columns, header)
    content = xlsx_parts.content_of(path, sheet)
    return xlsx_parts.odd_cells(content, header, place) | {"since_1904": since_1904}


def _hidden(
    path: Path,
    sheet: str,
    place: int,
    header: list[str],
    columns: list[list[Any]],
    stated: list[str],
) -> dict[str, Any]:
    """The number of hidden rows with cells, and the hidden columns that are known by name."""
    found = hidden_cells.of_file(path, sheet)
    flags = bytearray(place + 1 + len(columns[0]))
    for begin, end in found.rows:
        flags[begin:end] = b"\1" * (min(end, len(flags)) - min(begin, len(flags)))
    rows = [row for row, flag in enumerate(flags[place + 1 :]) if flag]
    names = dict.fromkeys(name for begin, end in found.columns for name in header[begin:end])
    return {
        "rows": sum(any(cells[row] is not None for cells in columns) for row in rows),
        "columns": [name for name in names if name in stated or meaning_of(name)],
    }


def _header(rows: list[list[Any]], stated: list[str] | None) -> tuple[int, int, list[str]]:
    """The number of columns recognised, the place of the row that names them, the names.

    Without `stated`, any word is a name.

    A blank name is that of the cell above: it is merged with it.
    """
    best: tuple[int, int, list[str]] = (0, 0, [])
    above = [""] * _COLUMNS
    for place, row in enumerate(rows[:_LINES]):
        cells = [cell.strip() if isinstance(cell, str) else "" for cell in row[:_COLUMNS]]
        names = [cell or upper for cell, upper in zip(cells, above, strict=False)]
        known = {
            name if (is_word(name) if stated is None else name in stated) else meaning_of(name)
            for name in names
            if name
        }
        if any(cells) and len(known - {None}) > best[0]:
            best = len(known - {None}), place, names
        above = cells + [""] * (_COLUMNS - len(cells))
    count, place, names = best
    if count and _is_unit_row(rows[place + 1 : place + 2]):
        units = rows[place + 1]
        names = [
            f"{name} ({unit.strip('() []')})" if unit else name
            for name, unit in zip(names, units, strict=False)
        ]
        best = count, place + 1, names
    return best


def _is_unit_row(rows: list[list[Any]]) -> bool:
    """Return true if a row under the names has their units: (pcs), days."""
    cells = [cell for row in rows for cell in row if cell != ""]
    return bool(cells) and all(isinstance(cell, str) and is_unit(cell) for cell in cells)


def _fill_merged(
    rows: list[list[Any]], merged: list[Any], place: int, header: list[str]
) -> tuple[int, dict[str, int]]:
    """Give each cell of a merged name or date its value.

    Returns:
        how many cells were filled, and how many of merged numbers are blank, by column.
    """
    filled, unfilled = 0, Counter[str]()
    for (top, left), (bottom, right) in merged:
        if left != right or top <= place or bottom >= len(rows) or left >= len(header):
            continue
        if canonical_name(header[left]) in _FILLED:
            for row in rows[top + 1 : bottom + 1]:
                row[left] = rows[top][left]
            filled += bottom - top
        elif canonical_name(header[left]):
            unfilled[header[left]] += bottom - top
    return filled, dict(unfilled)


def _since_1904(columns: list[list[Any]], header: list[str]) -> bool:
    """Write dates that are numbers of days since 1904 as dates; returns if there are any."""
    found = False
    for name, cells in zip(header, columns, strict=True):
        if canonical_name(name) == "date":
            for row, cell in enumerate(cells):
                if isinstance(cell, int | float) and int(cell) in _SERIALS:
                    cells[row], found = _DAY_1904 + timedelta(days=cell), True
    return found


if __name__ == "__main__":
    main()
