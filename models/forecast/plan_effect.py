"""The effect of a plan: a forecast changed by what is known of the steps ahead.

    releases used  = releases of the forecast without a plan + reliance × (plan − these)
    effect         = flow with the plan − flow with the releases of the forecast
    forecast       = weight × flow with the plan + (1 − weight) × (forecast + effect)

The flow (`models.forecast.line_flow`) is rolled forward from the last row: releases raise WIP, then
throughput, then cycle time, and missing capacity leaves work in the line. The releases that
the forecast without a plan implies follow from its own balance. How far plans are relied on, and
the weights, are learned in `models.training.plan_choice` from past plans, or past releases. Zeros,
and differences from the plan of a baseline, are decisions: they are taken in full.

Example: with a reliance of 0.25, a plan of 80 where the forecast implies 40 counts as 50.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.line_flow import LineFlow
from models.series.rounding import significant

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PAST_ROWS = 112  # before the forecast, whose releases tell when the units in the line arrived
PLACES = 12  # of a pattern at least; hours and shifts have those of a week
# Without past plans. Plans that are right keep most of their worth with it, and plans that are
# wrong by 20 % each day cost nothing (`python -m benchmarks.known_future`).
UNMEASURED_RELIANCE = 0.85
_UNMEASURED_WEIGHT = 0.5
_MIDDLE = 0.5
_MOST_SHARE = 2.0  # largest value of a capacity that is a share where no past one was given


@dataclass(frozen=True)
class PlannedSteps:
    """Inputs of the steps ahead of n series, [n, H] each; NaN where they are not known.

    Attributes:
        releases: units that are to be released.
        shares: share of the usual capacity that is there.
        throughput: units that are to be finished.
        baseline: releases of another plan, from which these differ by intention; None: of none.
    """

    releases: Floats
    shares: Floats
    throughput: Floats
    baseline: Floats | None = None


@dataclass(frozen=True)
class LineHistory:
    """The last rows of n series before a forecast.

    Attributes:
        rows: WIP, throughput and cycle time in units, [n, R, 3]; NaN before the first row.
        releases: in the same rows, [n, R].
        places: weekday or month of the steps ahead, [n, H].
        asked: the last rows as a request asks for them, [n, 3]; None: as they were.
    """

    rows: Floats
    releases: Floats
    places: Ints
    asked: Floats | None = None


@dataclass(frozen=True)
class PlanEffect:
    """The change that plans make to forecasts of n series.

    Attributes:
        flow: through the lines.
        reliance: share of the difference of planned releases to those of the forecast that is
            taken, 0 to 1.
        output_reliance: likewise of planned throughput.
        bias: releases for each unit that was planned, [n].
        usual_capacity: the capacity column's median, [n]; NaN where it was not given.
        weights: of the flow by step and target, [H, 3]; the last holds beyond it.
    """

    flow: LineFlow
    reliance: float
    output_reliance: float
    bias: Floats
    usual_capacity: Floats
    weights: Floats

    @classmethod
    def unmeasured(cls, flow: LineFlow, usual_capacity: Floats) -> PlanEffect:
        """Return the effect where no past plans or releases were measured."""
        weights = np.full((1, 3), _UNMEASURED_WEIGHT)
        bias = np.ones(len(flow.slope))
        return cls(flow, UNMEASURED_RELIANCE, 1.0, bias, usual_capacity, weights)

    def select(self, series: Ints) -> PlanEffect:
        """Return the effect for series by number, [n]."""
        return replace(
            self,
            flow=self.flow.select(series),
            bias=self.bias[series],
            usual_capacity=self.usual_capacity[series],
        )

    def shares(self, capacity: Floats) -> Floats:
        """Return capacities as shares of the usual one, [n, H]; NaN where they are not known.

        Without a usual one, values of at most 2 are shares, and larger ones units of a step.
        """
        highest = np.nanmax(np.nan_to_num(capacity), axis=1)
        guessed = np.where(highest <= _MOST_SHARE, 1.0, self.flow.capacity)
        unit = np.where(self.usual_capacity > 0, self.usual_capacity, guessed)
        return capacity / unit[:, None]

    def apply(self, values: Floats, history: LineHistory, plan: PlannedSteps) -> Floats:
        """Return the forecast with a plan, in units, [n, H, 3].

        Args:
            values: the forecast without it.
        """
        found, moved = self.paths(values, history, plan)
        at = np.minimum(np.arange(values.shape[1]), len(self.weights) - 1)
        return self.weights[at] * found + (1 - self.weights[at]) * moved

    def paths(
        self, values: Floats, history: LineHistory, plan: PlannedSteps
    ) -> tuple[Floats, Floats]:
        """Return the flow with the plan, and the forecast moved by its effect, both [n, H, 3].

        Arguments as of `apply`.
        """
        implied = self.implied_releases(values, history)
        releases = self._relied(plan, implied)
        shares = np.nan_to_num(plan.shares, nan=1.0)
        output = plan.throughput
        if self.output_reliance < 1 and not np.isnan(output).all():
            usual = self._rolled(history, releases, shares, None, values)[..., 1]
            output = usual + self.output_reliance * (output - usual)
        with_plan = self._rolled(history, releases, shares, output, values)
        as_it_was = replace(history, asked=None)
        without = self._rolled(as_it_was, implied, np.ones(shares.shape), None, values)
        moved = values + with_plan - without
        moved[..., 2] = values[..., 2] * _ratio(with_plan[..., 2], without[..., 2])
        # What is not put out after all stays in the line.
        output = np.where(shares > 0, np.maximum(moved[..., 1], 0.0), 0.0)
        kept = moved[..., 1] - output
        moved[..., 0] += kept.cumsum(axis=1) - (1 - self.flow.at_end[:, None]) * kept
        moved[..., 1] = output
        return with_plan, np.maximum(moved, 0.0)

    def _relied(self, plan: PlannedSteps, implied: Floats) -> Floats:
        """The planned releases as far as they are relied on, [n, H].

        Differences from the baseline are intended, and taken in full; so are planned zeros.
        """
        wanted, usual = (
            np.full(implied.shape, np.nan) if part is None else part * self.bias[:, None]
            for part in (plan.releases, plan.baseline)
        )
        usual = np.where(np.isnan(usual), wanted, usual)
        relied = np.maximum(implied + self.reliance * (usual - implied) + wanted - usual, 0.0)
        relied = np.where((wanted == 0) & (self.reliance > 0), 0.0, relied)
        return np.where(np.isnan(wanted), implied, relied)

    def implied_releases(self, values: Floats, history: LineHistory) -> Floats:
        """Return the releases that follow from the balance of a forecast, [n, H].

        Args:
            values: the forecast in units, [n, H, 3].
        """
        steps = values.shape[1]
        start = self.flow.start(history.rows[:, -1], history.releases[:, -1])
        implied = np.empty(values.shape[:2])
        for i, at_end in enumerate(self.flow.at_end):
            # The level of the first step is known better by the balance of the last row.
            first = 0 if at_end >= _MIDDLE else 1
            known = np.arange(first, steps)
            times = np.concatenate([[0.0], known + at_end])
            levels = np.concatenate([start[i : i + 1], values[i, first:, 0]])
            gained = np.diff(np.interp(np.arange(steps + 1), times, levels))
            implied[i] = np.maximum(gained + values[i, :, 1], 0.0) / self.flow.intake[i]
        return implied

    def _rolled(
        self,
        history: LineHistory,
        releases: Floats,
        shares: Floats,
        output: Floats | None,
        values: Floats,
    ) -> Floats:
        """The flow in units, [n, H, 3]; where nothing leaves, the cycle time of the step before."""
        flow, past = self.flow, history.rows.shape[1]
        start = flow.start(history.rows[:, -1], history.releases[:, -1])
        arrived = history.releases
        if history.asked is not None:
            asked = flow.start(history.asked, history.releases[:, -1])
            arrived, start = flow.releases_of(arrived, start, asked), asked
        wip, leaving, _ = flow.roll(start, releases, history.places, shares, output)
        fifo = flow.fifo_times(
            history.rows[..., 0],
            np.hstack([history.rows[..., 1], leaving]),
            np.hstack([arrived, releases]),
        )[:, past:]
        times = _filled(flow.cycle_times(fifo), values[..., 2])
        return np.stack([wip, leaving, times], axis=-1)

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form that `from_document` turns back into an equal one."""
        return {
            "flow": self.flow.to_document(),
            "reliance": self.reliance,
            "output_reliance": self.output_reliance,
            "bias": significant(self.bias, 7).tolist(),
            "usual_capacity": [None if np.isnan(c) else c for c in self.usual_capacity.tolist()],
            "weights": self.weights.tolist(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> PlanEffect:
        """Return the effect that `to_document` described."""
        return cls(
            LineFlow.from_document(document["flow"]),
            float(document["reliance"]),
            float(document["output_reliance"]),
            np.asarray(document["bias"], float),
            np.asarray(document["usual_capacity"], float),
            np.asarray(document["weights"], float).reshape(-1, 3),
        )


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.ones_like(above), where=below > 0)


def _filled(times: Floats, usual: Floats) -> Floats:
    """Times with those of the step before where there are none; the usual ones at first."""
    known = ~np.isnan(times)
    last = np.maximum.accumulate(np.where(known, np.arange(times.shape[1]), -1), axis=1)
    before = np.take_along_axis(times, np.maximum(last, 0), axis=1)
    return np.where(last >= 0, before, usual)
