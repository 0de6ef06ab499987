"""Units ↔ the scale that models work in."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.series.calendar import Calendar, Step
from models.series.encoding import FARTHEST, Encoding
from models.series.panel import Panel
from models.series.scaling import Scaling
from tests.support.panels import random_panel


@given(
    seed=st.integers(0, 10_000),
    zeros=st.floats(0, 0.6),
    level=st.floats(1e-3, 1e6),
)
def test_inverse_is_the_inverse_of_forward(seed: int, zeros: float, level: float) -> None:
    rng = np.random.default_rng(seed)
    values = level * rng.lognormal(0, 0.5, (40, 3)) * (rng.random((40, 3)) >= zeros)
    scaling, series = Scaling.fit(values, np.array([0, 25, 40])), np.repeat([0, 1], [25, 15])
    scaled = scaling.forward(values, series)
    assert np.isfinite(scaled).all()
    np.testing.assert_allclose(
        scaling.inverse(scaled, series), values, rtol=1e-6, atol=1e-6 * level
    )
    assert (scaling.inverse(scaled - 1e3, series) >= 0).all()


def test_paths_are_scaled_as_rows_are() -> None:
    data = random_panel([20, 30])
    scaling = Scaling.fit(data.values, data.offsets)
    paths = data.values[:40].reshape(2, 20, 3)
    scaled = scaling.forward_paths(paths, np.array([1, 0]))
    np.testing.assert_array_equal(scaled[0], scaling.forward(paths[0], np.ones(20, int)))
    np.testing.assert_allclose(scaling.inverse(scaled, np.array([1, 0])), paths)


def test_scaled_values_are_centred_logarithms() -> None:
    values = np.exp(np.random.default_rng(0).normal(3, 0.2, (500, 3)))
    scaling = Scaling.fit(values, np.array([0, 500]))
    scaled = scaling.forward(values, np.zeros(500, int))
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-9)
    np.testing.assert_allclose(scaling.mean[0], np.log(values).mean(axis=0))


def test_one_outlier_hardly_moves_the_scale() -> None:
    values = np.exp(np.random.default_rng(0).normal(3, 0.2, (300, 3)))
    spiked = values.copy()
    spiked[150] *= 50
    one, other = (Scaling.fit(each, np.array([0, 300])) for each in (values, spiked))
    np.testing.assert_allclose(one.mean, other.mean, atol=0.01)
    np.testing.assert_allclose(one.deviation, other.deviation, rtol=0.1)


@pytest.mark.parametrize(
    ("column", "offset"),
    [
        ([5.0] * 30, 0.0),
        ([0.0] * 30, 1.0),
        ([float("nan")] * 30, 1.0),
        ([0.0, 4.0] * 15, 1.0),  # half the mean of 2
        ([3.0, 4.0] * 15, 0.0),
    ],
)
def test_constant_empty_and_intermittent_series(column: list[float], offset: float) -> None:
    values = np.column_stack([column] * 3)
    scaling = Scaling.fit(values, np.array([0, 30]))
    assert scaling.offset[0].tolist() == [offset] * 3
    scaled = scaling.forward(np.nan_to_num(values), np.zeros(30, int))
    assert np.isfinite(scaled).all() and (scaling.deviation > 0).all()


def test_a_zero_in_a_series_that_had_none_is_very_low_and_comes_back_as_zero() -> None:
    values = np.exp(np.random.default_rng(0).normal(3, 0.2, (100, 3)))
    scaling = Scaling.fit(values, np.array([0, 100]))
    low = scaling.forward(np.zeros((1, 3)), np.array([0]))
    assert np.isfinite(low).all() and (low < -10).all()
    assert scaling.inverse(low, np.array([0])).tolist() == [[0.0] * 3]
    assert np.isnan(scaling.inverse(np.full((1, 3), np.nan), np.array([0]))).all()


def test_a_series_more_leaves_the_others_as_they_were() -> None:
    data = random_panel([20, 30])
    scaling = Scaling.fit(data.values, data.offsets)
    more = scaling.with_series(data.values[:20])
    np.testing.assert_array_equal(more.mean[:2], scaling.mean)
    np.testing.assert_array_equal(more.mean[2], scaling.mean[0])


def test_encoding_is_fitted_on_the_training_span_only() -> None:
    data = random_panel([20, 15])
    late = data.time >= 20_012
    changed = Panel(
        data.calendar,
        data.series_keys,
        data.offsets,
        data.first,
        np.where(late[:, None], 1e6, data.values),
    )
    first, second = (Encoding.fit(each, 5, 20_012).to_document() for each in (data, changed))
    assert first == second


@pytest.mark.parametrize("calendar", [Calendar(), Calendar(Step.SHIFT, begins=(360, 1080))])
def test_encoding_survives_json(calendar: Calendar) -> None:
    panel = replace(random_panel([20, 15]), calendar=calendar)
    encoding = Encoding.fit(panel, 5, 20_012)
    again = Encoding.from_document(json.loads(json.dumps(encoding.to_document())))
    assert again.to_document() == encoding.to_document() and again.calendar == calendar
    assert again.names == [["p0", "p1"], ["a0", "a1"], ["s"]]
    np.testing.assert_array_equal(again.identities(np.array([1, 0])), [[1, 3, 4], [0, 2, 4]])


def test_encoding_shows_outliers_no_farther_than_six_spreads() -> None:
    data = random_panel([20])
    encoding = Encoding.fit(data, 5, 20_020)
    rows = encoding.rows(np.full((2, 3), 99.0), np.array([20_000, 20_001]), np.arange(2))
    assert rows[:, :3].max() == FARTHEST and rows.dtype == np.float32
    np.testing.assert_array_equal(rows[:, 3:], data.calendar.features(np.array([20_001, 20_002])))
