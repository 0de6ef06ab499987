"""The process that unpacks a spreadsheet, with limits of memory and time of its own.

It reads `{"path", "sheet", "names"}` as JSON from its standard input, and writes the sheet that
fits in JSON, by column, or `{"error", "kind"}`. Numbers, dates and formulas' values are those
that the file holds; cells with an error (#DIV/0!) are blank, and counted by column.
"""

from __future__ import annotations

import contextlib
import re
import resource
import sys
import zipfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree  # nosec B405 - in this process, whose memory is limited

import orjson
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

from models.data.column_names import canonical_name, is_unit

_MEMORY = 2_000_000_000
_SECONDS = 100
_LINES = 60  # in which the names of the columns are looked for
_COLUMNS = 4000
_NONE = (
    "No sheet of the spreadsheet has a row that names known columns (date, plant, wip, throughput, "
    "…); its sheets are"
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


def _read(path: Path, wanted: str | None, names: list[str]) -> dict[str, Any]:
    with CalamineWorkbook.from_path(str(path)) as book:
        sheets = book.sheet_names
        if wanted is not None and wanted not in sheets:
            return {"kind": "sheet", "error": f"must be one of {', '.join(map(repr, sheets[:20]))}"}
        found = {}
        for name in sheets if wanted is None else [wanted]:
            rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            found[name] = _header(rows, set(names)), rows
    best = max((count for (count, *_), _ in found.values()), default=0)
    fits = [name for name, ((count, *_), _) in found.items() if count == best]
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
        }
    (_, place, header), rows = found[fits[0]]
    body = rows[place + 1 :]
    columns = [[row[i] if row[i] != "" else None for row in body] for i in range(len(header))]
    others = [name for name, ((count, *_), _) in found.items() if count and name != fits[0]]
    return {
        "sheet": fits[0],
        "header_row": place + 1,
        "names": header,
        "rows": len(body),
        "columns": columns,
        "others": others,
        "errors": _errors(path, fits[0], header, place),
    }


def _header(rows: list[list[Any]], stated: set[str]) -> tuple[int, int, list[str]]:
    """The number of columns recognised, the place of the row that names them, the names.

    A blank name is that of the cell above: it is merged with it.
    """
    best: tuple[int, int, list[str]] = (0, 0, [])
    above = [""] * _COLUMNS
    for place, row in enumerate(rows[:_LINES]):
        cells = [cell.strip() if isinstance(cell, str) else "" for cell in row[:_COLUMNS]]
        names = [cell or upper for cell, upper in zip(cells, above, strict=False)]
        known = {name if name in stated else canonical_name(name) for name in names if name}
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


def _errors(path: Path, sheet: str, header: list[str], header_place: int) -> dict[str, int]:
    """The number of cells with an error (#DIV/0!) by column, of xlsx: others are read as blanks."""
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        part = _part_of(archive, sheet)
        content = archive.read(part) if part else b""
    counts: Counter[str] = Counter()
    for cell in re.finditer(rb'<c\b[^>]*\bt="e"[^>]*>', content):
        place = re.search(rb'\br="([A-Z]+)(\d+)"', cell[0])
        if place and int(place[2]) > header_place + 1:
            column = _column_number(place[1].decode())
            counts[header[column] if column < len(header) else ""] += 1
    counts.pop("", None)
    return dict(counts)


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The name of the file within an xlsx archive that holds a sheet; "": it is no such archive."""
    book, links = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
    if not {book, links} <= set(archive.namelist()):
        return ""
    ids = {
        item.get("name"): next((v for k, v in item.items() if k.endswith("}id")), None)
        for item in ElementTree.fromstring(archive.read(book)).iter()  # nosec B314 # noqa: S314
        if item.tag.endswith("}sheet")
    }
    targets = {
        item.get("Id"): str(item.get("Target"))
        for item in ElementTree.fromstring(archive.read(links))  # nosec B314 # noqa: S314
    }
    target = targets.get(ids.get(sheet), "")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}" if target else ""


if __name__ == "__main__":
    main()
