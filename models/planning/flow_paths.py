"""Possible courses of a line under a plan: releases or a WIP cap, and capacity, over some steps.

Each path has parameters of its own from the bootstrap of the curve, and chance of its own; the same
call gives the same chance, so that two plans differ by what is planned alone. The line works as in
`flow_model`.

Under a WIP cap each unit that leaves lets one in, which leaves less of the chance of the output:
1 − e of its variance, where e is the elasticity of the throughput by WIP. With much more WIP than
the critical one, the bottleneck is always busy and all of its chance comes out; with little,
nothing waits, and units come round as evenly as their times do in the mean. The rule was found on
simulated lines (benchmarks/README.md, "Planning"); that queues of limited length put out more
evenly is known (Y. Nazarathy & G. Weiss, "The asymptotic variance rate of the output process of
finite capacity birth-death queues", Queueing Systems 59, 2008). It holds for sums over several
days; those of single days vary more.

    >>> logs = np.log([[20.0, 5.0, 1.0]] * 3)
    >>> plan = ReleasePlan(cap=20.0)
    >>> paths = flow_paths(logs, 20.0, plan, np.ones(10), lot=0.0)
    >>> paths.throughput[0].round(2).tolist()[:2], paths.wip[0].round(1).tolist()[:2]
    ([16.0, 16.0], [20.0, 20.0])
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.planning.clearing_function import clearing, elasticity
from models.planning.finish import LinePaths

Floats = NDArray[np.float64]

_SEED = 2
_FEWEST_PARTS, _MOST_PARTS = 2, 16  # of a step


@dataclass(frozen=True)
class ReleasePlan:
    """Releases into a line, or its WIP cap, and what it can finish.

    Attributes:
        releases: units in each worked step, [H]; None: by the cap.
        cap: WIP up to which is released; with `releases`, beyond which nothing is.
        fewest, most: bounds of the units released in a worked step.
        capacity: most units finished in a worked step, [H]; None: that of the curve.
    """

    releases: Floats | None = None
    cap: float | None = None
    fewest: float = 0.0
    most: float = math.inf
    capacity: Floats | None = None


def flow_paths(
    draws: Floats, start: float, plan: ReleasePlan, open_share: Floats, lot: float
) -> LinePaths:
    """Return a path of the line for each row of parameters.

    Args:
        draws: logarithms of the parameters of the clearing function, [K, 3].
        start: WIP now.
        open_share: of each step, in which the line works, [H].
        lot: units that move together.
    """
    count, steps = len(draws), len(open_share)
    parameters = np.exp(draws).T
    parts = math.ceil(2 * float(np.median(parameters[0] / parameters[1])))
    parts = min(max(parts, _FEWEST_PARTS), _MOST_PARTS)
    chance = np.random.default_rng(_SEED)
    wip, out = np.full((count, steps + 1), start), np.zeros((count, steps))
    now = np.full(count, start)
    for step, share in enumerate(open_share.tolist()):
        noise = chance.standard_normal((parts, count))
        if share > 0:
            now = _run_step(now, out[:, step], parameters, plan, step, share, noise * lot**0.5)
        wip[:, step + 1] = now
    return LinePaths(np.maximum(out, 0.0), wip)


def _run_step(
    now: Floats,
    out: Floats,
    parameters: Floats,
    plan: ReleasePlan,
    step: int,
    share: float,
    noise: Floats,
) -> Floats:
    """Run the parts of a worked step, adding to `out`; return the WIP at its end."""
    length = share / len(noise)
    released = np.zeros(len(now))
    for part, chance in enumerate(noise, start=1):
        limits = plan.fewest * share * part / len(noise), plan.most * share * part / len(noise)
        enters = _enters(now, released, plan, step, length, limits)
        now, released = now + enters, released + enters
        rate = clearing(now, *parameters)
        left = 1.0 if plan.releases is not None else 1 - elasticity(now, *parameters[1:])
        done = np.minimum(rate * length + np.sqrt(left * rate * length) * chance, now)
        if plan.capacity is not None:
            done = np.minimum(done, plan.capacity[step] * length)
        now = now - done
        out += done
    if plan.cap is not None and plan.releases is None:
        limits = plan.fewest * share, plan.most * share
        now = now + _enters(now, released, plan, step, length, limits)
    return now


def _enters(
    now: Floats,
    released: Floats,
    plan: ReleasePlan,
    step: int,
    length: float,
    limits: tuple[float, float],
) -> Floats:
    """Units that enter at the start of a part of a step."""
    room = np.inf if plan.cap is None else np.maximum(plan.cap - now, 0.0)
    if plan.releases is not None:
        return np.minimum(np.full(len(now), plan.releases[step] * length), room)
    fewest, most = limits
    return np.clip(room, np.maximum(fewest - released, 0.0), np.maximum(most - released, 0.0))
