"""Intervals and confidence have their nominal coverage on errors of known distributions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.forecast.error_quantiles import ErrorSamples
from models.forecast.intervals import LEVELS, Intervals, series_scale

STEPS = 12


def errors(rng: np.random.Generator, origins: int, scale: np.ndarray) -> ErrorSamples:
    """ErrorSamples that grow with the root of the horizon, of series of these scales, [S, 3]."""
    size = scale[None, :, None, :] * np.sqrt(np.arange(1, STEPS + 1))[None, None, :, None]
    return ErrorSamples(rng.normal(0, size, (origins, len(scale), STEPS, 3)), np.arange(len(scale)))


@pytest.mark.parametrize("level", LEVELS)
def test_intervals_have_their_nominal_coverage_for_every_series(level: int) -> None:
    rng = np.random.default_rng(0)
    scale = np.array([[1.0, 2.0, 0.5], [0.3, 1.0, 2.0], [1.0, 1.0, 1.0]])
    intervals = Intervals.fit(errors(rng, 400, scale), [], scale)
    later = errors(rng, 2000, scale).values
    width = intervals.half_width(level, np.arange(3), STEPS)
    covered = (np.abs(later) <= width[None]).mean(axis=0)
    np.testing.assert_allclose(covered, level / 100, atol=0.05)
    np.testing.assert_allclose(covered.mean(axis=(0, 1)), level / 100, atol=0.02)


@given(st.integers(0, 1000))
def test_shares_within_a_distance_are_those_that_fall_there(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = np.ones((2, 3))
    intervals = Intervals.fit(errors(rng, 500, scale), [], scale)
    distance = rng.uniform(0.1, 3, (2, STEPS, 3))
    later = errors(rng, 2000, scale).values
    landed = (np.abs(later) <= distance[None]).mean(axis=0)
    np.testing.assert_allclose(intervals.share_within(distance, np.arange(2)), landed, atol=0.09)


def test_shares_rise_with_the_distance_from_none_to_all() -> None:
    intervals = Intervals.fit(
        errors(np.random.default_rng(0), 50, np.ones((1, 3))), [], np.ones((1, 3))
    )
    distances = np.linspace(0, 99, 200)
    shares = [
        intervals.share_within(np.full((1, STEPS, 3), d), np.array([0]))[0, 4, 1] for d in distances
    ]
    assert shares[0] == 0 and shares[-1] == 1 and (np.diff(shares) >= 0).all()


def test_trials_count_where_the_calibration_span_tells_little() -> None:
    rng = np.random.default_rng(0)
    one = np.ones((1, 3))
    short = ErrorSamples(errors(rng, 2, one).values, np.arange(1))
    short.values[:, :, 3:] = np.nan  # its span ends three steps after the first origin
    wide = errors(rng, 300, 10 * one)
    width = Intervals.fit(short, [wide], one).half_width(80, np.array([0]), STEPS)[0, :, 0]
    assert width[-1] > 20  # of the trials alone
    long = Intervals.fit(errors(rng, 600, one), [wide], one).half_width(80, np.array([0]), STEPS)
    assert long[0, 0, 0] < 2 and long[0, -1, 0] < 7  # hardly of the trials


def test_usual_errors_count_where_little_is_known_and_follow_what_is() -> None:
    rng, one = np.random.default_rng(0), np.ones((1, 3))
    usual = errors(rng, 300, 10 * one)

    def width(known: ErrorSamples | None, more: ErrorSamples | None = usual) -> float:
        intervals = Intervals.fit(known, [], one, more)
        return float(intervals.half_width(80, np.array([0]), STEPS)[0, -1, 0])

    few = ErrorSamples(errors(rng, 2, one).values, np.arange(1))
    few.values[:, :, 3:] = np.nan  # its span ends three steps after the first origin
    assert width(None) == pytest.approx(10 * width(errors(rng, 3000, one)), rel=0.2)
    assert 0.2 * width(None) < width(few) < 0.8 * width(None)
    many = errors(rng, 600, one)
    assert width(many) == pytest.approx(width(many, None), rel=0.15)


def test_widths_never_shrink_and_go_on_beyond_the_measured_horizons() -> None:
    rng = np.random.default_rng(0)
    intervals = Intervals.fit(errors(rng, 2000, np.ones((1, 3))), [], np.ones((1, 3)))
    width = intervals.half_width(80, np.array([0]), 4 * STEPS)[0]
    assert (np.diff(width, axis=0) >= 0).all()
    # These errors are a random walk's: four times as far, twice as wide.
    np.testing.assert_allclose(width[-1] / width[STEPS - 1], 2, rtol=0.15)


def test_errors_that_do_not_grow_are_not_taken_to() -> None:
    rng = np.random.default_rng(0)
    flat = ErrorSamples(rng.normal(size=(3000, 1, STEPS, 3)), np.arange(1))
    intervals = Intervals.fit(flat, [], np.ones((1, 3)))
    assert (intervals.growth < 0.1).all()


def test_no_errors_at_all_are_refused() -> None:
    nothing = ErrorSamples(np.full((2, 1, STEPS, 3), np.nan), np.arange(1))
    with pytest.raises(ValueError, match="No errors"):
        Intervals.fit(nothing, [], np.ones((1, 3)))


def test_a_target_that_is_never_known_has_no_width() -> None:
    some = errors(np.random.default_rng(0), 50, np.ones((1, 3)))
    some.values[..., 2] = np.nan
    width = Intervals.fit(some, [], np.ones((1, 3))).half_width(95, np.array([0]), STEPS)
    assert (width[0, :, 2] == 0).all() and (width[0, :, :2] > 0).all()


def test_unknown_series_have_the_scale_of_all() -> None:
    rng = np.random.default_rng(0)
    intervals = Intervals.fit(errors(rng, 100, np.ones((2, 3))), [], np.full((2, 3), 3.0))
    known, unknown = (intervals.half_width(80, np.array([s]), 3) for s in (1, 7))
    np.testing.assert_allclose(known, 3 * unknown)


def test_series_scales_are_relative_and_held_back_where_little_is_known() -> None:
    rng = np.random.default_rng(0)
    series = np.repeat([0, 1, 2], [4000, 4000, 4])
    sizes = rng.normal(0, np.array([1.0, 4.0, 30.0])[series][:, None], (8004, 3))
    scale = series_scale(sizes, series, 3)
    np.testing.assert_allclose(scale[1] / scale[0], 4, rtol=0.05)
    np.testing.assert_allclose(scale[2], 1, atol=0.5)  # four errors tell little
    assert (series_scale(np.full((5, 3), np.nan), np.zeros(5, int), 1) == 1).all()


def test_intervals_survive_json() -> None:
    intervals = Intervals.fit(
        errors(np.random.default_rng(0), 40, np.ones((2, 3))), [], np.ones((2, 3))
    )
    again = Intervals.from_document(json.loads(json.dumps(intervals.to_document())))
    for level in LEVELS:
        np.testing.assert_allclose(
            again.half_width(level, np.array([1]), 40),
            intervals.half_width(level, np.array([1]), 40),
            rtol=1e-4,
        )
