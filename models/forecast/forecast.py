"""A forecast: values, prediction intervals and confidence of several series, in units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.forecast.level_shifts import UsualLevel
from models.forecast.what_if import WhatIfEffect

Floats = NDArray[np.float64]

_LAW_WINDOW = 7  # steps, over which Little's Law derives cycle times
_LUMPY_WINDOW = 28  # steps, over which it does so of a lumpy output
_LEAST_OUTPUT = 0.1  # of the expected one, in the steps that a cycle time is derived from
_LUMPY = 0.25  # of the expected output of as many steps, below which medians of some are in sum


@dataclass(frozen=True)
class Forecast:
    """Forecasts of n series, in the units of the data.

    Attributes:
        values: WIP, throughput and cycle time, reconciled by Little's Law, [n, steps, 3].
        raw: the same before reconciliation, [n, steps, 3].
        lower: lower bounds of the prediction intervals, [n, steps, 3], by their level in per
            cent; {} where no errors were measured.
        upper: their upper bounds.
        confidence: expected share of the three values within 20 % of the truth, [n, steps].
        start: the last two rows in units, as the forecast took them, [n, 2, 3]; None: as they were
            given.
        level: the shifts of the level that the forecast follows; None: none were looked for.
        paths: joint sample paths, [n, paths, steps, 3]; None: none were asked for.
        taken: the rows that each is made from, [m, 3], without spikes; (): as they were given.
    """

    values: Floats
    raw: Floats
    lower: dict[int, Floats]
    upper: dict[int, Floats]
    confidence: Floats
    start: Floats | None = None
    paths: Floats | None = None
    level: UsualLevel | None = None
    taken: tuple[Floats, ...] = ()

    @property
    def is_finite(self) -> bool:
        """True if all values and bounds are numbers."""
        parts = [self.values, self.raw, *self.lower.values(), *self.upper.values()]
        return all(np.isfinite(part).all() for part in parts)

    def of(self, i: int) -> Forecast:
        """Return the forecast of one of the series, [1, steps, 3]."""
        one = slice(i, i + 1)
        return replace(
            self,
            values=self.values[one],
            raw=self.raw[one],
            lower={level: bound[one] for level, bound in self.lower.items()},
            upper={level: bound[one] for level, bound in self.upper.items()},
            confidence=self.confidence[one],
            start=None if self.start is None else self.start[one],
            paths=None if self.paths is None else self.paths[one],
            level=None if self.level is None else self.level.of(one),
            taken=self.taken[one],
        )

    def without_output(self, standing: NDArray[np.bool_]) -> Forecast:
        """Return the forecast with no throughput at some steps, [n, steps]."""
        if not standing.any():
            return self

        def still(values: Floats) -> Floats:
            at = standing if values.ndim == 3 else standing[:, None]  # of paths
            throughput = np.where(at, 0.0, values[..., 1])
            return np.stack([values[..., 0], throughput, values[..., 2]], axis=-1)

        return self.changed(still)

    def changed(self, change: Callable[[Floats], Floats]) -> Forecast:
        """Return the forecast with its values, their bounds and its paths changed alike."""
        return replace(
            self,
            values=change(self.values),
            raw=change(self.raw),
            lower={level: change(bound) for level, bound in self.lower.items()},
            upper={level: change(bound) for level, bound in self.upper.items()},
            paths=None if self.paths is None else change(self.paths),
        )

    def with_derived_cycle_times(self, wanted: NDArray[np.bool_]) -> Forecast:
        """Return the forecast with the cycle times of some series derived from the other targets.

        By Little's Law over windows of seven steps, mean WIP ÷ mean throughput; their intervals
        are those of the sample paths, if there are any. Where output is lumpy, the medians of some
        windows are next to nothing: expected values over 28 steps take their place.

        Args:
            wanted: true for the series whose cycle times were never given, [n].
        """
        if not wanted.any():
            return self
        at = np.flatnonzero(wanted)

        def derived(values: Floats, times: Floats) -> Floats:
            new = values.copy()
            new[at, ..., 2] = times
            return new

        lower, upper, paths = self.lower, self.upper, self.paths
        times = _cycle_times(self.values[at], _LAW_WINDOW)
        if paths is not None:
            times, of_paths = _cycle_times_of_paths(times, self.values[at], paths[at])
            paths = derived(paths, of_paths)
            tails = {level: (1 - level / 100) / 2 for level in lower}
            ends = {level: np.quantile(of_paths, [t, 1 - t], axis=1) for level, t in tails.items()}
            lower = {
                level: derived(bound, np.minimum(ends[level][0], times))
                for level, bound in lower.items()
            }
            upper = {
                level: derived(bound, np.maximum(ends[level][1], times))
                for level, bound in upper.items()
            }
        values, raw = derived(self.values, times), derived(self.raw, times)
        return replace(self, values=values, raw=raw, lower=lower, upper=upper, paths=paths)

    def moved_to(self, values: Floats) -> Forecast:
        """Return the forecast with other values, its bounds and paths in proportion.

        Where a value was zero, they are moved by the difference.

        Args:
            values: in units, [n, steps, 3].
        """
        factors = np.divide(values, self.values, out=np.ones_like(values), where=self.values > 0)
        more = np.where(self.values > 0, 0.0, values)

        def moved(bound: Floats) -> Floats:
            return bound * factors + more

        paths = self.paths
        if paths is not None:
            paths = paths * factors[:, None] + more[:, None]
        return replace(
            self,
            values=values,
            raw=values,
            lower={level: moved(bound) for level, bound in self.lower.items()},
            upper={level: moved(bound) for level, bound in self.upper.items()},
            paths=paths,
        )

    def blended(self, other: Forecast, share: Floats) -> Forecast:
        """Return these values with bounds and paths between these and another forecast's.

        Args:
            other: of the same values, series and paths, with its own bounds.
            share: of this forecast's, [n, steps].
        """
        own = share[..., None]

        def between(one: Floats, another: Floats) -> Floats:
            return own * one + (1 - own) * another

        paths = self.paths
        if paths is not None and other.paths is not None:
            paths = own[:, None] * paths + (1 - own[:, None]) * other.paths
        return replace(
            self,
            lower={level: between(low, other.lower[level]) for level, low in self.lower.items()},
            upper={level: between(up, other.upper[level]) for level, up in self.upper.items()},
            confidence=share * self.confidence + (1 - share) * other.confidence,
            paths=paths,
            level=other.level,
        )

    def shifted(
        self,
        what_if: WhatIfEffect,
        was: Floats,
        wip: float | None,
        throughput: float | None,
        most: float = np.inf,
    ) -> Forecast:
        """Return the forecast of one series from another state of the last day.

        Args:
            what_if: the effect of another state.
            was: WIP, throughput and cycle time of the last day as they were, [3].
            wip, throughput: the other state; None: as it was.
            most: throughput that the line can put out in a step.
        """
        if wip is None and throughput is None:
            return self
        raw = what_if.path(self.raw[0], was, wip, throughput, most)
        shifted = self.moved_to(what_if.path(self.values[0], was, wip, throughput, most)[None])
        return replace(shifted, raw=raw[None])


def _cycle_times_of_paths(times: Floats, values: Floats, paths: Floats) -> tuple[Floats, Floats]:
    """Cycle times, [n, steps], and those of the sample paths, [n, paths, steps].

    Args:
        times: by the medians, [n, steps].
        values, paths: as of a forecast.
    """
    expected = paths.mean(axis=1)
    own = _cycle_times(paths, _LAW_WINDOW, times[:, None], expected[:, None])
    least = _around(values, _LAW_WINDOW)[1].min(axis=1)
    is_lumpy = least < _LUMPY * _around(expected, _LAW_WINDOW)[1].mean(axis=1)
    if not is_lumpy.any():
        return times, own
    times[is_lumpy] = _cycle_times(expected[is_lumpy], _LUMPY_WINDOW)
    some = (part[is_lumpy][:, None] for part in (times, expected))
    own[is_lumpy] = _cycle_times(paths[is_lumpy], _LUMPY_WINDOW, *some)
    return times, own


def _cycle_times(
    values: Floats, window: int, otherwise: Floats | float = 0.0, expected: Floats | None = None
) -> Floats:
    """Mean WIP ÷ mean throughput of the steps around each step, [..., steps, 3] → [..., steps].

    Args:
        window: number of steps.
        otherwise: cycle times where next to nothing is put out, [..., steps].
        expected: values whose output tells how little that is.
    """
    held, output = _around(values, window)
    least = np.zeros(output.shape) if expected is None else _around(expected, window)[1]
    found: Floats = np.broadcast_to(otherwise, output.shape).copy()
    np.divide(held, output, out=found, where=output > _LEAST_OUTPUT * least)
    return found


def _around(values: Floats, window: int) -> tuple[Floats, Floats]:
    """WIP and throughput, summed over the steps around each step, [..., steps] each."""
    steps = values.shape[-2]
    sums = np.concatenate([np.zeros_like(values[..., :1, :2]), values[..., :2].cumsum(axis=-2)], -2)
    begin = np.clip(np.arange(steps) - window // 2, 0, max(steps - window, 0))
    found = sums[..., np.minimum(begin + window, steps), :] - sums[..., begin, :]
    return found[..., 0], found[..., 1]
