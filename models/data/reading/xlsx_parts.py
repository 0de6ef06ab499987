"""Parts of an xlsx file that the reader of its cells leaves out: errors, formulas, its first day.

Looked at only in the process that unpacks spreadsheets, whose memory is limited.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree  # nosec B405 - in a process whose memory is limited

_BOOK, _LINKS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_ERROR = re.compile(rb'<c\b([^>]*\bt="e"[^>]*)>')
_UNCOMPUTED = re.compile(rb"<c\b([^>]*)><f[^>]*(?:/>|>[^<]*</f>)(?:<v\s*/>|<v></v>)?</c>")
_SINCE_1904 = re.compile(rb'<workbookPr\b[^>]*\bdate1904="(?:1|true)"')


def is_since_1904(path: Path) -> bool:
    """Return true if the dates of a workbook are days since 1904-01-01."""
    with zipfile.ZipFile(path) as archive:
        return bool(_BOOK in archive.namelist() and _SINCE_1904.search(archive.read(_BOOK)))


def content_of(path: Path, sheet: str) -> bytes:
    """Return the XML of a sheet; empty if the archive is of another kind."""
    with zipfile.ZipFile(path) as archive:
        part = _part_of(archive, sheet)
        return archive.read(part) if part else b""


def odd_cells(content: bytes, header: list[str], place: int) -> dict[str, dict[str, int]]:
    """Return the numbers of `errors` (#DIV/0!) and of `formulas` without a value, by column.

    Args:
        content: of the sheet, as `content_of` returns it.
        header: names of the columns.
        place: row of the names, from 0.
    """
    kinds = {"errors": _ERROR, "formulas": _UNCOMPUTED}
    return {kind: _counted(pattern, content, header, place) for kind, pattern in kinds.items()}


def _counted(
    pattern: re.Pattern[bytes], content: bytes, header: list[str], place: int
) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for cell in pattern.finditer(content):
        found = re.search(rb'\br="([A-Z]+)(\d+)"', cell[1])
        if found and int(found[2]) > place + 1:
            column = _column_number(found[1].decode())
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
    if not {_BOOK, _LINKS} <= set(archive.namelist()):
        return ""
    ids = {
        item.get("name"): next((v for k, v in item.items() if k.endswith("}id")), None)
        for item in ElementTree.fromstring(archive.read(_BOOK)).iter()  # nosec B314 # noqa: S314
        if item.tag.endswith("}sheet")
    }
    targets = {
        item.get("Id"): str(item.get("Target"))
        for item in ElementTree.fromstring(archive.read(_LINKS))  # nosec B314 # noqa: S314
    }
    target = targets.get(ids.get(sheet), "")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}" if target else ""
