"""The pretrained network as a member, and all members that nothing is fitted for.

Example: `PretrainedMember(PretrainedModel.open(), Step.DAY, scaling).path(look_back, 30)` returns
the medians of 30 days, scaled, [n, 30, 3].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.forecast.look_back import LookBack
from models.forecast.members import LastSeason, LastValue, Member, MemberName
from models.forecast.naive import SEASONS
from models.forecast.pretrained import MEDIAN, PretrainedModel
from models.forecast.pretrained_inputs import SHAPES
from models.series.calendar import Step
from models.series.scaling import Scaling

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PretrainedMember(Member):
    """The pretrained network, which forecasts any series in its units.

    Attributes:
        model: the network.
        step: between two rows.
        scaling: of the series.
    """

    model: PretrainedModel
    step: Step
    scaling: Scaling

    @property
    def look_back(self) -> int:
        """Rows that a forecast uses."""
        return SHAPES[self.step].look_back

    def path(self, look_back: LookBack, steps: int) -> Floats:
        """Return the forecasts after a look-back, [n, steps, 3]."""
        rows = self.scaling.inverse(look_back.last_rows(self.look_back), look_back.series)
        medians = self.model.quantiles(rows, self.step, steps)[..., MEDIAN]
        path = self.scaling.forward_paths(medians, look_back.series)
        return np.where(np.isnan(path), look_back.scaled[:, -1:], path)

    def with_scaling(self, scaling: Scaling) -> PretrainedMember:
        """Return the member for another scaling of the series."""
        return replace(self, scaling=scaling)


def untrained_members(step: Step, scaling: Scaling) -> dict[MemberName, Member]:
    """Return the members that nothing is fitted for, by name."""
    return {
        MemberName.PRETRAINED: PretrainedMember(PretrainedModel.open(), step, scaling),
        MemberName.LAST_VALUE: LastValue(),
        MemberName.LAST_SEASON: LastSeason(SEASONS[step]),
    }
