"""Specifications of synthetic data from requests, within the limits of the settings."""

from __future__ import annotations

from models.data.given_calendars import given_calendars
from models.data.reading.table_limits import check_series
from models.data_generator import PlantSpec
from models.series.line_stoppages import Breakdowns
from models.series.plant_calendars import NO_CALENDARS, PlantCalendars
from models.series.working_calendar import WorkingCalendar
from utils.api.schemas.synthetic_data import PlantFields
from utils.errors import TooLarge
from utils.settings import Settings


def plant_spec(fields: PlantFields, seed: int, settings: Settings) -> PlantSpec:
    """Return what `data_generator.generate` makes for the fields of a request.

    Raises:
        TooLarge: the data would have more series (MAX_SERIES) or rows (MAX_ROWS) than allowed.
    """
    check_series(fields.series, settings.max_series)
    rows = fields.series * fields.historical_days
    if rows > settings.max_rows:
        raise TooLarge(
            f"{fields.series:,} series × {fields.historical_days:,} days are {rows:,} rows; a "
            f"data set may have at most {settings.max_rows:,} (MAX_ROWS)."
        )
    own = fields.breakdowns
    return PlantSpec(
        plants=tuple(fields.plants),
        applications=tuple(fields.applications),
        panel_sizes=tuple(fields.panel_sizes),
        days=fields.historical_days,
        base_wip=fields.base_wip,
        base_throughput=fields.base_throughput,
        seasonality=fields.seasonality,
        noise=fields.noise_level,
        seed=seed % 2**64,
        calendars=_calendars(fields),
        breakdowns=None if own is None else Breakdowns(own.per_year, own.mean_days, own.capacity),
    )


def _calendars(fields: PlantFields) -> PlantCalendars:
    """The calendars of the plants that close on some days."""
    given = given_calendars(fields.calendar, fields.plants)
    if given is None:
        return NO_CALENDARS
    every_day = WorkingCalendar()
    found = {name: own.added_to(every_day) for name, own in given.by_name.items()}
    return PlantCalendars({n: own for n, own in found.items() if not own.works_every_day})
