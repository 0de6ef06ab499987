"""The members of a combination: forecasts that are averaged, each from the same look-back.

All values here are scaled (`models.series.scaling`).

    >>> rows = np.array([[[1.0] * 3, [2.0] * 3, [3.0] * 3]])
    >>> known, one = np.ones((1, 3), bool), np.zeros(1, int)
    >>> look_back = LookBack.of_rows(rows, known, last=one, series=one)
    >>> LastSeason(season=2).path(look_back, 3)[0, :, 0].tolist()
    [2.0, 3.0, 2.0]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Autoregression, Kind
from models.forecast.look_back import LookBack
from models.forecast.rollout import roll_linear
from models.series.scaling import Scaling

Floats = NDArray[np.float64]


class MemberName(StrEnum):
    """The name of a member, as models keep it."""

    LAST_VALUE = "last_value"
    LAST_SEASON = "last_season"
    AUTOREGRESSION = "autoregression"
    LSTM = "lstm"
    PRETRAINED = "pretrained"


class Member(Protocol):
    """A way to forecast."""

    @property
    def look_back(self) -> int:
        """Rows that a forecast uses."""

    @property
    def needs_training(self) -> bool:
        """True if it forecasts only series that it was trained on."""
        return False

    @property
    def reverts(self) -> bool:
        """True if its forecasts are drawn to the levels that the training has seen."""
        return False

    def path(self, look_back: LookBack, steps: int) -> Floats:
        """Return the forecasts after a look-back, [n, steps, 3]."""

    def with_scaling(self, scaling: Scaling) -> Member:
        """Return the member for another scaling of the series."""
        return self


@dataclass(frozen=True)
class LastValue(Member):
    """The last value, repeated."""

    @property
    def look_back(self) -> int:
        """Rows that a forecast uses."""
        return 1

    def path(self, look_back: LookBack, steps: int) -> Floats:
        """Return the forecasts after a look-back, [n, steps, 3]."""
        return np.repeat(look_back.scaled[:, -1:], steps, axis=1)


@dataclass(frozen=True)
class LastSeason(Member):
    """The last season, repeated; the last value where less than a season is known.

    Attributes:
        season: steps of a season, where no working calendar gives them.
    """

    season: int

    @property
    def look_back(self) -> int:
        """Rows that a forecast uses."""
        return self.season

    def path(self, look_back: LookBack, steps: int) -> Floats:
        """Return the forecasts after a look-back, [n, steps, 3]."""
        rows, season = look_back.scaled.shape[1], np.array([self.season])
        if look_back.calendar.working:
            season = look_back.calendar.seasons(look_back.last)
        place = rows - season[:, None] + np.arange(steps) % season[:, None]
        long_enough = look_back.known >= season
        seasonal = np.take_along_axis(look_back.scaled, np.maximum(place, 0)[..., None], axis=1)
        last = look_back.scaled[:, -1:]
        return np.where(long_enough[:, None, None], seasonal, last)


@dataclass(frozen=True)
class LinearRollOut(Member):
    """The roll-out of an autoregression."""

    autoregression: Autoregression

    @property
    def reverts(self) -> bool:
        """True unless it all but repeats the last value."""
        return self.autoregression.strength.kind is Kind.REGRESSION

    @property
    def look_back(self) -> int:
        """Rows that a forecast uses."""
        return self.autoregression.shape.look_back

    def path(self, look_back: LookBack, steps: int) -> Floats:
        """Return the forecasts after a look-back, [n, steps, 3]."""
        return roll_linear(self.autoregression, look_back, steps)


def continued(
    path: Callable[[LookBack, int], Floats], look_back: LookBack, steps: int, most: int
) -> Floats:
    """Return forecasts of any length by a function that forecasts a few steps at once.

    Beyond `most` steps it continues from its own forecasts.

    Args:
        path: (look-back, steps up to `most`) → forecasts [n, steps, 3].
    """
    parts = []
    for done in range(0, steps, most):
        part = path(look_back, min(most, steps - done))
        part = np.clip(part, look_back.lowest[:, None], look_back.highest[:, None])
        parts.append(part)
        look_back = look_back.followed_by(part)
    return np.concatenate(parts, axis=1)
