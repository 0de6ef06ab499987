"""True differences between two plans: the generator's lines run again with another plan.

The lines and all random draws stay the same; from an origin on, releases, capacity or output are
changed for some days. The difference to the usual course is what a forecast of the difference is
held against.

Example: `true_difference(spec, MORE_RELEASES, 300, 28)` is [S, 28, 3] in units: WIP, throughput and
cycle time with a fifth more releases from day 300 on, less those without.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data_generator import PlantSpec, generate
from models.series.known_inputs import CAPACITY, RELEASES, KnownInputs
from models.series.line_simulation import Intervention
from models.series.panel import TARGETS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OtherPlan:
    """A plan that differs from what came.

    Attributes:
        name: as the table has it.
        releases: factor on the releases.
        share: of the capacity, or of the output in a breakdown.
        days: first day with that share, and the first without it again.
        breaks_down: True if the share is of the output, as in the generator's breakdowns.
    """

    name: str
    releases: float = 1.0
    share: float = 1.0
    days: tuple[int, int] = (0, 0)
    breaks_down: bool = False

    def shares(self, steps: int) -> Floats:
        """Return the share of each step, [steps]."""
        step, (first, end) = np.arange(steps), self.days
        return np.where((step >= first) & (step < end), self.share, 1.0)

    def known(self, releases: Floats) -> KnownInputs:
        """Return what a planner knows, with the releases of the usual course."""
        shares = self.shares(len(releases))
        return KnownInputs({RELEASES: self.releases * releases, CAPACITY: shares})


OTHER_PLANS = (
    OtherPlan("releases × 1.2", releases=1.2),
    OtherPlan("half of the capacity from day 8", share=0.5, days=(7, 28)),
    OtherPlan("both", 1.2, 0.5, (7, 28)),
    OtherPlan("breakdown, days 8 to 10", share=0.2, days=(7, 10), breaks_down=True),
)


def true_difference(spec: PlantSpec, plan: OtherPlan, origin: int, steps: int) -> Floats:
    """Return the generator's rows with a plan less those without, [S, steps, 3].

    Args:
        origin: row of the first step; the data has rows of all steps.
    """
    usual, shares = Intervention.none(spec.days), plan.shares(steps)
    ahead = slice(origin, origin + steps)
    releases, capacity, output = (part.copy() for part in (usual.releases, *[usual.capacity] * 2))
    releases[ahead] = plan.releases
    (output if plan.breaks_down else capacity)[ahead] = shares
    runs = [
        _rows(spec, each)[:, ahead] for each in (usual, Intervention(releases, capacity, output))
    ]
    return runs[1] - runs[0]


def _rows(spec: PlantSpec, changed: Intervention) -> Floats:
    blocks = list(generate(spec, changed))
    columns = [np.vstack([block.columns[name] for block in blocks]) for name in TARGETS]
    return np.stack(columns, axis=-1)
