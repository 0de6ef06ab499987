"""Steps without output that the pretrained network does not expect of a lumpy line.

Its quantiles of a line that finishes in lots are too smooth: at a share of the steps at which
nothing comes, they have something. So totals would be too high, by up to 70 % on simulated lots. By
how much, its forecasts of past rows tell: that share of its distribution is moved to zero. Where
less than a tenth of the rows has output, its quantiles cannot tell how rare it is: the distribution
is that of the rows.

    >>> even = np.array(LEVELS) * 100  # of what is between 0 and 100
    >>> with_idle_steps(even[None, None], np.array([0.2]))[0, 0, [0, -1]].round(1).tolist()
    [0.0, 96.9]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.forecast.past_forecasts import PastForecasts
from models.forecast.pretrained import LEVELS
from models.forecast.quantile_distribution import expected_value, values_at

Floats = NDArray[np.float64]

_LUMPY = 1 / 3  # of the rows without output, from which a line is lumpy
_ROWS = 168  # the last ones, that tell
_RARE = 0.1  # of the rows with output, below which the quantiles cannot tell how rare it is
_MOST = 0.75  # of the distribution, moved to zero
_SEED = 1


def is_lumpy(rows: Floats) -> bool:
    """Return True if a series is without output at many of its last rows, [m, 3]."""
    output = rows[-_ROWS:, 1]
    return float((output == 0).mean()) > _LUMPY


class RareOutput(NamedTuple):
    """The output of a line that puts out something at less than a tenth of the steps.

    Attributes:
        values: output of its last rows, [m].
    """

    values: Floats

    def at(self, shares: Floats) -> Floats:
        """Return the outputs up to which shares of the rows lie."""
        found: Floats = np.quantile(self.values, shares, method="inverted_cdf")
        return found

    def drawn(self, paths: int, steps: int) -> Floats:
        """Return outputs drawn from the rows, [paths, steps], each as likely at every step.

        T. R. Willemain, C. N. Smart, H. F. Schwarz, "A new approach to forecasting intermittent
        demand for service parts inventories", International Journal of Forecasting 20 (2004).
        The same call gives the same paths.
        """
        return np.random.default_rng(_SEED).choice(self.values, (paths, steps))


def rare_output(rows: Floats, season: int) -> RareOutput | None:
    """Return the output of a series, if it is rare; None if not, or if there is none.

    Args:
        rows: in units, [m, 3].
        season: steps of a season; what comes once in each is not rare but regular.
    """
    output = rows[-_ROWS:, 1]
    output = output[~np.isnan(output)]
    is_rare = 0 < np.count_nonzero(output) < _RARE * len(output) and season * _RARE < 1
    return RareOutput(output) if is_rare else None


def idle_share(past: PastForecasts) -> Floats:
    """Return the share of the distribution of throughput that is to be at zero, [n].

    Args:
        past: forecasts of n series, and what came.
    """
    expected, came = expected_value(past.quantiles[..., 1, :]), past.came[..., 1]
    known = ~np.isnan(expected + came)
    sums = (np.where(known, each, 0.0).sum(axis=(0, 2)) for each in (came, expected))
    ratio = np.ones(known.shape[1])
    output, forecast = sums
    np.divide(output, forecast, out=ratio, where=forecast > 0)
    return np.clip(1 - ratio, 0.0, _MOST)


def with_idle_steps(quantiles: Floats, share: Floats) -> Floats:
    """Return quantiles of which a share of the distribution is moved to zero.

    Args:
        quantiles: of n series, by `LEVELS`, [n, steps, levels].
        share: of each series, [n].
    """
    idle = share[:, None]
    found = []
    for level in LEVELS:
        at = np.broadcast_to((level - idle) / (1 - idle), quantiles.shape[:-1])
        found.append(np.where(at > 0, values_at(quantiles, at), 0.0))
    return np.stack(found, axis=-1)
