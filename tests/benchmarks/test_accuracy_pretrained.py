"""Fracast-0 as a method; runs in the environment of the accuracy benchmark."""

from __future__ import annotations

import numpy as np
import pytest

from models.series.calendar import Calendar
from models.series.panel import Panel

fracast = pytest.importorskip("fracast", reason="needs requirements-benchmarks.txt")


def panel(lengths: list[int], unit: float) -> Panel:
    """Series with a week in them, whose mean is `unit`."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    days = np.concatenate([np.arange(n) for n in lengths])
    week = unit * (1 + 0.5 * np.sin(2 * np.pi * days / 7))
    keys = tuple((f"p{i}", "a", "s") for i in range(len(lengths)))
    values = np.column_stack([week, 2 * week, np.zeros_like(week)])
    return Panel(Calendar(), keys, offsets, np.full(len(lengths), 19_723), values)


@pytest.mark.parametrize("unit", [1.0, 4e-7])
def test_each_series_is_forecast_by_itself_in_its_own_units(unit: float) -> None:
    from benchmarks.accuracy.pretrained import Fracast

    method, past = Fracast(), panel([210, 70], unit)
    method.fit(past, 28)
    found = method.forecast(past)
    assert found.values.shape == (2, 28, 3) and set(found.lower) == set(found.upper) == {80}
    assert (found.lower[80] <= found.values).all() and (found.values <= found.upper[80]).all()
    np.testing.assert_allclose(found.values[..., 1], 2 * found.values[..., 0], rtol=1e-4)
    assert np.abs(found.values[..., 2]).max() < 1e-4
    actual = panel([238], unit).values[210:, 0]
    np.testing.assert_allclose(found.values[0, :, 0], actual, atol=0.2 * unit)
    alone = method.forecast(past.select([1]))
    np.testing.assert_allclose(alone.values[0], found.values[1], rtol=1e-3, atol=1e-4 * unit)
