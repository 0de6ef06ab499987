"""Forecasts worth trusting: better than naive ones, covered by their intervals, on any series."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.data_generator import PlantSpec, generate
from models.forecast.autoregression import Shape
from models.forecast.direct_network import DirectNetwork
from models.forecast.forecast import Forecast
from models.forecast.look_back import LookBack
from models.forecast.members import MemberName
from models.forecast.published_model import PublishedModel
from models.forecast.what_if import WhatIfEffect
from models.registry.hyperparameters import Hyperparameters
from models.series.calendar import Calendar
from models.series.panel import TARGETS, Panel
from models.training.evaluate import evaluate
from models.training.member_errors import trial_look_back
from models.training.prepare import PreparedData, prepare

pytestmark = pytest.mark.training

FIRST = 19_723
HYPER = Hyperparameters()
Floats = NDArray[np.float64]


def zero(windows: NDArray[np.float32], names: Any) -> NDArray[np.float32]:
    """A network that forecasts the last value."""
    return np.zeros((len(windows), 84), np.float32)


def plants(days: int, seed: int = 1, noise: float = 0.1, lines: int = 4) -> Panel:
    spec = PlantSpec(
        ("p", "q"), ("a",), tuple(f"s{i}" for i in range(lines)), days, 100, 50, 0.2, noise, seed
    )
    block = next(generate(spec))
    return panel_of(
        list(np.stack([block.columns[name] for name in TARGETS], axis=-1)), tuple(block.series_keys)
    )


def panel_of(series: list[Floats], keys: tuple[Any, ...]) -> Panel:
    """Series that end on the same day."""
    lengths = np.array([len(each) for each in series])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    first = FIRST + lengths.max() - lengths
    return Panel(Calendar(), keys, offsets, first, np.concatenate(series))


def until(panel: Panel, day: int) -> Panel:
    """A panel as it was known before a day, counted from its beginning."""
    spans = [panel.values[b:e] for b, e in zip(panel.offsets[:-1], panel.offsets[1:], strict=True)]
    known = [
        rows[: max(0, FIRST + day - first)] for rows, first in zip(spans, panel.first, strict=True)
    ]
    offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in known])])
    whole = Panel(panel.calendar, panel.series_keys, offsets, panel.first, np.concatenate(known))
    return whole.select(np.flatnonzero(whole.lengths).tolist())


def published(task: PreparedData, network: Any = zero) -> tuple[PublishedModel, dict[str, Any]]:
    """The model as it is published, and its metrics."""
    found = evaluate(task, network, None)
    return found.model, found.metrics


def later(
    model: PublishedModel, panel: Panel, days: list[int], steps: int
) -> tuple[list[Forecast], Floats]:
    """Forecasts of all series from some days on, and what came: [origins, S, steps, 3]."""
    scaled = model.encoding.scaling.forward(panel.filled(), panel.series)
    ranges = model.encoding.lowest, model.encoding.highest
    every, shape = np.arange(len(panel.series_keys)), Shape.of(panel.calendar, 10, 300)
    forecasts, truths = [], []
    for day in days:
        start = LookBack.of(panel, scaled, shape, every, FIRST + day, ranges, model.look_back)
        forecasts.append(model.forecast(start, steps))
        rows = panel.offsets[:-1] + FIRST + day - panel.first
        truths.append(panel.values[rows[:, None] + np.arange(steps)])
    return forecasts, np.array(truths)


def look_back(model: PublishedModel, number: int, rows: Floats, last: int) -> LookBack:
    """The look-back of one series."""
    return model.look_back_of(np.array([number]), [rows], np.array([last]))


def errors(forecasts: list[Forecast], truth: Floats, some: Any = slice(None)) -> Floats:
    """Absolute errors of some series as a share of the truth, [3]."""
    values = np.array([forecast.values for forecast in forecasts])
    off = np.abs(values - truth)[:, some]
    return np.nansum(off, axis=(0, 1, 2)) / np.nansum(np.abs(truth[:, some]), axis=(0, 1, 2))


@pytest.mark.parametrize(
    ("days", "noise"), [pytest.param(250, 0.3, marks=pytest.mark.long), (400, 0.05)]
)
def test_forecasts_of_plants_beat_both_naive_ones(days: int, noise: float) -> None:
    panel = plants(days + 40, noise=noise, lines=6)
    model, metrics = published(prepare(until(panel, days), HYPER))
    origins = list(range(days, days + 26, 3))
    forecasts, truth = later(model, panel, origins, 14)
    last = (
        truth[:, :, :1] * 0
        + np.array(
            [
                [
                    panel.values[o + e - panel.lengths[0] + d - 1]
                    for o, e in zip(panel.offsets[:-1], panel.lengths, strict=True)
                ]
                for d in origins
            ]
        )[:, :, None]
    )
    naive = np.nansum(np.abs(last - truth), axis=(0, 1, 2)) / truth.sum(axis=(0, 1, 2))
    assert (errors(forecasts, truth) < naive).all()
    for figures in metrics["per_target"].values():
        assert figures["skill"] > 0.05


@pytest.mark.parametrize("noise", [0.1, pytest.param(0.4, marks=pytest.mark.long)])
def test_intervals_and_confidence_hold_on_later_data(noise: float) -> None:
    inside: dict[int, list[float]] = {80: [], 95: []}
    stated, landed = [], []
    for seed in (1, 2):
        panel = plants(400, seed, noise, lines=6)
        model, _ = published(prepare(until(panel, 300), HYPER))
        forecasts, truth = later(model, panel, list(range(300, 372, 6)), 28)
        for forecast, came in zip(forecasts, truth, strict=True):
            for level, found in inside.items():
                within = (forecast.lower[level] <= came) & (came <= forecast.upper[level])
                found.append(float(within.mean()))
            close = np.abs(forecast.values - came) <= 0.2 * came
            stated.append(forecast.confidence.mean())
            landed.append(close.mean())
    assert np.mean(inside[80]) == pytest.approx(0.80, abs=0.06)
    assert np.mean(inside[95]) == pytest.approx(0.95, abs=0.03)
    assert np.mean(stated) == pytest.approx(np.mean(landed), abs=0.08)


def awkward(days: int) -> dict[str, Floats]:
    """Series of the kinds that spoil a pool."""
    base = plants(days, seed=9).values.reshape(-1, days, 3)
    rng = np.random.default_rng(0)
    intermittent = base[0].copy()
    intermittent[rng.random(days) < 0.5, 1:] = [0.0, np.nan]
    shifted, spiked, blank = base[1].copy(), base[2].copy(), base[3].copy()
    shifted[days // 2 :] *= [3.0, 3.0, 1.0]
    spiked[days // 3] *= 50
    blank[rng.random(days) < 0.7, 2] = np.nan
    return {
        "intermittent": intermittent,
        "short": base[0][-20:],
        "constant": np.tile([100.0, 50.0, 2.0], (days, 1)),
        "level shift": shifted,
        "outlier": spiked,
        "blank cycle times": blank,
    }


@lru_cache(maxsize=1)
def alone() -> Floats:
    panel = plants(360)
    model, _ = published(prepare(until(panel, 300), HYPER))
    return errors(*later(model, panel, list(range(300, 340, 8)), 14))


@pytest.mark.parametrize(
    "kind", [*(pytest.param(kind, marks=pytest.mark.long) for kind in awkward(360)), "all of them"]
)
def test_awkward_series_harm_none_of_the_others_and_are_forecast_too(kind: str) -> None:
    good, others = plants(360), awkward(360)
    chosen = others if kind == "all of them" else {kind: others[kind]}
    rows = [*good.values.reshape(-1, 360, 3), *chosen.values()]
    panel = panel_of(rows, (*good.series_keys, *((name, "a", "s") for name in chosen)))
    task = prepare(until(panel, 300), HYPER)
    kept = panel.select([panel.series_keys.index(key) for key in task.panel.series_keys])
    model, metrics = published(task)
    forecasts, truth = later(model, kept, list(range(300, 340, 8)), 14)
    assert (errors(forecasts, truth, slice(0, 8)) < 1.05 * alone()).all()
    for forecast in forecasts:
        bounds = [*forecast.lower.values(), *forecast.upper.values()]
        for values in (forecast.values, forecast.raw, *bounds):
            assert np.isfinite(values).all() and (values >= 0).all()
        assert (forecast.lower[95] <= forecast.lower[80] + 1e-9).all()
        assert (forecast.upper[80] <= forecast.upper[95] + 1e-9).all()
        highest = np.nanmax(kept.values.reshape(-1, 3), axis=0)
        assert (forecast.values <= 2 * highest).all()
    assert np.isfinite(metrics["mae"])


def trial_path(task: PreparedData, network: Any) -> Floats:
    """Forecasts of a network in the trials."""
    member = DirectNetwork(network, task.encoding, task.change_scale)
    start = trial_look_back(task, member.look_back)
    assert start is not None
    return member.path(start, task.horizon)


def test_a_network_that_forecasts_badly_has_no_weight_and_the_metrics_state_its_error() -> None:
    def wrong(windows: NDArray[np.float32], names: Any) -> NDArray[np.float32]:
        return np.full((len(windows), 84), 2.0, np.float32)

    task = prepare(plants(400), HYPER)
    found = evaluate(task, wrong, trial_path(task, wrong))
    assert not found.weights[MemberName.LSTM].any()
    for figures in found.metrics["combination"]["per_target"].values():
        of_lstm = figures["members"]["lstm"]
        assert of_lstm["weight"] == 0 and of_lstm["wape"] > 1.5 * figures["wape"]
    assert " LSTM" not in found.metrics["combination"]["sentence"].replace("pretrained LSTM", "")


def test_a_network_that_knows_what_comes_has_all_the_weight() -> None:
    panel = plants(400)
    task = prepare(panel, HYPER)
    rows = np.flatnonzero(task.panel.position >= 10)
    place = {tuple(np.round(task.scaled[r - 1], 5)): r for r in rows}

    def knowing(windows: NDArray[np.float32], names: Any) -> NDArray[np.float32]:
        found = np.zeros((len(windows), 28, 3), np.float32)
        for i, window in enumerate(windows):
            row = place.get(tuple(np.round(window[-1, :3].astype(float), 5)))
            if row is None:
                continue
            ahead = task.scaled[row : row + 28]
            change = (ahead - task.scaled[row - 1]) / task.change_scale[: len(ahead)]
            found[i, : len(ahead)] = change
        return found.reshape(len(windows), -1)

    found = evaluate(task, knowing, trial_path(task, knowing))
    assert found.weights[MemberName.LSTM].mean() > 0.7
    for figures in found.metrics["combination"]["per_target"].values():
        others = [m["wape"] for name, m in figures["members"].items() if name != "lstm"]
        assert figures["wape"] < 0.7 * min(others)


@lru_cache(maxsize=1)
def of_plants() -> tuple[PublishedModel, Panel]:
    panel = plants(200)
    return published(prepare(panel, HYPER))[0], panel


@pytest.mark.parametrize(
    ("kept", "low", "high"),
    [(1.0, 0.25, 0.75), pytest.param(0.0, 0.0, 0.15, marks=pytest.mark.long)],
)
def test_beyond_the_horizon_intervals_grow_as_errors_do(
    kept: float, low: float, high: float
) -> None:
    """A random walk's with the root of the horizon, those of noise not at all."""
    steps = np.random.default_rng(1).normal(0, 0.02, (8, 400, 3))
    for day in range(1, 400):
        steps[:, day] += kept * steps[:, day - 1]
    keys = tuple(("p", "a", f"s{i}") for i in range(8))
    model, _ = published(prepare(panel_of(list(100 * np.exp(steps)), keys), HYPER))
    assert model.intervals is not None
    growth = model.intervals.growth
    assert (growth >= low).all() and (growth <= high).all()


