"""True differences between plans: the generator's lines, run again."""

from __future__ import annotations

import numpy as np

from benchmarks.plan_differences import OTHER_PLANS, OtherPlan, true_difference
from models.data_generator import PlantSpec, generate

SPEC = PlantSpec(("p",), ("a",), ("s", "m"), 100, 100.0, 50.0, 0.2, 0.1, 1)
ORIGIN, STEPS = 72, 28


def test_the_same_plan_makes_no_difference() -> None:
    assert not true_difference(SPEC, OtherPlan("same"), ORIGIN, STEPS).any()


def test_other_plans_differ_as_the_balance_asks_for() -> None:
    releases = next(generate(SPEC)).columns["releases"][:, ORIGIN:]
    for plan in OTHER_PLANS:
        found = true_difference(SPEC, plan, ORIGIN, STEPS)
        assert found.shape == (2, STEPS, 3) and not found[:, 0, 0].any()
        gained = np.cumsum((plan.releases - 1) * releases - found[..., 1], axis=1)
        np.testing.assert_allclose(found[:, 1:, 0], gained[:, :-1], atol=1e-6)
        assert found[:, 0, 1].all() == (plan.releases > 1)
