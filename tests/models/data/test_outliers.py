"""Outliers: spikes are found, noise and weekends are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.data import outliers
from models.data_generator import PlantSpec, generate
from models.series.panel import TARGETS, Panel
from tests.support.panels import panel_of
from tests.support.queue_simulation import Floats


def plant(days: int, noise: float, seed: int = 1) -> Panel:
    spec = PlantSpec(("A", "B", "C"), ("D",), ("E", "F"), days, 100, 50, 0.2, noise, seed)
    columns = next(generate(spec)).columns
    return panel_of(*(np.stack([columns[t][s] for t in TARGETS], axis=1) for s in range(6)))


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("days", [90, 545])
def test_noise_and_weekends_are_no_outliers(days: int, noise: float) -> None:
    assert len(outliers.find(plant(days, noise)).row) <= 5


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("column", range(3))
@pytest.mark.parametrize("day", [0, 40, 89])
def test_a_spike_of_fifty_times_is_found(noise: float, column: int, day: int) -> None:
    data = plant(90, noise)
    usual, row = data.values, data.offsets[2] + day
    values = usual.copy()
    values[row, column] *= 50
    found = outliers.find(replace(data, values=values))
    hit = np.flatnonzero((found.row == row) & (found.column == column))
    assert hit.size == 1 and len(found.row) <= 5
    assert found.low[hit] <= usual[row, column] <= found.high[hit] < values[row, column]
    assert found.strength[hit] > outliers.LIMIT


def test_days_without_output_are_no_outliers_if_they_are_usual() -> None:
    rng = np.random.default_rng(0)
    rows = rng.lognormal(3, 0.1, (300, 3))
    rows[:, 1] *= rng.random(300) > 0.15
    assert len(outliers.find(panel_of(rows)).row) == 0
    rows[:, 1] = np.where(np.arange(300) % 7 > 4, 0, rng.lognormal(3, 0.1, 300))
    assert len(outliers.find(panel_of(rows)).row) == 0


@pytest.mark.parametrize("rows", [np.zeros((50, 3)), np.ones((20, 3)), np.full((1, 3), 9.0)])
def test_constant_and_short_series_have_none(rows: Floats) -> None:
    spiked = np.random.default_rng(0).lognormal(3, 0.1, (100, 3))
    spiked[50, 1] *= 50
    found = outliers.find(panel_of(rows, spiked, rows))
    assert found.row.tolist() == [len(rows) + 50] and found.column.tolist() == [1]


def test_unknown_cycle_times_are_none() -> None:
    rows = np.random.default_rng(0).lognormal(3, 0.1, (100, 3))
    rows[::3, 2] = np.nan
    assert len(outliers.find(panel_of(rows)).row) == 0


def test_blocks_of_series_are_searched_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    data = plant(545, 1.0, seed=4)
    values = data.values.copy()
    values[::100] *= 50
    whole = outliers.find(replace(data, values=values))
    monkeypatch.setattr(outliers, "ROWS_PER_BLOCK", 700)
    parts = outliers.find(replace(data, values=values))
    assert len(whole.row) > 0
    for name in ("row", "column", "low", "high", "strength"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
