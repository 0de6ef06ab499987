"""The combination of members: a weighted mean of their forecasts.

The weights are of a target and a step of the horizon, not negative, and add up to one. A mean of
forecasts whose errors differ has smaller errors than most of them (J. M. Bates & C. W. J. Granger,
"The combination of forecasts", Operational Research Quarterly 20, 1969). The weights are learned
in `models.training.combination_choice`.

Where the line has moved to a level that the training has not seen, and members would draw it back
to the old one, the pretrained network forecasts alone: it looks at the latest rows only. The other
targets of that line are forecast as usual, but from values within what the training has seen. Where
14 rows were all equal, the last value is repeated.

All values here are scaled (`models.series.scaling`).

    >>> from models.forecast.members import LastSeason, LastValue
    >>> rows = np.array([[[1.0] * 3, [3.0] * 3]])
    >>> one = np.zeros(1, int)
    >>> look_back = LookBack.of_rows(rows, np.ones((1, 2), bool), last=one, series=one)
    >>> half = np.full((1, 3), 0.5)
    >>> both = Combination(
    ...     {MemberName.LAST_VALUE: LastValue(), MemberName.LAST_SEASON: LastSeason(2)},
    ...     {MemberName.LAST_VALUE: half, MemberName.LAST_SEASON: half},
    ... )
    >>> both.path(look_back, 2, trained=True)[0, :, 0].tolist()
    [2.0, 3.0]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.forecast.look_back import LookBack
from models.forecast.members import Member, MemberName
from models.series.scaling import Scaling

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Combination:
    """Members and their weights.

    Attributes:
        members: by name.
        weights: of each member by step of the horizon and target, [H, 3]; those of the last step
            hold beyond it. A member without weights is not used.
    """

    members: Mapping[MemberName, Member]
    weights: Mapping[MemberName, Floats]

    @property
    def used(self) -> list[MemberName]:
        """The members with a weight above zero."""
        return [name for name, weights in self.weights.items() if weights.any()]

    @property
    def horizon(self) -> int:
        """Steps that there are weights for."""
        return len(next(iter(self.weights.values())))

    @property
    def look_back(self) -> int:
        """Rows that a forecast uses."""
        used = self.used
        if any(self.members[name].needs_training for name in used):
            used = [*used, MemberName.AUTOREGRESSION]  # stands in for them
        return max(self.members[name].look_back for name in used)

    def path(self, look_back: LookBack, steps: int, trained: bool) -> Floats:
        """Return the forecasts after a look-back, [n, steps, 3].

        Args:
            trained: False for series that the model was not trained on. For them, the
                autoregression takes over the weights of members that forecast trained series only.
        """
        at = np.minimum(np.arange(steps), self.horizon - 1)
        shares = {name: self.weights[name][at] for name in self.used}
        if not trained:
            lost = [name for name in shares if self.members[name].needs_training]
            own = shares.get(MemberName.AUTOREGRESSION, np.zeros((steps, 3)))
            shares[MemberName.AUTOREGRESSION] = sum((shares.pop(name) for name in lost), own)
        paths = {name: self.members[name].path(look_back, steps) for name in shares}
        drawn = any(self.members[name].reverts for name in shares)
        if drawn and look_back.is_new.any() and MemberName.PRETRAINED in self.members:
            paths = self._at_new_levels(paths, look_back, steps)
        path = np.zeros((len(look_back.last), steps, 3))
        for name, share in shares.items():
            path += share * paths[name]
        path = np.where(look_back.is_still[:, None], look_back.scaled[:, -1:], path)
        return np.clip(path, look_back.lowest[:, None], look_back.highest[:, None])

    def _at_new_levels(
        self, paths: Mapping[MemberName, Floats], look_back: LookBack, steps: int
    ) -> dict[MemberName, Floats]:
        """The members' forecasts, with those of the pretrained network for targets at a new level.

        An autoregression of another target of such a line has them among its inputs: it gets
        them as far away as the training has seen them.
        """
        new = look_back.is_new[:, None]
        beside = new.any(axis=2, keepdims=True) & ~new
        pretrained = paths.get(MemberName.PRETRAINED)
        if pretrained is None:
            pretrained = self.members[MemberName.PRETRAINED].path(look_back, steps)
        found = {}
        for name, path in paths.items():
            own, member = path, self.members[name]
            if member.reverts and beside.any():
                within = member.path(look_back.within_training(), steps)
                own = np.where(beside, within, path)
            found[name] = np.where(new, pretrained, own)
        return found

    def with_scaling(self, scaling: Scaling) -> Combination:
        """Return the combination for another scaling of the series."""
        members = {name: member.with_scaling(scaling) for name, member in self.members.items()}
        return replace(self, members=members)
