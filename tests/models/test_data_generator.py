"""The laws of synthetic data, not its digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import data_generator
from models.data_generator import (
    FACTORS,
    PlantSpec,
    factor,
    generate,
    series_factor,
)
from models.series.line_simulation import sojourn_times
from utils.validation import window_compliance

YEARS = 3652


def spec(**changes: Any) -> PlantSpec:
    fields = {
        "plants": ("Plant_A", "Plant_B"),
        "applications": ("Automotive",),
        "panel_sizes": ("Small", "15.6"),
        "days": 400,
        "base_wip": 100.0,
        "base_throughput": 50.0,
        "seasonality": 0.2,
        "noise": 0.1,
        "seed": 1,
    }
    return PlantSpec(**(fields | changes))


def columns(**changes: Any) -> dict[str, np.ndarray]:
    return next(generate(spec(**changes))).columns


@given(
    base_wip=st.floats(1, 5000),
    seasonality=st.floats(0, 1),
    noise=st.floats(0, 1),
    seed=st.integers(0, 2**63),
)
def test_generate_conserves_the_flow(
    base_wip: float, seasonality: float, noise: float, seed: int
) -> None:
    c = columns(base_wip=base_wip, seasonality=seasonality, noise=noise, seed=seed, days=90)
    balance = c["wip"][:, :-1] + c["releases"][:, :-1] - c["throughput"][:, :-1]
    np.testing.assert_allclose(balance, c["wip"][:, 1:], rtol=1e-9, atol=1e-7)
    for name, values in c.items():
        assert np.isfinite(values).all() and (values >= 0).all(), name
    stocks = c["semi_finished_goods"] + c["finished_goods"]
    shipped = stocks[:, :-1] + c["throughput"][:, :-1] - stocks[:, 1:]
    assert (shipped >= -1e-7).all()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"noise": 0.5},
        {"noise": 1.0},
        {"seasonality": 1.0},
        {"base_wip": 5.0},
        {"base_wip": 2000.0},
        {"base_wip": 20.0, "noise": 0.3},
        {"base_wip": 50.0, "noise": 0.0},
        *(
            {"base_wip": wip, "seasonality": seasonality, "noise": noise}
            for wip in (0.5, 75.0, 1000.0)
            for seasonality in (0.0, 1.0)
            for noise in (0.0, 1.0)
        ),
    ],
)
def test_generate_comes_out_at_its_bases_in_the_long_run(changes: dict[str, float]) -> None:
    wanted = spec(days=YEARS, **changes)
    c = next(generate(wanted)).columns
    size = np.array([series_factor(key) for key in wanted.series_keys])
    np.testing.assert_allclose(c["wip"].mean(axis=1) / size, wanted.base_wip, rtol=0.03)
    np.testing.assert_allclose(
        c["throughput"].mean(axis=1) / size, wanted.base_throughput, rtol=0.03
    )


def test_generate_without_season_and_noise_is_a_constant_line() -> None:
    for values in columns(seasonality=0.0, noise=0.0).values():
        np.testing.assert_allclose(values, values[:, :1].repeat(400, axis=1), rtol=1e-6)


def test_generate_reproduces_every_byte_of_a_seed() -> None:
    first, again, other = (columns(seed=s) for s in (1, 1, 2))
    assert all(first[name].tobytes() == again[name].tobytes() for name in first)
    assert (first["wip"] != other["wip"]).any()


def test_generate_leaves_a_series_as_it_was_when_others_are_added() -> None:
    alone = columns(plants=("Plant_B",))
    np.testing.assert_array_equal(columns()["wip"][2:], alone["wip"])


def test_throughput_saturates_with_wip() -> None:
    """On more WIP a line puts out more, ever less so, and the cycle time grows."""
    c = columns(noise=0.3, days=YEARS, plants=("Plant_A",), panel_sizes=("Small",))
    load = (c["wip"] + c["releases"])[0]
    order = np.argsort(load)
    thirds = np.array_split(order, 3)
    wip = [load[part].mean() for part in thirds]
    flow = [c["throughput"][0][part].mean() for part in thirds]
    slopes = np.diff(flow) / np.diff(wip)
    assert 0 < slopes[1] < slopes[0] < 1
    times = [c["cycle_time"][0][part].mean() for part in thirds]
    assert times[2] > times[0]


def test_cycle_times_obey_littles_law_over_windows() -> None:
    c = columns(days=YEARS)
    for s in range(4):
        values = np.column_stack([c[n][s] for n in ("wip", "throughput", "cycle_time")])
        assert window_compliance(values, 60).min() > 0.95


def test_cycle_times_are_those_of_a_queue_of_single_units() -> None:
    """Against a simulation of 20,000 units a day that leave in the order of their arrival."""
    rng = np.random.default_rng(3)
    releases = rng.uniform(0.2, 1.8, (12, 1))
    wip, throughput = np.empty((12, 1)), np.empty((12, 1))
    stock = 1.5
    for day in range(12):
        wip[day] = stock
        throughput[day] = 0.45 * (stock + releases[day, 0])
        stock += releases[day, 0] - throughput[day, 0]
    count = 20_000
    arrivals = [np.linspace(-1.5, 0, int(1.5 * count), endpoint=False)]
    departures = []
    for day in range(12):
        arrivals.append(np.linspace(day, day + 1, int(releases[day, 0] * count), endpoint=False))
        departures.append(
            np.linspace(day, day + 1, int(throughput[day, 0] * count), endpoint=False)
        )
    arrived = np.concatenate(arrivals)
    begin, expected = 0, []
    for left in departures:
        expected.append((left - arrived[begin : begin + len(left)]).mean())
        begin += len(left)
    [found] = sojourn_times(wip, releases, throughput, 12)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_factors_are_stable_and_average_one_over_the_default_names() -> None:
    for names in FACTORS.values():
        assert np.mean(list(names.values())) == pytest.approx(1)
    assert factor("plant", "Wörk/2") == factor("plant", "Wörk/2")
    assert factor("plant", "Wörk/2") == pytest.approx(1.1603968970789467)
    assert all(0.6 <= factor("plant", f"p{i}") <= 1.4 for i in range(200))


@pytest.mark.parametrize("days", [3, 1000])
def test_generate_holds_some_series_at_once_the_longer_the_fewer(
    days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = tuple(f"p{i}" for i in range(60))
    wanted = spec(plants=names, panel_sizes=("S",), days=days)
    [whole] = generate(wanted)
    monkeypatch.setattr(data_generator, "_CELLS_PER_BLOCK", 25 * (data_generator.BURN_IN + days))
    blocks = list(generate(wanted))
    assert [len(block.series_keys) for block in blocks] == [25, 25, 10]
    assert [key for block in blocks for key in block.series_keys] == whole.series_keys
    for name, values in whole.columns.items():
        np.testing.assert_array_equal(np.vstack([b.columns[name] for b in blocks]), values)
