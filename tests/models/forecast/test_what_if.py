"""The what-if effect follows the balance of the flow and fades."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from models.data_generator import PlantSpec, generate
from models.forecast.asked_state import share_seen
from models.forecast.what_if import WhatIfEffect, balance_gap
from models.series.calendar import Calendar
from models.series.panel import TARGETS, Panel

WAS = np.array([100.0, 50.0, 2.0])
PATH = np.tile(WAS, (20, 1))
states = st.floats(10, 400)


def plant(noise: float, base_wip: float, seed: int) -> Panel:
    block = next(
        generate(PlantSpec(("p", "q"), ("a",), ("s",), 900, base_wip, 50, 0.2, noise, seed))
    )
    values = np.stack([block.columns[name] for name in TARGETS], axis=-1).reshape(-1, 3)
    keys = (("p", "a", "s"), ("q", "a", "s"))
    return Panel(Calendar(), keys, np.array([0, 900, 1800]), np.full(2, 19_723), values)


@given(states, st.floats(0.05, 0.95))
def test_more_on_hand_raises_wip_and_cycle_time_less_each_day(
    wip: float, worked_off: float
) -> None:
    shift = WhatIfEffect(worked_off).path(PATH, WAS, wip, None) / PATH - 1
    sign = np.sign(wip - 100) if abs(wip - 100) > 1e-6 else 0
    assert (np.sign(np.round(shift[0], 9)) == sign).all()
    assert (np.diff(np.abs(shift), axis=0) <= 1e-12).all()
    np.testing.assert_allclose(shift[0, 0], wip / 100 - 1, atol=1e-9)


@given(states, st.floats(0.05, 0.95))
def test_more_put_out_lowers_wip_and_cycle_time_less_each_day(
    throughput: float, worked_off: float
) -> None:
    shift = WhatIfEffect(worked_off).path(PATH, WAS, None, throughput) / PATH - 1
    sign = -np.sign(throughput - 50) if abs(throughput - 50) > 1e-6 else 0
    assert (np.sign(np.round(shift[0], 9)) == sign).all()
    assert (np.diff(np.abs(shift), axis=0) <= 1e-12).all()


@given(states, states)
def test_the_next_days_wip_is_what_the_balance_leaves(wip: float, throughput: float) -> None:
    shifted = WhatIfEffect(0.4).path(PATH, WAS, wip, throughput)
    left = 100 + (wip - 100) - (throughput - 50)
    np.testing.assert_allclose(shifted[0, 0], max(left, 2.0))


@given(states, states)
def test_cycle_times_follow_by_littles_law(wip: float, throughput: float) -> None:
    shifted = WhatIfEffect(0.4).path(PATH, WAS, wip, throughput)
    np.testing.assert_allclose(shifted[:, 0], shifted[:, 1] * shifted[:, 2])
    assert (shifted > 0).all()


def test_a_line_puts_out_no_more_than_it_ever_did_and_the_rest_stays() -> None:
    effect = WhatIfEffect(0.5)
    shifted = effect.path(PATH, WAS, 1_000_000.0, None, most=60.0)
    assert (shifted[:, 1] == 60).all()  # of 50, which is what is released
    np.testing.assert_allclose(np.diff(shifted[:, 0]), -10)
    np.testing.assert_allclose(shifted[:, 0], shifted[:, 1] * shifted[:, 2])


@pytest.mark.parametrize("unit", [1.0, 1e-12])
@given(wip=st.floats(10, 4000), throughput=states)
def test_the_balance_of_the_flow_holds_on_a_line_with_a_weekly_pattern(
    unit: float, wip: float, throughput: float
) -> None:
    """Nothing leaves on weekends, and WIP piles up to half as much again as on Fridays."""
    output = np.tile([70.0, 70, 70, 70, 70, 0, 0], 4)
    held = 200 + np.cumsum(50 - np.append(output[-1], output[:-1]))
    base = np.column_stack([held, output, np.full(28, 4.0)]) * [unit, unit, 1]
    was = np.array([held[-1] + output[-1] - 50, 0.0, 4.0]) * [unit, unit, 1]
    left = held[0] + (wip - was[0] / unit) - throughput
    found = WhatIfEffect(0.2).path(base, was, wip * unit, throughput * unit, most=80 * unit)
    assert found[0, 0] / unit == pytest.approx(max(left, 0.02 * held[0]))
    assert (found[:, 1] <= 80 * unit).all() and (found >= 0).all()
    if left > 0:
        assert balance_gap(base, found) < 0.05


def test_what_lies_in_an_empty_line_stays_there() -> None:
    found = WhatIfEffect(0.4).path(np.zeros((5, 3)), np.zeros(3), 30.0, None)
    assert (found[:, 0] == 30).all() and (found[:, 1] == 0).all()


@pytest.mark.parametrize(
    ("asked", "low", "share"),
    [(150, 80, 1), (157, 80, 0.91), (1e6, 80, 7e-5), (80, 80, 1), (45, 80, 0.67), (151, 150, 0.88)],
)
def test_the_share_of_the_range_up_to_a_state_that_was_seen(
    asked: float, low: float, share: float
) -> None:
    assert share_seen(asked, low, 150) == pytest.approx(share, rel=0.01)


def test_the_state_as_it_was_changes_nothing() -> None:
    np.testing.assert_allclose(WhatIfEffect(0.4).path(PATH, WAS, 100, 50), PATH)


def test_lines_that_hold_nothing_or_put_out_nothing_stay_finite() -> None:
    for was in ([0.0, 0.0, 0.0], [0.0, 5.0, 0.0], [9.0, 0.0, 1.0]):
        shifted = WhatIfEffect(0.4).path(PATH, np.array(was), 50.0, 60.0)
        assert np.isfinite(shifted).all() and (shifted >= 0).all()


@pytest.mark.parametrize("noise", [0.1, 0.3])
@pytest.mark.parametrize("base_wip", [60, 100, 300])
def test_what_is_worked_off_is_the_slope_of_the_clearing_function(
    noise: float, base_wip: float
) -> None:
    data = plant(noise, base_wip, seed=3)
    found = WhatIfEffect.fit(data, data.values, 19_723 + 900).worked_off
    wip, throughput = data.values[:899, 0], data.values[:899, 1]
    load = wip + np.diff(data.values[:900, 0]) + throughput

    def clears(load: np.ndarray, capacity: float, slope: float) -> np.ndarray:
        return capacity * -np.expm1(-slope * load / capacity)

    (capacity, slope), _ = curve_fit(clears, load, throughput, p0=[1.5 * throughput.max(), 0.5])
    true = float(np.mean(slope * np.exp(-slope * load / capacity)))
    # Part of the slope is the autocorrelation of the demand: the estimate is lower.
    assert 0.55 * true < found < 1.2 * true


def test_too_little_data_gives_the_default_effect() -> None:
    data = plant(0.1, 100, 1)
    assert WhatIfEffect.fit(data, data.values, 19_723 + 5) == WhatIfEffect.unknown()
    assert WhatIfEffect.from_document(WhatIfEffect(0.3).to_document()) == WhatIfEffect(0.3)
