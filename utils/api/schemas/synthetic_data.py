"""Requests for synthetic data."""

from __future__ import annotations

from pydantic import Field

from utils.api.parsing import Int, Number, Positive, Request
from utils.api.schemas.base import Names, Seed, example
from utils.api.schemas.calendar import Calendars


class BreakdownFields(Request):
    """Random breakdowns of generated lines."""

    per_year: Number = Field(6.0, ge=0, le=365, description="mean number in a year of worked days")
    mean_days: Number = Field(2.0, ge=1, le=365, description="mean worked days that one lasts")
    capacity: Number = Field(
        0.0, ge=0, le=1, description="share of the output that is left meanwhile"
    )


class PlantFields(Request):
    """The parameters of synthetic data."""

    plants: Names = Field(
        ["Plant_A", "Plant_B", "Plant_C"], description="names of the plants, each once"
    )
    applications: Names = Field(
        ["Automotive", "Consumer_Electronics", "Industrial"],
        description="names of the applications, each once",
    )
    panel_sizes: Names = Field(
        ["Small", "Medium", "Large", "Extra_Large"],
        description="names of the panel sizes, each once; any text, inch marks too",
    )
    historical_days: Int = Field(545, ge=1, le=36_500, description="days of each series")
    base_wip: Positive = Field(
        100.0, alias="baseWIP", description="mean WIP of a series of size one, in units"
    )
    base_throughput: Positive = Field(
        50.0, description="mean throughput of a series of size one, in units per day"
    )
    seasonality: Number = Field(0.2, ge=0, le=1, description="strength of the seasons")
    noise_level: Number = Field(0.1, ge=0, le=1, description="strength of the noise")
    calendar: Calendars | None = Field(
        None,
        description="the working calendar of all plants, or calendars by plant; default: that of "
        "the data set, else as recognised in the rows; of generated data: every day is worked",
    )
    breakdowns: BreakdownFields | None = Field(
        None, description="of generated lines; default: there are none"
    )

    @property
    def series(self) -> int:
        """The number of series."""
        return len(self.plants) * len(self.applications) * len(self.panel_sizes)


class SeedField(Request):
    """The seed: the same seed and fields give the same rows, and the same model."""

    seed: Seed | None = Field(
        None, description="the same seed and fields give the same result; default: a fresh one"
    )


class GenerateRequest(SeedField, PlantFields):
    """Synthetic plant data."""

    model_config = example(
        plants=["Plant_A", "Plant_B"], applications=["Automotive"], panelSizes=["Small"], seed=1
    )
