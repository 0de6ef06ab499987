"""Specifications of synthetic data from requests, within the limits of the settings."""

from __future__ import annotations

from models.data.table_limits import check_series
from models.data_generator import PlantSpec
from utils.api.schemas import PlantFields
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
    )
