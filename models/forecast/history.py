"""The history that a forecast starts from: the request's rows and the end of the training data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data import cleaning
from models.data.given_calendars import given_calendars
from models.data.reading import tables
from models.data.reading.column_names import canonical_name
from models.forecast.forecaster import Forecaster, History
from models.forecast.zero_shot import ZeroShotSeries
from models.series.calendar import Calendar
from models.series.known_inputs import KnownInputs
from models.series.legacy_encoding import LegacyEncoding
from models.series.panel import SERIES_FIELDS, SeriesKey
from models.series.working_calendar import NOTHING_GIVEN, WorkingCalendar
from utils.api.schemas.forecasting import ForecastFields
from utils.errors import InvalidInput

Floats = NDArray[np.float64]


def history_of(
    forecaster: Forecaster, series_key: SeriesKey, request: ForecastFields, max_rows: int
) -> History:
    """Return the history that the forecast of a request starts from.

    The request's rows, preceded by the end of the training data where the two adjoin; without
    rows in the request, the end of the training data. A series that the model was not trained
    on needs rows in the request (a cold start).

    Args:
        max_rows: most rows that the request may have.

    Raises:
        InvalidInput: the model was not trained on the series, or the history is too short.
    """
    length, known = forecaster.encoding.length, forecaster.recent_history(series_key)
    cold = not forecaster.knows(series_key)
    if cold and (request.history is None or not forecaster.can_start_cold):
        forecaster.check(series_key)
    calendar = _calendar_of(forecaster, series_key, request, known)
    if request.history is None:
        if known is None:
            raise InvalidInput.of(
                "history",
                f"is required, with at least {length} rows: the model keeps no data of this series",
            )
        return known._replace(calendar=calendar)
    fills = not isinstance(forecaster.encoding, ZeroShotSeries)
    history = _joined(_requested(calendar, series_key, request, max_rows, fills), known)
    if len(history.rows) < length:
        raise InvalidInput.of(
            "history",
            f"must have at least {length} rows, or join on to the end of the training data",
            f"{len(request.history)} rows",
        )
    return history


def _calendar_of(
    forecaster: Forecaster, series_key: SeriesKey, request: ForecastFields, known: History | None
) -> Calendar:
    """The calendar of a series: that of the model, and after its last day that of the request.

    Raises:
        InvalidInput: the request names a plant or a country that is not known, or the model has
            no use for a calendar.
    """
    own = forecaster.calendar_of(series_key)
    plants = {key[0] for key in forecaster.encoding.series_keys} | {series_key[0]}
    given = given_calendars(request.calendar, plants)
    if given is None:
        return own
    if not own.is_daily or isinstance(forecaster.encoding, LegacyEncoding):
        rule = "is for models of this service of rows of days, hours or shifts"
        raise InvalidInput.of("calendar", rule)
    before = own.working[0] if own.working else WorkingCalendar()
    after = given.of(series_key, NOTHING_GIVEN).added_to(before)
    if known is None:
        return replace(own, working=(after,))
    last = int(own.day_of(np.array(known.last_day)))
    working = before.followed_by(after, last)
    return replace(own, working=(working,), origin=own.origin or last)


def _requested(
    calendar: Calendar,
    series_key: SeriesKey,
    request: ForecastFields,
    max_rows: int,
    fills: bool,
) -> History:
    """The cleaned rows of a request.

    Args:
        fills: True to fill unknown values; the pretrained network takes rows with unknown ones.

    Raises:
        InvalidInput: they cannot be cleaned, or belong to another series.
    """
    rows = named_rows(series_key, request)
    table = tables.read_rows(rows, max_rows, options=request, calendar=calendar)
    cleaned = cleaning.clean(table, calendar)
    panel = cleaned.panel
    if panel.series_keys != (series_key,):
        others = [other for other in panel.series_keys if other != series_key]
        raise InvalidInput.of(
            "history", f"must hold rows of {' / '.join(series_key)} only", " / ".join(others[0])
        )
    values = panel.filled() if fills else panel.values
    last = int(panel.first[0]) + len(values) - 1
    own, planned = panel.calendar_of(0), cleaned.plan.get(series_key)
    ahead = KnownInputs() if planned is None else planned.after(own, last)
    found = History(series_key, values, last, own, panel.last_day(0), panel.known, ahead)
    return found._replace(warnings=tuple(table.read_as.get("warnings", ())))


def named_rows(series_key: SeriesKey, request: ForecastFields) -> list[dict[str, Any]]:
    """Return the rows of a request's history with the names of its series.

    Names that the rows have under other headers, such as panelSize, are not added again.
    """
    rows = request.history or []
    written = {name for row in rows for name in row}
    others = {canonical_name(name) for name in written - {*SERIES_FIELDS}}
    names = zip(SERIES_FIELDS, series_key, strict=True)
    added = {field: name for field, name in names if field not in others}
    return [added | row for row in rows]


def _joined(history: History, known: History | None) -> History:
    """A history preceded by the known rows from before it, if no step lies between them."""
    if known is None:
        return history
    begin = history.calendar.days(np.array([history.last_step + 1 - len(history.rows)]))
    overlap = known.last_step + 1 - int(known.calendar.index(begin)[0])
    if overlap < 0:
        return history
    rows = max(0, len(known.rows) - overlap)
    columns = {
        name: np.concatenate([_column(known, name)[:rows], _column(history, name)])
        for name in {**known.known, **history.known}
    }
    joined = np.vstack([known.rows[:rows], history.rows])
    return history._replace(rows=joined, known=columns)


def _column(history: History, name: str) -> Floats:
    """A known column in all rows of a history, NaN where it is not known."""
    return history.known.get(name, np.full(len(history.rows), np.nan))
