"""Simulated factories, far more varied than `models.data_generator`, many lines at once, seeded.

The flow is conserved on every line:

    WIP(t + 1) = WIP(t) + releases(t) − throughput(t)

A line is one of four kinds, each of which may be of whole units (Poisson releases):

* clearing: X = C · (1 − exp(−α · load / C)), which saturates at the capacity C (Karmarkar,
  "Capacity loading and release planning with WIP and lead-times", 1989);
* hard capacity: X = min(α · load, C);
* infinite server: X = α(t) · load, stay times independent of the load (hotels, hospitals);
* fixed lead time: what was released d steps ago leaves, up to the capacity.

Output may leave in batches or on some days only. Releases may be held back while WIP is high.
Demand and capacity are those of `demand.draw_plan`. The cycle time is the mean FIFO time in system
of what leaves (from the cumulative curves of arrivals and departures), for infinite servers the
mean stay; those of few units vary by chance.

    >>> flow = simulate(np.random.default_rng(1), Grid.of_days(4), 50)
    >>> after = flow.wip + flow.releases - flow.throughput
    >>> bool(np.allclose(after[:-1], flow.wip[1:]))
    True
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from models.pretraining.demand import (
    Flags,
    Floats,
    Grid,
    Ints,
    LinePlan,
    Rng,
    autoregression,
    chosen,
    draw_plan,
    log_uniform,
)

BURN_IN = 80  # steps simulated before the first row
_ENDLESS = 1e9  # capacity of an infinite server
_TINY = 1e-9
_LONGEST_LEAD = 30  # steps


@dataclass(frozen=True)
class SimulatedFlow:
    """The true flow through n lines, all [steps, n].

    Attributes:
        wip: at the start of the step.
        releases, throughput: during the step.
        cycle_time: mean time in system of what leaves; NaN where nothing leaves.
        capacity: planned share of the usual capacity.
        closed: steps on which nothing can leave.
    """

    wip: Floats
    releases: Floats
    throughput: Floats
    cycle_time: Floats
    capacity: Floats
    closed: Flags

    def after(self, steps: int) -> SimulatedFlow:
        """Return the flow without its first steps."""
        return SimulatedFlow(*(getattr(self, field.name)[steps:] for field in fields(self)))


@dataclass(frozen=True)
class _Traits:
    """The constants of n lines, all [n]; [steps, n] where it says so."""

    size: Floats  # usual releases of a step
    whole: Flags  # counts of units
    hard: Flags
    fixed: Flags
    endless: Flags
    lead: Ints
    stay: Floats  # at the usual demand, [steps, n]
    share: Floats  # of the load that leaves when there is capacity, [steps, n]
    capacity: Floats  # [steps, n]
    control: Floats  # by which releases react to WIP
    batch: Floats  # 0: none
    ships: Flags  # [steps, n]
    roughness: Floats  # noise of the output


def simulate(rng: Rng, grid: Grid, steps: int) -> SimulatedFlow:
    """Return the flow of lines over some steps, after a burn-in."""
    plan = draw_plan(rng, grid, BURN_IN + steps)
    traits = _draw_traits(rng, grid, plan)
    wip, releases, throughput = _run(rng, plan, traits)
    times = traits.stay.copy()
    queued = np.flatnonzero(~traits.endless)
    times[:, queued] = fifo_times(wip[:, queued], releases[:, queued], throughput[:, queued])
    times *= _sampling(rng, traits, throughput)
    times[throughput < _TINY * traits.size] = np.nan
    flow = SimulatedFlow(wip, releases, throughput, times, plan.capacity, plan.closed)
    return flow.after(BURN_IN)


def _draw_traits(rng: Rng, grid: Grid, plan: LinePlan) -> _Traits:
    steps, n = plan.releases.shape
    kind = np.asarray(rng.choice(4, n, p=[0.4, 0.2, 0.25, 0.15]))
    hard, endless, fixed = kind == 1, kind == 2, kind == 3
    whole = chosen(rng, 0.3, n)
    size = np.where(whole, log_uniform(rng, 0.4, 80, n), 1.0)
    longest = np.where(grid.weekly, 40.0, np.where(grid.year > 20, 20.0, 6.0))
    stay = np.exp(rng.uniform(np.log(0.3), np.log(longest)))
    lead = np.clip(np.round(stay), 1, _LONGEST_LEAD).astype(np.int64)
    stay = np.where(fixed, lead, stay)
    drift = autoregression(
        rng.standard_normal((steps, n)), 1 - 1 / log_uniform(rng, 10, 200, n)
    ) * (log_uniform(rng, 0.02, 0.4, n) * chosen(rng, 0.5, n))
    stays = stay * np.exp(drift)
    use = np.where(chosen(rng, 0.25, n), rng.uniform(0.9, 1.03, n), rng.uniform(0.4, 0.95, n))
    follows = rng.choice([0.0, 0.5, 1.0], n, p=[0.35, 0.2, 0.45])
    capacity = size / use * np.maximum(plan.slow, 1e-3) ** follows
    capacity *= plan.capacity * plan.disturbance
    capacity[:, endless] = np.where(plan.capacity[:, endless] > _TINY, _ENDLESS, 0.0)
    room = np.maximum(1 / use, 1.05)
    share: Floats = np.where(
        kind == 0,
        np.minimum(-room * np.log1p(-1 / room) / (1 + stays), 1.0),
        1 - np.exp(-1 / np.maximum(stays, 0.05)),
    )
    control = rng.uniform(0.1, 1.0, n) * (chosen(rng, 0.2, n) | (~endless & (use > 0.95)))
    batch = np.where(chosen(rng, 0.1, n), log_uniform(rng, 0.5, 12, n) * size, 0.0)
    batch = np.where(whole, np.round(batch), batch)
    every = np.where(chosen(rng, 0.06, n) & grid.weekly, rng.integers(2, 6, n), 1)
    ships = (np.arange(steps)[:, None] + rng.integers(0, 7, n)) % every == 0
    ships &= ~plan.closed
    roughness = log_uniform(rng, 0.01, 0.4, n) * chosen(rng, 0.6, n)
    return _Traits(
        size,
        whole,
        hard,
        fixed,
        endless,
        lead,
        stays,
        share,
        capacity,
        control,
        batch,
        ships,
        roughness,
    )


def _run(rng: Rng, plan: LinePlan, traits: _Traits) -> tuple[Floats, Floats, Floats]:
    """Pass the releases through the lines; WIP, releases and throughput, all [steps, n]."""
    steps, n = plan.releases.shape
    demand = plan.releases * traits.size
    level = np.maximum(traits.size * plan.slow * traits.stay, _TINY)  # at which control holds WIP
    wip, releases, output = (np.zeros((steps, n)) for _ in range(3))
    rough = np.exp(traits.roughness * rng.standard_normal((steps, n)))
    chance = rng.random((steps, n))
    whole, batched = np.flatnonzero(traits.whole), traits.batch > 0
    guests = np.flatnonzero(traits.whole & traits.endless)  # each leaves by chance
    lots = np.where(batched, traits.batch, 1.0)
    controlled, lines = traits.control > 0, np.arange(n)
    inside = np.where(traits.whole, np.round(level[0]), level[0])  # not yet processed
    ready = inside * traits.fixed  # of it, past the fixed lead time
    done = np.zeros(n)  # processed, not yet out
    for t in range(steps):
        wip[t] = inside + done
        held = 1 + traits.control * (1 - wip[t] / level[t])
        released = demand[t] * np.where(controlled, np.clip(held, 0, 3), 1.0)
        released[whole] = rng.poisson(released[whole])
        releases[t] = released
        inside = inside + released
        if t:
            ready = ready + np.where(t >= traits.lead, releases[t - traits.lead, lines], 0.0)
        limit = np.where(traits.fixed, np.minimum(ready, inside), inside)
        capacity = traits.capacity[t] + _TINY
        wanted = np.where(traits.fixed, limit, traits.share[t] * inside)
        cleared = -capacity * np.expm1(-wanted / capacity)
        processed = np.where(traits.hard | traits.fixed, np.minimum(wanted, capacity), cleared)
        processed = np.minimum(processed * rough[t], limit)
        counted = np.minimum(_integers(processed[whole], chance[t, whole]), limit[whole])
        processed[whole] = np.floor(counted)
        processed[guests] = rng.binomial(inside[guests].astype(np.int64), traits.share[t, guests])
        processed *= traits.capacity[t] > 0
        inside = inside - processed
        ready = ready - processed
        done = done + processed
        out = np.where(batched, lots * np.floor(done / lots + _TINY), done) * traits.ships[t]
        done = done - out
        output[t] = out
    return wip, releases, output


def _integers(mean: Floats, chance: Floats) -> Floats:
    """Whole numbers near a mean: rounded at random, rougher for larger ones."""
    return np.maximum(mean + (chance - 0.5) * np.sqrt(mean), 0.0) // 1 + (chance < mean % 1)


def _sampling(rng: Rng, traits: _Traits, throughput: Floats) -> Floats:
    """Factors by which the mean time of those who leave varies; more, the fewer they are."""
    steps, n = throughput.shape
    units = np.maximum(throughput, 1.0) * np.where(traits.whole, 1.0, 20.0)
    variation = rng.uniform(0.2, 2.0, n) * (traits.endless | chosen(rng, 0.4, n))
    noise = rng.standard_normal((steps, n)) * variation / np.sqrt(units)
    return np.exp(np.clip(noise - (variation**2 / 2) / units, -4, 4))


def fifo_times(wip: Floats, releases: Floats, throughput: Floats) -> Floats:
    """Return the mean FIFO time in system of what leaves in each step, [steps, n].

    Units that are there at first are taken to have arrived at the mean rate. The time is measured
    at the middle of the step's output.
    """
    steps, n = wip.shape
    arrived = np.vstack([np.zeros(n), wip[:1], wip[:1] + releases.cumsum(axis=0)])
    rate = np.maximum(releases.mean(axis=0), _TINY)
    left = throughput.cumsum(axis=0) - throughput / 2
    clock = np.arange(-1.0, steps + 1)
    found = np.empty((steps, n))
    for line in range(n):
        clock[0] = -max(wip[0, line] / rate[line], _TINY)
        clock[1] = 0.0
        began = np.interp(left[:, line], arrived[:, line], clock)
        found[:, line] = np.arange(steps) + 0.5 - began
    return np.maximum(found, 0.0)
