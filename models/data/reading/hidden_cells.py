"""Rows and columns that a sheet hides, by a filter say, as the XML of xlsx and ods files has them.

>>> content = b'<cols><col min="2" max="3" hidden="1"/></cols><row r="1"/><row hidden="1"/>'
>>> of_xlsx(content)
Hidden(rows=[(1, 2)], columns=[(1, 3)])
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import unescape  # nosec B406 - of texts alone

from models.data.reading import xlsx_parts

Span = tuple[int, int]  # places from 0, without the last

_ODS = "content.xml"
_HIDDEN = re.compile(rb'\bhidden="(?:1|true)"')
_XLSX_ROW, _XLSX_COLUMN = (re.compile(rb"<(?:\w+:)?%s\b([^>]*)>" % tag) for tag in (b"row", b"col"))
_HIDDEN_ODS = re.compile(rb'\btable:visibility="(?:filter|collapse)"')
_ODS_TABLE = re.compile(rb"<table:table\b(?!-)[^>]*?\btable:name=([\"'])(.*?)\1")
_QUOTES = {"&quot;": '"', "&apos;": "'"}
_ODS_ROW, _ODS_COLUMN = (
    re.compile(rb"<table:table-%s\b(?!-)([^>]*)>" % tag) for tag in (b"row", b"column")
)


class Hidden(NamedTuple):
    """Spans of the rows and columns of a sheet that are hidden."""

    rows: list[Span]
    columns: list[Span]


def of_file(path: Path, sheet: str) -> Hidden:
    """Return what a sheet of a file hides; of files other than xlsx and ods it is not known."""
    if not zipfile.is_zipfile(path):
        return Hidden([], [])
    if content := xlsx_parts.content_of(path, sheet):
        return of_xlsx(content)
    with zipfile.ZipFile(path) as archive:
        is_ods = _ODS in archive.namelist()
        return of_ods(archive.read(_ODS), sheet) if is_ods else Hidden([], [])


def of_xlsx(content: bytes) -> Hidden:
    """Return what a sheet of an xlsx file hides."""
    rows, place = [], -1
    for row in _XLSX_ROW.finditer(content):
        place = _number(rb'\br="(\d+)"', row[1], place + 2) - 1
        if _HIDDEN.search(row[1]):
            rows.append((place, place + 1))
    columns = [
        (_number(rb'\bmin="(\d+)"', column[1], 1) - 1, _number(rb'\bmax="(\d+)"', column[1], 0))
        for column in _XLSX_COLUMN.finditer(content)
        if _HIDDEN.search(column[1])
    ]
    return Hidden(rows, columns)


def of_ods(content: bytes, sheet: str) -> Hidden:
    """Return what a sheet hides, of the content of an ods file."""
    part = b""
    for table in _ODS_TABLE.finditer(content):
        if unescape(table[2].decode(), _QUOTES) == sheet:
            part = content[table.end() : content.find(b"</table:table>", table.end())]
    return Hidden(list(_hidden_ods(_ODS_ROW, part)), list(_hidden_ods(_ODS_COLUMN, part)))


def _hidden_ods(pattern: re.Pattern[bytes], part: bytes) -> Iterator[Span]:
    place = 0
    for found in pattern.finditer(part):
        end = place + _number(rb'-repeated="(\d+)"', found[1], 1)
        if _HIDDEN_ODS.search(found[1]):
            yield place, end
        place = end


def _number(pattern: bytes, text: bytes, default: int) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else default
