"""Forecasts of the pretrained network from past origins of the same rows, and what came.

They tell how large errors are, how long they last, and how often a lumpy line puts out nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecast.error_record import OUTLYING
from models.forecast.pretrained import BOUNDS, MEDIAN
from models.forecast.quantile_distribution import distribution

Floats = NDArray[np.float64]

_LEVEL = 80  # of the intervals that errors are divided by


@dataclass(frozen=True)
class PastForecasts:
    """Forecasts of n series from past origins; NaN where a series has too few rows.

    Attributes:
        quantiles: [origins, n, H, 3, levels].
        came: the rows of the same steps, [origins, n, H, 3]; NaN also where a line stands still.
    """

    quantiles: Floats
    came: Floats

    @property
    def errors(self) -> Floats:
        """Errors by half width, [origins, n, H, 3]."""
        found: Floats = (self.came - self.quantiles[..., MEDIAN]) / self._half
        return found

    @property
    def sizes(self) -> Floats:
        """Expected absolute errors by half width, cut at 3, [origins, n, H, 3]."""
        levels, edges = distribution(self.quantiles)
        middle = (edges[..., 1:] + edges[..., :-1]) / 2
        sizes = np.abs(middle - self.quantiles[..., MEDIAN, None]) / self._half[..., None]
        found: Floats = np.minimum(sizes, OUTLYING) @ np.diff(levels)
        return found

    @property
    def _half(self) -> Floats:
        low, high = BOUNDS[_LEVEL]
        half: Floats = (self.quantiles[..., high] - self.quantiles[..., low]) / 2
        return np.where(half > 0, half, np.nan)
