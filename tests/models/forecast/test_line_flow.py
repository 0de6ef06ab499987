"""The flow through a line: its balance, its laws, and what a plan changes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.forecast.line_flow import LineFlow
from models.forecast.plan_effect import PLACES, LineHistory, PlanEffect, PlannedSteps
from models.forecast.planned_forecast import lines_of
from models.series.calendar import Calendar
from models.series.known_inputs import KnownInputs

Floats = NDArray[np.float64]

HORIZON = 28
MONDAY = np.zeros((1, HORIZON), int)


def line(at_end: float = 0.0, capacity: float = 80.0) -> LineFlow:
    traits = np.array([[0.5], [capacity], [at_end], [1.0], [1.0], [1.0]])
    return LineFlow(*traits, pattern=np.ones((1, PLACES)))


def forecast(
    effect: PlanEffect | None = None,
    releases: float = np.nan,
    share: float = np.nan,
    output: float = np.nan,
    base: tuple[float, float, float] = (80.0, 50.0, 1.6),
) -> Floats:
    """Return WIP, throughput and cycle time of a plan that is the same on all days, [H, 3]."""
    effect = effect or PlanEffect.unmeasured(line(), np.array([np.nan]))
    rows = np.tile([base], (1, 112, 1))
    history = LineHistory(rows, np.full((1, 112), 50.0), MONDAY)
    plan = PlannedSteps(*(np.full((1, HORIZON), known) for known in (releases, share, output)))
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


def test_more_releases_raise_wip_then_throughput_then_cycle_time() -> None:
    less, more = forecast(releases=45), forecast(releases=60)
    assert (more[1:, 0] > less[1:, 0]).all() and (more[:, 1] > less[:, 1]).all()
    assert (more[5:, 2] > less[5:, 2]).all()
    first = (more - less)[:4] / less[:4]
    assert first[1, 0] > first[1, 1] > first[1, 2]


def test_the_difference_of_two_plans_obeys_the_balance() -> None:
    less, more = forecast(releases=45), forecast(releases=60)
    gained = np.diff((more - less)[:, 0])
    np.testing.assert_allclose(gained, 15 - (more - less)[:-1, 1], atol=1e-9)


def test_a_closed_week_empties_nothing() -> None:
    closed = forecast(releases=0, share=0)
    assert not closed[:, 1].any()
    np.testing.assert_allclose(closed[:, 0], closed[0, 0])


def test_half_of_the_capacity_halves_the_throughput_where_it_binds() -> None:
    busy = (4000.0, 80.0, 50.0)
    effect = PlanEffect.unmeasured(line(), np.array([np.nan]))
    half = forecast(effect, share=0.5, base=busy)
    np.testing.assert_allclose(half[:, 1], 40, rtol=0.01)


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
