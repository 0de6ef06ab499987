"""The data that methods are compared on: a panel, what of it is held back, and from when on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.data import cleaning
from models.data.reading import tables
from models.data_generator import PlantSpec, first_day, generate
from models.series.calendar import Calendar, Step
from models.series.panel import TARGETS, Ints, Panel, SeriesKey
from models.series.windows import split_steps
from utils.api.schemas.synthetic_data import PlantFields
from utils.errors import InvalidInput

Floats = NDArray[np.float64]

DAILY = Calendar()
_TRAINED_SHARE = 0.8  # of the span, as a training holds back by default
_FEWEST_ROWS = 3  # before the cut; a series with less is left out
_ARTIFICIAL = (12, 545)  # series and days of noise and of random walks
_BASES = (100.0, 50.0, 2.0)  # of WIP, throughput and cycle time there
_NOISE, _WALK = 0.10, 0.01  # standard deviation of a value and of a step, relative to the base
_FILLING = 28  # days at the start of a table of stays, which lacks those that began before


class Pace(NamedTuple):
    """The settings of a step: season, horizon, distance between origins, bands of horizons."""

    season: int
    horizon: int
    every: int
    bands: tuple[tuple[int, int], ...]


PACES = {
    Step.SHIFT: Pace(21, 28, 7, ((1, 1), (1, 7), (8, 14), (15, 28))),
    Step.DAY: Pace(7, 28, 7, ((1, 1), (1, 7), (8, 14), (15, 28))),
    Step.WEEK: Pace(52, 26, 4, ((1, 1), (1, 4), (5, 13), (14, 26))),
    Step.MONTH: Pace(12, 12, 1, ((1, 1), (1, 3), (4, 6), (7, 12))),
}


@dataclass(frozen=True)
class DataSet:
    """A panel, split by time: rows from step `cut` on are held back.

    Attributes:
        steps: the origins, if they are not those of the pace.
    """

    name: str
    panel: Panel
    cut: int
    steps: tuple[int, ...] = ()

    @classmethod
    def of(cls, name: str, panel: Panel, held_back: int | None = None) -> DataSet:
        """Hold back the last `held_back` steps; by default 20 % of the span.

        Raises:
            InvalidInput: no series has a few rows before the cut and one after it.
        """
        end = int((panel.first + panel.lengths).max())
        cut = split_steps(panel, _TRAINED_SHARE)[0] if held_back is None else end - held_back
        before = np.clip(cut - panel.first, 0, panel.lengths)
        keep = np.flatnonzero((before >= _FEWEST_ROWS) & (panel.lengths > before))
        if not keep.size:
            since = panel.calendar.dates(np.array([cut]))[0]
            raise InvalidInput.of(
                "rows",
                f"of some series must be at least {_FEWEST_ROWS} {panel.calendar.step}s before "
                f"{since} and one after",
                name,
            )
        return cls(name, panel.select(keep.tolist()), cut)

    @property
    def pace(self) -> Pace:
        """Season, horizon, distance of origins and bands."""
        return PACES[self.panel.calendar.step]

    @property
    def origins(self) -> Ints:
        """Steps that are the first to be forecast, [O]: the cut, and on to the end of the data."""
        if self.steps:
            return np.array(self.steps)
        end = int((self.panel.first + self.panel.lengths).max())
        return np.arange(self.cut, end, self.pace.every)

    @property
    def train(self) -> Panel:
        """All that a method may learn from."""
        return until(self.panel, self.cut)

    def truth(self) -> Floats:
        """Return the actual values after each origin, [O, S, H, 3]; NaN where nothing is known."""
        panel, horizon = self.panel, np.arange(self.pace.horizon)
        place = self.origins[:, None, None] + horizon - panel.first[:, None]
        inside = (place >= 0) & (place < panel.lengths[:, None])
        rows = np.where(inside, place, 0) + panel.offsets[:-1, None]
        return np.where(inside[..., None], panel.values[rows], np.nan)


def until(panel: Panel, step: int) -> Panel:
    """The rows of every series before a step."""
    lengths = np.clip(step - panel.first, 0, panel.lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = panel.values[panel.time < step]
    return Panel(panel.calendar, panel.series_keys, offsets, panel.first, values)


def generated(
    seed: int, noise: float | None = None, series: int | None = None, days: int | None = None
) -> DataSet:
    """The generator's data; what is not given is as its defaults have it."""
    fields, parts = PlantFields(), [f"generated, seed {seed}"]
    plants, per_plant = tuple(fields.plants), fields.series // len(fields.plants)
    if series is not None:
        parts.append(f"{series} series")
        plants = tuple(f"Plant_{chr(65 + i)}" for i in range(-(-series // per_plant)))
    if noise is not None:
        parts.append(f"noise {noise:g}")
    if days is not None:
        parts.append(f"{days} days")
    spec = PlantSpec(
        plants,
        tuple(fields.applications),
        tuple(fields.panel_sizes),
        fields.historical_days if days is None else days,
        fields.base_wip,
        fields.base_throughput,
        fields.seasonality,
        fields.noise_level if noise is None else noise,
        seed,
    )
    blocks = list(generate(spec))
    keys = [key for block in blocks for key in block.series_keys][:series]
    columns = [np.vstack([b.columns[name] for b in blocks])[:series] for name in TARGETS]
    return DataSet.of(", ".join(parts), regular(keys, np.stack(columns, axis=-1)))


def noise(seed: int) -> DataSet:
    """Normal noise around a constant of each series: nothing to be learned but the mean."""
    rng = np.random.default_rng([seed, 1])
    return _artificial(f"noise, seed {seed}", rng, 1 + _NOISE * _draws(rng))


def walk(seed: int) -> DataSet:
    """Geometric random walks: nothing to be learned but the last value."""
    rng = np.random.default_rng([seed, 2])
    steps = np.cumsum(_WALK * _draws(rng), axis=1)
    return _artificial(f"random walk, seed {seed}", rng, np.exp(steps))


def table(path: Path, name: str | None = None, held_back: int | None = None) -> DataSet:
    """A table of the service's own format, as an upload would read it."""
    read = tables.read_file(path, max_rows=10_000_000, max_bytes=2**30)
    return DataSet.of(name or path.stem, cleaning.clean(read).panel, held_back)


def stays(path: Path, name: str) -> DataSet:
    """Daily series of a table of stays: start, finish (blank: it goes on), names of the series.

    WIP is the time average of a day, throughput counts the stays that finish on it, the cycle
    time is their mean length in days. The last day is the last one with a start or a finish: up to
    there all is known, as stays that go on are in the table. The first four weeks are left out.
    """
    rows = pd.read_csv(path, dtype=str)
    names = rows.columns.drop(["unit", "start", "finish"]).tolist()
    begun, ended = (_days(rows[column]) for column in ("start", "finish"))
    edges = np.arange(np.floor(begun.min()), np.floor(np.nanmax([begun, ended])) + 2)
    groups = rows.groupby(names).indices
    values = np.stack([_flow(begun[own], ended[own], edges) for own in groups.values()])
    keys = [(name, *key) for key in groups]
    first = int(edges[0]) + _FILLING
    return DataSet.of(name, regular(keys, values[:, _FILLING:], first=first))


def _days(column: pd.Series[str]) -> Floats:
    """Days since 1970-01-01, NaN for a blank."""
    times = pd.to_datetime(column, format="ISO8601")
    return ((times - pd.Timestamp(0)) / pd.Timedelta(days=1)).to_numpy(float)


def _flow(begun: Floats, ended: Floats, edges: Floats) -> Floats:
    """WIP, throughput and cycle time between the edges of days, [days, 3]."""
    over = ~np.isnan(ended)

    def unit_days(since: Floats) -> Floats:
        """Days since then of all units, summed, within each day."""
        return np.diff(np.maximum(edges[:, None] - since, 0).sum(axis=1))

    day = np.floor(ended[over] - edges[0]).astype(int)
    finished = np.bincount(day, minlength=len(edges) - 1)
    lengths = np.bincount(day, weights=(ended - begun)[over], minlength=len(edges) - 1)
    cycle_time = np.where(finished > 0, lengths / np.maximum(finished, 1), np.nan)
    return np.column_stack([unit_days(begun) - unit_days(ended[over]), finished, cycle_time])


def regular(
    keys: list[SeriesKey], values: Floats, calendar: Calendar = DAILY, first: int | None = None
) -> Panel:
    """Series of equal length, [S, steps, 3], that begin at step `first`, as a panel."""
    count, length = values.shape[:2]
    return Panel(
        calendar,
        tuple(keys),
        np.arange(count + 1) * length,
        np.full(count, first_day() if first is None else first),
        values.reshape(-1, len(TARGETS)),
    )


def _draws(rng: np.random.Generator) -> Floats:
    return rng.standard_normal((*_ARTIFICIAL, len(TARGETS)))


def _artificial(name: str, rng: np.random.Generator, relative: Floats) -> DataSet:
    sizes = rng.uniform(0.5, 2.0, (len(relative), 1, 1)) * np.array(_BASES)
    keys = [(f"Plant_{chr(65 + i)}", "Artificial", "Any") for i in range(len(relative))]
    return DataSet.of(name, regular(keys, relative * sizes))
