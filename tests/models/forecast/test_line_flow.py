"""The flow through a line: its balance, its laws, and what a plan changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.forecast.line_flow import LineFlow
from models.forecast.plan_effect import (
    PLACES,
    UNMEASURED_RELIANCE,
    LineHistory,
    PlanEffect,
    PlannedSteps,
)
from models.forecast.planned_forecast import lines_of
from models.series.calendar import Calendar
from models.series.known_inputs import KnownInputs

Floats = NDArray[np.float64]

HORIZON = 28
MONDAY = np.zeros((1, HORIZON), int)


def line(at_end: float = 0.0, capacity: float = 80.0, slope: float = 0.5) -> LineFlow:
    traits = np.array([[slope], [capacity], [at_end], [1.0], [1.0], [1.0]])
    return LineFlow(*traits, pattern=np.ones((1, PLACES)))


def forecast(
    effect: PlanEffect | None = None,
    releases: float | Floats = np.nan,
    share: float | Floats = np.nan,
    output: float = np.nan,
    base: tuple[float, float, float] = (80.0, 50.0, 1.6),
    wip: float | None = None,
    baseline: float = np.nan,
) -> Floats:
    """Return WIP, throughput and cycle time with a plan, from a WIP, [H, 3]."""
    effect = effect or PlanEffect.unmeasured(line(), np.array([np.nan]))
    rows = np.tile([base], (1, 112, 1))
    asked = None if wip is None else np.array([[wip, *base[1:]]])
    history = LineHistory(rows, np.full((1, 112), 50.0), MONDAY, asked)
    known = (releases, share, output, baseline)
    plan = PlannedSteps(*(np.full((1, HORIZON), own) for own in known))
    return effect.apply(np.tile([base], (1, HORIZON, 1)), history, plan)[0]


@pytest.mark.parametrize("at_end", [0.0, 0.5, 1.0])
def test_a_flow_is_found_again_from_its_rows(at_end: float) -> None:
    rng, true = np.random.default_rng(3), line(at_end)
    releases, places = 50 * np.exp(0.2 * rng.standard_normal((1, 300))), np.zeros((1, 300), int)
    wip, output, _ = true.roll(np.array([60.0]), releases, places)
    times = true.fifo_times(wip, output, releases)
    found = LineFlow.fit(wip, output, times, releases, places, count=PLACES)
    assert found.at_end[0] == pytest.approx(at_end, abs=0.01)
    assert found.capacity[0] == pytest.approx(80, rel=0.02)
    ahead = 50 * np.exp(0.2 * rng.standard_normal((1, HORIZON)))
    start = true.start(np.array([[wip[0, -1], output[0, -1], 1.0]]), releases[:, -1])
    rolled = (flow.roll(start, ahead, MONDAY) for flow in (found, true))
    for one, other in zip(*rolled, strict=True):
        np.testing.assert_allclose(one, other, rtol=0.01)


@st.composite
def states(draw: st.DrawFn) -> tuple[PlanEffect, tuple[float, float, float]]:
    """A line of any kind in a steady state, with any weight of its flow."""
    slope, use = draw(st.floats(0.1, 0.9)), draw(st.floats(0.1, 0.95))
    capacity, at_end = 50 / use, draw(st.sampled_from([0.0, 0.5, 1.0]))
    load = -capacity * np.log1p(-use) / slope
    flow, weights = (
        line(at_end, capacity, slope),
        np.full((1, 3), draw(st.sampled_from([0, 0.5, 1]))),
    )
    effect = PlanEffect.unmeasured(flow, np.array([np.nan]))
    wip = load - 50
    return replace(effect, weights=weights, reliance=1.0), (wip, 50.0, max(wip / 50, 0.02))


@given(states(), st.floats(1.05, 1.5))
@settings(max_examples=25, deadline=None)
def test_more_releases_raise_wip_then_throughput_then_cycle_time(
    state: tuple[PlanEffect, tuple[float, float, float]], more: float
) -> None:
    effect, base = state
    usual, busy = (forecast(effect, releases=r, base=base) for r in (50.0, 50.0 * more))
    gained = busy - usual
    assert (gained[1:, 0] > 0).all() and (gained[:, 1] > 0).all()
    # Where little of the capacity is used, cycle times hardly depend on the load.
    assert gained[-1, 2] > (0 if effect.flow.capacity < 80 else -0.01 * base[2])
    in_line = np.diff(gained[:, 0], append=gained[-1, 0])
    at_end, added = effect.flow.at_end[0], 50.0 * (more - 1)
    left = at_end * gained[1:, 1] + (1 - at_end) * gained[:-1, 1]
    np.testing.assert_allclose(in_line[:-1], added - left, atol=1e-6)


def test_intended_differences_and_planned_zeros_are_taken_in_full() -> None:
    less, more = (forecast(releases=r, baseline=45.0) for r in (45.0, 60.0))
    arrived = np.diff((more - less)[:, 0]) + (more - less)[:-1, 1]
    np.testing.assert_allclose(arrived, 15, atol=1e-9)
    alone = forecast(releases=60.0) - forecast(releases=45.0)
    arrived = np.diff(alone[:, 0]) + alone[:-1, 1]
    np.testing.assert_allclose(arrived, 15 * UNMEASURED_RELIANCE, atol=1e-9)
    stopped = forecast(releases=0.0, share=0.0)
    np.testing.assert_allclose(stopped[:, 0], stopped[0, 0])


@given(states(), st.integers(0, 20), st.integers(1, 8))
@settings(max_examples=25, deadline=None)
def test_closed_days_put_nothing_out_and_empty_nothing(
    state: tuple[PlanEffect, tuple[float, float, float]], first: int, days: int
) -> None:
    effect, base = state
    closed = (np.arange(HORIZON) >= first) & (np.arange(HORIZON) < first + days)
    plan = {"releases": np.where(closed, 0.0, 50.0), "share": np.where(closed, 0.0, 1.0)}
    found = forecast(effect, **plan, base=base)
    assert not found[closed, 1].any() and (found[~closed, 1] > 0).all()
    assert np.ptp(found[closed, 0]) == pytest.approx(0, abs=1e-6 * base[0])


@given(states(), st.floats(0.1, 0.9))
@settings(max_examples=25, deadline=None)
def test_a_share_of_the_capacity_is_that_share_of_the_throughput_where_it_binds(
    state: tuple[PlanEffect, tuple[float, float, float]], share: float
) -> None:
    effect, _ = state
    effect, capacity = replace(effect, weights=np.ones((1, 3))), effect.flow.capacity[0]
    full = (100 * capacity / effect.flow.slope[0], capacity, 100.0)
    less = forecast(effect, releases=capacity, share=share, base=full)
    np.testing.assert_allclose(less[:, 1], share * capacity, rtol=1e-3)


@given(states(), st.floats(0.2, 3.0))
@settings(max_examples=25, deadline=None)
def test_the_flow_starts_from_the_wip_that_is_asked_for(
    state: tuple[PlanEffect, tuple[float, float, float]], factor: float
) -> None:
    effect, base = state
    usual, asked = (
        forecast(effect, releases=50.0, base=base, wip=wip) for wip in (base[0], factor * base[0])
    )
    gained, out = (asked - usual)[:, 0], (asked - usual)[:, 1]
    more, at_end = (factor - 1) * base[0], effect.flow.at_end[0]
    assert gained[0] == pytest.approx(more - at_end * out[0], abs=1e-6)
    assert (np.abs(gained[1:]) <= np.abs(gained[:-1]) + 1e-9).all()
    assert out.sum() == pytest.approx(more - gained[-1] + (1 - at_end) * out[-1], abs=1e-6)
    times = (asked - usual)[:, 2]
    assert times[0] * more >= -1e-9


def test_a_planned_throughput_is_followed_as_far_as_the_line_can() -> None:
    flow_only = PlanEffect(line(), 1.0, 1.0, np.ones(1), np.full(1, np.nan), np.ones((1, 3)))
    np.testing.assert_allclose(forecast(flow_only, output=20)[:, 1], 20)
    assert forecast(flow_only, output=500)[:, 1].max() <= 80


def test_a_plan_that_says_what_the_forecast_implies_changes_nothing() -> None:
    effect = PlanEffect(line(), 1.0, 1.0, np.ones(1), np.full(1, np.nan), np.zeros((1, 3)))
    np.testing.assert_allclose(forecast(effect, share=1.0), forecast(effect), rtol=1e-9)


def test_without_releases_the_flow_is_fitted_to_those_of_the_balance() -> None:
    rng, true = np.random.default_rng(5), line()
    releases = 50 * np.exp(0.2 * rng.standard_normal((1, 300)))
    wip, output, _ = true.roll(np.array([60.0]), releases, np.zeros((1, 300), int))
    rows, last = np.stack([wip[0], output[0], np.full(300, np.nan)], axis=-1), np.array([20_000])
    ahead = KnownInputs({"capacity": np.array([0.5])})
    lines = lines_of([rows], [{}], [ahead], Calendar(), last, HORIZON)
    effect = lines.fitted_effect(Calendar(), last)
    assert effect.flow.capacity[0] == pytest.approx(80, rel=0.05)
    np.testing.assert_allclose(lines.steps(effect).shares[0, :2], [0.5, np.nan])


@pytest.mark.parametrize(
    ("given", "usual", "share"), [(0.5, np.nan, 0.5), (40.0, np.nan, 0.5), (30.0, 60.0, 0.5)]
)
def test_capacities_are_shares_or_units(given: float, usual: float, share: float) -> None:
    effect = PlanEffect.unmeasured(line(), np.array([usual]))
    assert effect.shares(np.array([[given]]))[0, 0] == pytest.approx(share)


def test_a_planned_output_is_followed_as_far_as_the_line_gives_it() -> None:
    start, releases, places = np.array([80.0]), np.full((1, HORIZON), 50.0), MONDAY
    free = line().roll(start, releases, places)
    asked = line().roll(start, releases, places, wanted=np.full((1, HORIZON), 70.0))
    np.testing.assert_allclose(asked, free)
    less = line().roll(start, releases, places, wanted=np.full((1, HORIZON), 20.0))
    assert less[1] == pytest.approx(np.full((1, HORIZON), 20.0)) and less[0][0, -1] > 500
