"""Zero-shot forecasts: scale, gaps, short and constant series, long horizons, batches."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from models.forecast.pretrained import BOUNDS, FILE, LEVELS, MEDIAN, PretrainedModel
from models.forecast.pretrained_inputs import (
    CANDIDATES,
    CONTEXT_WIDTH,
    HORIZON,
    PATCH_ROWS,
    PATCHES,
    SHAPES,
    STEP_WIDTH,
    Inputs,
)
from models.series.calendar import Step

MODEL = PretrainedModel.open()
STEPS = list(Step)
LARGEST_FILE = 4 * 2**20  # bytes


def series(count: int = 5, length: int = 120, seed: int = 1) -> np.ndarray:
    """Days of a plant that rests at weekends."""
    rng = np.random.default_rng(seed)
    rows = np.array([100.0, 50.0, 2.0]) * np.exp(0.1 * rng.standard_normal((count, length, 3)))
    weekend = (np.arange(length) - length) % 7 >= 5
    rows[:, weekend, 1] = 0.0
    return rows


def test_published_files_are_small_and_as_their_document_states() -> None:
    document = json.loads(FILE.with_suffix(".json").read_text())
    assert sorted(document["files"]) == ["pretrained.keras", "pretrained.onnx"]
    for name, about in document["files"].items():
        content = FILE.with_name(name).read_bytes()
        assert about["sha256"] == hashlib.sha256(content).hexdigest()
        assert len(content) <= LARGEST_FILE


def test_bounds_are_the_quantiles_of_their_level() -> None:
    for level, (low, high) in BOUNDS.items():
        assert LEVELS[high] - LEVELS[low] == pytest.approx(level / 100)
        assert LEVELS[high] == pytest.approx(1 - LEVELS[low])


@pytest.mark.parametrize("step", STEPS)
def test_inputs_have_the_shapes_of_the_network(step: Step) -> None:
    given = Inputs.of(series(4, 50), step)
    assert given.patches.shape == (4, PATCHES, 6 * PATCH_ROWS)
    assert given.context.shape == (4, CONTEXT_WIDTH)
    assert given.steps.shape == (4, HORIZON, STEP_WIDTH)
    assert given.candidates.shape == (4, HORIZON, 3, len(CANDIDATES))


@pytest.mark.parametrize("step", STEPS)
def test_quantiles_rise_and_are_never_negative(step: Step) -> None:
    found = MODEL.quantiles(series(), step, HORIZON)
    assert found.shape == (5, HORIZON, 3, len(LEVELS))
    assert (np.diff(found, axis=-1) >= 0).all()
    assert found.min() >= 0


@pytest.mark.parametrize("factor", [1000.0, 4e-7, 1e9])
def test_forecasts_follow_the_unit(factor: float) -> None:
    rows = series()
    expected = MODEL.quantiles(rows, Step.DAY, 40) * factor
    np.testing.assert_allclose(
        MODEL.quantiles(rows * factor, Step.DAY, 40), expected, rtol=1e-3, atol=1e-4 * factor
    )


def test_values_missing_in_between_change_little() -> None:
    rows = np.tile(np.array([100.0, 50.0, 2.0]), (3, 100, 1))
    rows += np.random.default_rng(1).normal(0, 0.01, rows.shape)
    gaps = rows.copy()
    gaps[:, ::9] = np.nan
    expected = MODEL.quantiles(rows, Step.DAY, 14)[..., MEDIAN]
    found = MODEL.quantiles(gaps, Step.DAY, 14)[..., MEDIAN]
    np.testing.assert_allclose(found, expected, rtol=0.05)


@pytest.mark.parametrize("length", [1, 2, 10, 168, 1000])
@pytest.mark.parametrize("step", STEPS)
def test_any_length_is_forecast(length: int, step: Step) -> None:
    found = MODEL.quantiles(series(2, length), step, 12)
    assert np.isfinite(found).all()


def test_rows_beyond_the_look_back_change_nothing() -> None:
    rows = series(2, 500)
    used = rows[:, -SHAPES[Step.DAY].look_back :]
    np.testing.assert_array_equal(
        MODEL.quantiles(rows, Step.DAY, 28), MODEL.quantiles(used, Step.DAY, 28)
    )


@pytest.mark.parametrize("value", [0.0, 7.0, 4e-7, 1e9])
@pytest.mark.parametrize("step", STEPS)
def test_constant_series_stay_constant(value: float, step: Step) -> None:
    found = MODEL.quantiles(np.full((1, 60, 3), value), step, 60)
    np.testing.assert_allclose(found[..., MEDIAN], value, rtol=0.05)


def test_without_cycle_times_littles_law_derives_them() -> None:
    rows = series(3)
    rows[..., 1] = 50.0
    rows[..., 2] = np.nan
    found = MODEL.quantiles(rows, Step.DAY, 28)[..., MEDIAN]
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[..., 2].mean(), 2.0, rtol=0.2)


def test_a_target_that_is_unknown_has_no_forecast() -> None:
    rows = series(2)
    rows[0, :, 0] = np.nan
    found = MODEL.quantiles(rows, Step.DAY, 10)
    assert np.isnan(found[0, :, 0]).all()
    assert np.isfinite(found[0, :, 1:]).all()
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("horizon", [1, 28, 29, 100])
@pytest.mark.parametrize("step", STEPS)
def test_a_longer_horizon_continues_a_shorter_one(horizon: int, step: Step) -> None:
    whole = MODEL.quantiles(series(), step, 100)
    found = MODEL.quantiles(series(), step, horizon)
    assert found.shape == (5, horizon, 3, len(LEVELS))
    np.testing.assert_allclose(found, whole[:, :horizon])
    assert (np.diff(whole, axis=-1) >= 0).all()


def test_intervals_do_not_narrow_beyond_the_first_steps() -> None:
    found = MODEL.quantiles(series(), Step.DAY, 84)
    width = (found[..., 8] - found[..., 0]).reshape(5, 6, 14, 3).mean(axis=2)
    # What lies below zero is cut off.
    assert (width[:, 2:] >= 0.7 * width[:, 1:2]).all()


def test_a_batch_is_forecast_as_its_series_alone() -> None:
    rows = series(600, 40)
    whole = MODEL.quantiles(rows, Step.DAY, 7)
    for place in (0, 511, 512, 599):
        alone = MODEL.quantiles(rows[place : place + 1], Step.DAY, 7)[0]
        np.testing.assert_allclose(whole[place], alone, rtol=1e-4, atol=1e-4)


def test_no_series_have_no_forecasts() -> None:
    assert MODEL.quantiles(np.empty((0, 30, 3)), Step.DAY, 5).shape == (0, 5, 3, len(LEVELS))


def test_closed_days_ahead_are_forecast_without_output() -> None:
    rows = series(4)
    rows[..., 1] = 50.0 + np.random.default_rng(1).normal(0, 3, rows.shape[:2])
    future = np.full((4, 28, 3), np.nan)
    future[..., 2] = 0.0
    future[:, 10:14, 2] = 1.0
    found = MODEL.quantiles(rows, Step.DAY, 28, future)[..., 1, MEDIAN]
    assert found[:, 10:14].mean() < 0.5 * found[:, :10].mean()
