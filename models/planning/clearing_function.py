"""Throughput of a line as a function of its WIP: a saturating clearing function.

    TH(w) = C · x ÷ (1 + x^p)^(1/p),  x = w ÷ W0

C is the capacity, W0 the critical WIP (capacity × raw process time) and p the evenness of the flow:
p = 1 is U. S. Karmarkar's clearing function ("Capacity loading and release planning with
work-in-progress and leadtimes", Journal of Manufacturing and Operations Management 2, 1989), close
to the practical worst case of W. J. Hopp & M. L. Spearman; large p is a line without variability,
min(w ÷ raw process time, C).

    >>> line = ClearingFunction(capacity=1.0, critical_wip=4.0, evenness=1.0)
    >>> round(float(line.throughput(np.array(16.0))), 2), round(line.least_wip(0.8), 6)
    (0.8, 16.0)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def clearing(
    wip: Floats,
    capacity: float | Floats,
    critical_wip: float | Floats,
    evenness: float | Floats,
) -> Floats:
    """Return TH(w), elementwise; without an overflow of x^p at any x."""
    x = wip / critical_wip
    small = np.minimum(x, 1 / np.maximum(x, 1e-300))
    found: Floats = capacity * np.minimum(x, 1.0) / (1 + small**evenness) ** (1 / evenness)
    return found


def elasticity(wip: Floats, critical_wip: float | Floats, evenness: float | Floats) -> Floats:
    """Return the percent of throughput that one more percent of WIP gives, 0 to 1, elementwise.

    1 ÷ (1 + x^p), which is 1/2 at the critical WIP. The rest of the percent is cycle time.
    """
    power = evenness * np.log(np.maximum(wip, 1e-300) / critical_wip)
    found: Floats = 1 / (1 + np.exp(np.minimum(power, 700.0)))
    return found


@dataclass(frozen=True)
class ClearingFunction:
    """A clearing function.

    Attributes:
        capacity: most units per step, C.
        critical_wip: units, W0.
        evenness: p.
    """

    capacity: float
    critical_wip: float
    evenness: float

    @classmethod
    def of_logs(cls, logs: Floats) -> ClearingFunction:
        """Return the function with the logarithms of its three parameters, [3]."""
        return cls(*(float(value) for value in np.exp(logs)))

    @property
    def raw_process_time(self) -> float:
        """Time through the empty line, in steps."""
        return self.critical_wip / self.capacity

    def throughput(self, wip: Floats) -> Floats:
        """Return the units per step at a WIP of zero or more."""
        return clearing(wip, self.capacity, self.critical_wip, self.evenness)

    def cycle_time(self, wip: Floats) -> Floats:
        """Return the mean time through the line at a WIP above zero, in steps (Little's Law)."""
        return wip / self.throughput(wip)

    def elasticity(self, wip: float) -> float:
        """Return the elasticity of the throughput by WIP, as the function of that name."""
        return float(elasticity(np.asarray(wip), self.critical_wip, self.evenness))

    def least_wip(self, throughput: float) -> float:
        """Return the WIP of a throughput; infinite from the capacity on."""
        share = throughput / self.capacity
        if share >= 1:
            return float("inf")
        return self.critical_wip * share / (1 - share**self.evenness) ** (1 / self.evenness)
