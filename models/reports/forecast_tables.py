"""A forecast as a table: CSV, or an Excel workbook with its history, totals and notes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from models.series.panel import SERIES_FIELDS, SeriesKey
from utils import spreadsheet_text
from utils.api.replies.forecasting import Prediction, PredictReply

if TYPE_CHECKING:
    from xlsxwriter.workbook import Format

_COLUMNS = [name for name in Prediction.model_fields if name not in ("day", "date")]
_ROW_COLUMNS = ("date", "wip", "throughput", "cycle_time")  # of the history
_TOTAL_COLUMNS = (
    "first_date", "last_date", "steps", "throughput", "throughput_mean", "throughput_lo80",
    "throughput_hi80", "throughput_lo95", "throughput_hi95",
)  # fmt: skip
_WIDTH = 14  # of a column, in characters

Rows = list[list[Any]]


def as_csv(reply: PredictReply, series_key: SeriesKey) -> bytes:
    """Return the steps of a forecast as CSV, with the columns of the JSON reply.

    Names that a spreadsheet would take for formulas begin with an apostrophe.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["day", "date", *SERIES_FIELDS, *_COLUMNS])
    names = [spreadsheet_text.escaped(name) for name in series_key]
    for step in reply.predictions:
        values = [getattr(step, name) for name in _COLUMNS]
        rows.writerow([step.day, step.date, *names, *map(_written, values)])
    return text.getvalue().encode()


def _written(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def as_xlsx(reply: PredictReply, series_key: SeriesKey) -> bytes:
    """Return a forecast as an Excel workbook: its steps, the history, totals, notes."""
    from xlsxwriter import Workbook

    out = io.BytesIO()
    # Texts stay texts: no name becomes a formula or a link.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(out, options) as book:
        bold = book.add_format({"bold": True, "bottom": 1})
        for name, columns, rows in _sheets(reply, series_key):
            _write(book.add_worksheet(name), columns, rows, bold)
    return out.getvalue()


def _sheets(
    reply: PredictReply, series_key: SeriesKey
) -> Iterable[tuple[str, Sequence[str], Rows]]:
    columns = ["day", "date", *_COLUMNS]
    steps = [[getattr(step, name) for name in columns] for step in reply.predictions]
    yield "Forecast", columns, steps
    if reply.history:
        rows = [[getattr(row, name) for name in _ROW_COLUMNS] for row in reply.history]
        yield "History", _ROW_COLUMNS, rows
    if reply.totals:
        totals = [*reply.totals.periods, reply.totals.horizon]
        yield "Totals", _TOTAL_COLUMNS, [[getattr(t, n) for n in _TOTAL_COLUMNS] for t in totals]
    notes = [*reply.validation.warnings, *reply.validation.recommendations]
    names = [[field, name] for field, name in zip(SERIES_FIELDS, series_key, strict=True)]
    about = [*names, ["model_id", reply.model_id], *(["note", note] for note in notes)]
    yield "About", ["field", "value"], about


def _write(sheet: Any, columns: Sequence[str], rows: Rows, bold: Format) -> None:
    sheet.set_column(0, len(columns), _WIDTH)
    sheet.freeze_panes(1, 0)
    sheet.write_row(0, 0, columns, bold)
    for place, row in enumerate(rows, start=1):
        sheet.write_row(place, 0, row)
