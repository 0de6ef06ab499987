"""The data that methods are compared on: a panel, what of it is held back, and from when on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.data import cleaning, tables
from models.data_generator import PlantSpec, first_day, generate
from models.series.calendar import Calendar, Step
from models.series.panel import TARGETS, Ints, Panel
from models.series.windows import split_steps
from utils.api.schemas import PlantFields
from utils.errors import InvalidInput

Floats = NDArray[np.float64]

_TRAINED_SHARE = 0.8  # of the span, as a training holds back by default
_FEWEST_ROWS = 3  # before the cut; a series with less is left out
_ARTIFICIAL = (12, 545)  # series and days of noise and of random walks
_BASES = (100.0, 50.0, 2.0)  # of WIP, throughput and cycle time there
_NOISE, _WALK = 0.10, 0.01  # standard deviation of a value and of a step, relative to the base


class Pace(NamedTuple):
    """The settings of a step: season, horizon, distance between origins, bands of horizons."""

    season: int
    horizon: int
    every: int
    bands: tuple[tuple[int, int], ...]


PACES = {
    Step.DAY: Pace(7, 28, 7, ((1, 1), (1, 7), (8, 14), (15, 28))),
    Step.WEEK: Pace(52, 26, 4, ((1, 1), (1, 4), (5, 13), (14, 26))),
    Step.MONTH: Pace(12, 12, 1, ((1, 1), (1, 3), (4, 6), (7, 12))),
}


@dataclass(frozen=True)
class DataSet:
    """A panel, split by time: rows from step `cut` on are held back."""

    name: str
    panel: Panel
    cut: int

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
    return DataSet.of(", ".join(parts), _panel(keys, np.stack(columns, axis=-1)))


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


def _draws(rng: np.random.Generator) -> Floats:
    return rng.standard_normal((*_ARTIFICIAL, len(TARGETS)))


def _artificial(name: str, rng: np.random.Generator, relative: Floats) -> DataSet:
    sizes = rng.uniform(0.5, 2.0, (len(relative), 1, 1)) * np.array(_BASES)
    keys = [(f"Plant_{chr(65 + i)}", "Artificial", "Any") for i in range(len(relative))]
    return DataSet.of(name, _panel(keys, relative * sizes))


def _panel(keys: list[tuple[str, str, str]], values: Floats) -> Panel:
    """Daily series of equal length, [S, days, 3]."""
    count, days = values.shape[:2]
    return Panel(
        Calendar(),
        tuple(keys),
        np.arange(count + 1) * days,
        np.full(count, first_day()),
        values.reshape(-1, len(TARGETS)),
    )