@given(
    series=st.integers(0, 7),
    more=st.floats(1.02, 4),
    less=st.floats(0.25, 0.98),
)
def test_another_state_has_the_effect_of_the_balance_and_fades(
    series: int, more: float, less: float
) -> None:
    model, panel = of_plants()
    effect = WhatIfEffect.fit(panel, panel.filled(), FIRST + 160)
    rows = panel.values[200 * series : 200 * (series + 1)]
    plain = model.forecast(look_back(model, series, rows, FIRST + 199), 30)
    was = rows[-1]

    def moved(wip: float | None, throughput: float | None) -> Floats:
        return plain.shifted(effect, was, wip, throughput).values[0] / plain.values[0] - 1

    for shift in (moved(was[0] * more, None), -moved(None, was[1] * more)):
        assert (shift[0, [0, 2]] > 0).all()
    for shift in (moved(was[0] * less, None), -moved(None, was[1] * less)):
        assert (shift[0, [0, 2]] < 0).all()
    for shift in (moved(was[0] * more, None), moved(None, was[1] * less)):
        assert (np.diff(np.abs(shift[:, [0, 2]]), axis=0) <= 1e-12).all()
        assert np.abs(shift[-1]).max() < 0.5 * np.abs(shift[0]).max()


def test_a_series_that_is_not_known_is_forecast_from_its_history() -> None:
    model, panel = of_plants()
    other = plants(240, seed=5).values[:240]
    errs, naive = [], []
    for day in range(150, 220, 10):
        rows = other[:day]
        cold = model.with_series(rows)
        forecast = cold.forecast(look_back(cold, len(panel.series_keys), rows, FIRST + day - 1), 7)
        errs.append(np.abs(forecast.values[0] - other[day : day + 7]) / other[day : day + 7])
        naive.append(np.abs(rows[-1] - other[day : day + 7]) / other[day : day + 7])
        assert (forecast.lower[80] < forecast.values).all()
    assert (np.mean(errs, axis=(0, 1)) < np.mean(naive, axis=(0, 1))).all()
