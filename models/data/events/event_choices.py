"""The options of an uploaded event log, from the fields of a request."""

from __future__ import annotations

import pyarrow as pa

from models.data.events.event_log import DAY
from models.data.events.event_table import LogOptions
from models.data.events.event_times import read_times
from models.data.events.event_upload import EventOptions
from models.data.reading.column_names import KNOWN, SHIFT
from models.data.reading.event_columns import ROLES
from models.data.reading.number_format import FORMATS
from models.series.calendar import Step
from utils.api.parsing import unknown
from utils.api.upload_options import UploadOptions
from utils.errors import InvalidInput


def event_options(options: UploadOptions) -> EventOptions:
    """Return the choices about an event log that a request makes.

    Raises:
        InvalidInput: a date cannot be read, or a column's meaning is not known.
    """
    known = {*ROLES, *KNOWN, SHIFT}
    wrong = next((role for role in options.columns or {} if role not in known), None)
    if wrong is not None:
        raise InvalidInput.of("columns", f"{wrong} {unknown(wrong, known)}", wrong)
    order = None if options.date_order == "ymd" else options.date_order
    columns = {role: names[0] if names else None for role, names in options.named.items()}
    return EventOptions(
        LogOptions(
            columns or None,
            order,
            options.finish_steps,
            options.waiting_states,
            decimal_mark=FORMATS[options.number_format] if options.number_format else None,
            dates_since=options.dates_since,
            joined={role: names for role, names in options.named.items() if len(names) > 1},
        ),
        Step(options.step or "day"),
        options.shifts,
        _time("from", options.from_),
        _end(options.until),
    )


def _time(field: str, text: str | None) -> int | None:
    if text is None:
        return None
    return int(read_times({field: pa.array([text])}, "dmy")[0][field][0])


def _end(text: str | None) -> int | None:
    """The time after the last one: of a date, the midnight at its end."""
    time = _time("until", text)
    return time and (time + DAY if time % DAY == 0 and ":" not in str(text) else time + 1)
