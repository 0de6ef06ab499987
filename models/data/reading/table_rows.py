"""Rows of a file that are no rows of the table: blank ones, totals, repeated names, remarks."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.reading.column_mapping import Mapping
from models.data.reading.column_names import canonical_name
from models.data.reading.raw_tables import RawColumn, RawTable
from models.series.panel import SERIES_FIELDS
from utils.errors import Detail, InvalidInput

Ints = NDArray[np.int64]

_TOTAL = re.compile(
    r"\W*(grand |sub-?|overall )?(total|result|results|totals|sum|summe|zwischensumme|"
    r"gesamt|gesamtsumme|gesamtergebnis|"
    r"ergebnis|insgesamt|average|mean|mittelwert|durchschnitt|合计|合計|總計|总计|小計|小计|总和|Σ)\b.*",
    re.IGNORECASE | re.DOTALL,
)
# Plant_A Total, as spreadsheets write subtotals.
_SUBTOTAL = re.compile(
    r".*\S (sub-?)?(total|summe|gesamt|ergebnis|result|合计|合計|小计|小計)\W*", re.I
)
# Of a column below it, in the place of the date.
_STATISTIC = re.compile(
    r"\W*(min|max|minimum|maximum|median|avg|mittel|mw|stdev|std|stabw|count|anzahl|ø|μ|σ)\W*", re.I
)
_RULER = re.compile(r"[-=_:+*|\s]*")  # a line under the names: |---|:---:|
_TEXTS = ("date", *SERIES_FIELDS)
_LISTED = 20
_LOOKED_AT = 1000  # rows that are looked at one by one


def left_out(
    raw: RawTable, mapping: Mapping, columns: dict[str, RawColumn]
) -> tuple[Ints | None, dict[str, Any]]:
    """Return the places of the rows that are left, None for all, and those left out by kind.

    Only rows without a date, or without a plant, are looked at.

    Args:
        columns: the known columns.

    Raises:
        InvalidInput: a row names the columns in another order.
    """
    suspect = np.flatnonzero(_is_suspect(columns, raw.rows))
    if not suspect.size:
        return None, {}
    parts = {name: column.taken(suspect) for name, column in columns.items()}
    filled = np.array([~part.is_blank() for part in parts.values()]).sum(axis=0)
    blank = suspect[filled == 0]
    kinds: dict[str, list[int]] = {"total": [], "names": [], "ruler": [], "remark": []}
    ignored = raw.load(mapping.ignored) if raw.read_as["format"] != "parquet" else []
    for i in np.flatnonzero(filled > 0)[:_LOOKED_AT].tolist():
        row = int(suspect[i])
        kind = _kind(row, columns, ignored, int(filled[i]))
        if kind == "names":
            _expect_same_names(row, columns, mapping)
        if kind:
            kinds[kind].append(row)
    dropped = np.concatenate([blank, *(np.array(rows, np.int64) for rows in kinds.values())])
    if not dropped.size or len(dropped) == raw.rows:
        return None, {}
    kept = np.setdiff1d(np.arange(raw.rows), dropped)
    found: dict[str, Any] = {"blank": len(blank)} if len(blank) else {}
    for kind, rows in kinds.items():
        if rows:
            found[kind] = [row + 1 for row in rows[:_LISTED]]
    return kept, found


def _expect_same_names(row: int, columns: dict[str, RawColumn], mapping: Mapping) -> None:
    """Raise InvalidInput if a row names the columns again, but in another order."""
    for name, column in columns.items():
        written = str(column.cell(row) or "").strip()
        same = written in ("", column.name.strip()) or canonical_name(written) == name
        if len(mapping.places[name]) == 1 and not same:
            rule = f"is the column {column.name!r} above row {row + 1}, which names it {written!r}"
            raise InvalidInput(
                f"{name} {rule}: the table changes its columns there. Send it in two parts.",
                [Detail(name, rule, written)],
            )


def _is_suspect(columns: dict[str, RawColumn], rows: int) -> NDArray[np.bool_]:
    """Rows whose date is blank or has no digit, or whose plant is blank."""
    suspect = np.zeros(rows, bool)
    if date := columns.get("date"):
        values, places = date.distinct()
        odd = [not re.search(r"\d", value) for value in values.to_pylist()]
        suspect |= np.array([*odd, True])[places]
    for name in ("plant", "day"):
        if name in columns:
            suspect |= columns[name].is_blank()
    return suspect


def _kind(row: int, columns: dict[str, RawColumn], ignored: list[RawColumn], filled: int) -> str:
    """The kind of a row that is left out; "": it is a row of the table."""
    texts = [str(columns[name].cell(row) or "").strip() for name in _TEXTS if name in columns]
    others = [column.cell(row) for column in ignored]
    texts += [cell.strip() for cell in others if isinstance(cell, str)]
    if any(_TOTAL.fullmatch(text) for text in texts):
        return "total"
    date = columns.get("date")
    written = str(date.cell(row) or "").strip() if date else ""
    if not re.search(r"\d", written) and any(map(_SUBTOTAL.fullmatch, texts)):
        return "total"
    if _STATISTIC.fullmatch(written):
        return "total"
    if all(map(_RULER.fullmatch, texts)):
        return "ruler"
    if date and (written == date.name or canonical_name(written) == "date"):
        return "names"
    return "remark" if written and filled == 1 else ""
