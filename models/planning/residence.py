"""Finish of a unit that is in process already: time in system, given its age.

The share of units that stay longer than a time, by the product-limit estimate; units that are still
in process count with the age that they have (E. L. Kaplan & P. Meier, "Nonparametric estimation
from incomplete observations", Journal of the American Statistical Association 53, 1958).

    >>> times, left = np.array([1.0, 2.0, 3.0, 4.0, 10.0]), np.array([True] * 4 + [False])
    >>> stays = Stays.of(times, left)
    >>> stays.quantile(0.5), stays.quantile(0.5, age=2.5), stays.quantile(0.9)
    (3.0, 4.0, None)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stays:
    """Times in system of the units of one line.

    Attributes:
        times: at which units left, ascending, [n].
        longer: share of units that stay longer than each, [n].
        older: number of units whose stay, or age, is longer than each, or equal, [n].
    """

    times: Floats
    longer: Floats
    older: NDArray[np.int64]

    @classmethod
    def of(cls, times: Floats, left: NDArray[np.bool_]) -> Stays:
        """Return the stays of units.

        Args:
            times: time in system, or age if a unit has not left, [n].
            left: true for units that have left, [n].
        """
        found, exits = np.unique(times[left], return_counts=True)
        older = len(times) - np.searchsorted(np.sort(times), found)
        return cls(found, np.cumprod(1.0 - exits / older, dtype=np.float64), older)

    def count(self, age: float) -> int:
        """Return the number of units that are known to have been older than an age."""
        place = int(np.searchsorted(self.times, age, side="right"))
        return int(self.older[place]) if place < len(self.older) else 0

    def quantile(self, share: float, age: float = 0.0) -> float | None:
        """Return the time in system that a share of the units of an age does not exceed.

        None if the units that have left do not tell it.
        """
        place = int(np.searchsorted(self.times, age, side="right"))
        alive = float(self.longer[place - 1]) if place else 1.0
        if alive <= 0:
            return None
        reached = np.flatnonzero(self.longer[place:] <= alive * (1 - share) + 1e-12)
        return float(self.times[place + reached[0]]) if reached.size else None
