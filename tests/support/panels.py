"""Panels for tests: of given values, of random ones, of generated data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.data_generator import PlantSpec, generate
from models.series.calendar import Calendar
from models.series.panel import TARGETS, Panel, SeriesKey

FIRST_DAY = 19_723  # 2024-01-01


def panel_of(
    *series: NDArray[np.float64],
    calendar: Calendar | None = None,
    keys: Sequence[SeriesKey] | None = None,
    first: int | Sequence[int] = FIRST_DAY,
) -> Panel:
    """Return a panel of the rows of some series, each [steps, 3].

    Args:
        keys: the names of each series; `P0`, `P1`, … without.
        first: the first step, of all series or of each.
    """
    names = keys or [(f"P{i}", "A", "S") for i in range(len(series))]
    offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in series])])
    begin = np.broadcast_to(np.asarray(first, np.int64), len(series)).copy()
    return Panel(calendar or Calendar(), tuple(names), offsets, begin, np.vstack(series))


def generated_panel(days: int = 60, plants: int = 2) -> Panel:
    """Return a panel of one generated series for each plant."""
    names = tuple(f"p{i}" for i in range(plants))
    block = next(generate(PlantSpec(names, ("a",), ("s",), days, 100, 50, 0.2, 0.1, 1)))
    values = np.stack([block.columns[name] for name in TARGETS], axis=-1)
    return panel_of(*values.reshape(plants, days, 3), keys=block.series_keys)


def random_panel(
    lengths: Sequence[int], seed: int = 0, first: int | Sequence[int] | None = None
) -> Panel:
    """Return a panel of series of these lengths, of two applications, with random values."""
    rng = np.random.default_rng(seed)
    series = [rng.lognormal(2, 1, (length, 3)) for length in lengths]
    keys = [(f"p{i}", f"a{i % 2}", "s") for i in range(len(lengths))]
    return panel_of(*series, keys=keys, first=first or 20_000)
