"""Stoppages of generated lines: closed days, on which all stands still, and breakdowns.

On closed days nothing is released and nothing leaves; stocks are carried. During a breakdown work
goes on coming, and a share of the usual output leaves. Both conserve the flow.

    >>> worked = {"wip": np.array([[10.0, 20.0]]), "throughput": np.array([[4.0, 5.0]])}
    >>> is_open = np.array([True, False, True, False])
    >>> every = on_all_days(worked, {"wip": np.array([30.0])}, is_open)
    >>> every["wip"].tolist(), every["throughput"].tolist()
    ([[10.0, 20.0, 20.0, 30.0]], [[4.0, 0.0, 5.0, 0.0]])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_DAYS_PER_YEAR = 365.25
_FLOWS = ("throughput", "releases")


@dataclass(frozen=True)
class Breakdowns:
    """Random breakdowns of lines.

    Attributes:
        per_year: mean number in a year of worked days.
        mean_days: mean worked days that one lasts.
        capacity: share of the output that is left meanwhile, 0 to 1.
    """

    per_year: float
    mean_days: float
    capacity: float

    def availability(self, seeds: Sequence[Sequence[int]], days: int) -> Floats:
        """Return the share of the output that is left on each worked day, [days, lines].

        Args:
            seeds: of the random draws of each line.
        """
        found = np.ones((days, len(seeds)))
        for line, seed in enumerate(seeds):
            rng = np.random.default_rng(list(seed))
            begins = np.flatnonzero(rng.random(days) < self.per_year / _DAYS_PER_YEAR)
            for begin in begins:
                length = rng.geometric(1 / self.mean_days)
                found[begin : begin + length, line] = self.capacity
        return found


def on_all_days(
    columns: Mapping[str, Floats], after: Mapping[str, Floats], is_open: Flags
) -> dict[str, Floats]:
    """Return columns of worked days, [S, worked], on all days, [S, days].

    Stocks are carried over closed days, flows are zero, and other columns are NaN there.

    Args:
        after: the stocks after the last worked day, by name, [S] each.
        is_open: True for worked days, [days].
    """
    found = {}
    for name, values in columns.items():
        if name in after:
            stocks = np.column_stack([values, after[name]])
            found[name] = stocks[:, np.cumsum(is_open) - is_open]
        else:
            found[name] = np.full((len(values), len(is_open)), 0.0 if name in _FLOWS else np.nan)
            found[name][:, is_open] = values
    return found
