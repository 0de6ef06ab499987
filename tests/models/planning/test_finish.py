"""Finish dates: exact distributions, sequences of orders, joint lines, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.planning.finish import LinePaths, Order, correlation, finish_steps, joint
from models.series.first_passage import quantile_step

Floats = NDArray[np.float64]


def steady(rate: float, wip: float, steps: int = 40) -> LinePaths:
    """One path of equal output and equal WIP."""
    return LinePaths(np.full((1, steps), rate), np.full((1, steps + 1), wip))


def test_poisson_output_has_the_exact_finish_days() -> None:
    draws = np.random.default_rng(7).poisson(5.0, (40_000, 60)).astype(float)
    steps = finish_steps(LinePaths(draws, np.zeros((40_000, 61))), [Order(100.0)])[0]
    found = [quantile_step(steps, share, 60) for share in (0.5, 0.8, 0.85, 0.95)]
    assert found == [20, 22, 23, 24]
    assert (steps <= 20).mean() == pytest.approx(0.513, abs=0.008)


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ([Order(20)], [4]),  # what is in process counts
        ([Order(20, on_top=True)], [10]),  # 30 units leave first
        ([Order(20), Order(20)], [4, 8]),
        ([Order(20, starts_after=6), Order(5)], [10, 11]),
        ([Order(20), Order(10, on_top=True)], [4, 8]),  # the first order is among the 30
        ([Order(201)], [41]),  # not within the horizon
    ],
)
def test_orders_of_a_line_in_sequence(orders: list[Order], expected: list[int]) -> None:
    assert finish_steps(steady(5.0, 30.0), orders)[:, 0].tolist() == expected


def paths(count: int, kept: float, seed: int) -> Floats:
    """Output of 10 a day with errors of which a share is left a day later, [count, 60]."""
    errors = np.random.default_rng(seed).standard_normal((count, 60))
    for step in range(1, 60):
        errors[:, step] = kept * errors[:, step - 1] + np.sqrt(1 - kept**2) * errors[:, step]
    return np.maximum(10 + 3 * errors, 0.0)


def covered(drawn: Floats, came: Floats) -> float:
    """Share of finish days within the 80 % interval of the drawn ones."""
    wanted = [Order(280.0)]
    found = [finish_steps(LinePaths(x, np.zeros((len(x), 61))), wanted)[0] for x in (drawn, came)]
    low, high = np.quantile(found[0], [0.1, 0.9], method="inverted_cdf")
    return float(((found[1] >= low) & (found[1] <= high)).mean())


def test_joint_paths_cover_finish_days_and_independent_days_do_not() -> None:
    came = paths(4000, 0.9, seed=1)
    drawn = paths(2000, 0.9, seed=2)
    days = np.random.default_rng(3)
    independent = np.stack([days.permutation(column) for column in drawn.T], axis=1)
    assert covered(drawn, came) == pytest.approx(0.80, abs=0.05)
    assert covered(independent, came) < 0.5


@pytest.mark.parametrize("alike", [0.0, 0.6, 0.95])
def test_lines_are_put_together_as_alike_as_asked_for(alike: float) -> None:
    draw = np.random.default_rng(5)
    totals = [draw.normal(size=4000), draw.normal(size=4000)]
    orders = joint(totals, alike)
    assert all((np.sort(order) == np.arange(4000)).all() for order in orders)
    together = [own[order] for own, order in zip(totals, orders, strict=True)]
    assert np.corrcoef(*together)[0, 1] == pytest.approx(alike, abs=0.04)


def test_the_correlation_of_lines_is_that_of_their_changes() -> None:
    draw = np.random.default_rng(5)
    common, own = draw.normal(10, 1, 2000), draw.normal(0, 1, (2, 2000))
    assert correlation([common + own[0], common + own[1]]) == pytest.approx(0.5, abs=0.1)
    assert correlation([common[:30], common[:30]]) == 0.0  # too few weeks to know
    assert correlation([common, np.full(2000, 7.0)]) == 0.0
