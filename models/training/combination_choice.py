"""The weights of the members of a combination, learned from their errors.

Weights are multiples of a quarter, for each target and band of horizons. Of all weights whose loss
is not clearly larger than the least one, those nearest to the usual weights are taken (after the
one-standard-error rule: L. Breiman et al., "Classification and Regression Trees", 1984, section
3.4.3). The usual weights are equal weights of the members that hold on most data. So a member that
was trained on the data has a weight only where its gain is more than chance, and where a few blocks
of time cannot tell, the usual weights stay.

Clearly larger is: by a paired t-test at the level of 10 %, over blocks of time as long as the
horizon, as forecasts from origins within a block share what they are wrong about.

Example: errors from origins of 200 days make 7 blocks of 28 days. If the LSTM with a weight of 0.25
lowers the loss in six of them, it gets that weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations_with_replacement, pairwise

import numpy as np
from numpy.typing import NDArray

from models.forecast.members import MemberName
from models.series.error_measures import mean_known
from models.series.scaling import Scaling
from models.training.member_errors import MemberErrors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Weights = dict[MemberName, Floats]

_PARTS = 4  # weights are multiples of 1 ÷ _PARTS
_FEWEST_BLOCKS = 3
_FEWEST_FOR_TRAINED = 5  # blocks, without which a trained network has no weight
_NORMAL = 1.2816  # the 90 % quantile of the standard normal distribution
_USUAL = (MemberName.AUTOREGRESSION, MemberName.PRETRAINED)
_NAIVE = (MemberName.LAST_VALUE, MemberName.LAST_SEASON)
_BANDS = (0.25, 0.5, 1.0)  # ends of the bands, as shares of the horizon


def usual_weights(members: Sequence[MemberName], horizon: int) -> Weights:
    """Return equal weights of the autoregression and the pretrained network, [horizon, 3] each."""
    usual = [name for name in members if name in _USUAL]
    return {
        name: np.full((horizon, 3), 1 / len(usual) if name in usual else 0.0) for name in members
    }


def choose_weights(errors: MemberErrors, scaling: Scaling, near_only: bool) -> Weights:
    """Return the weights of all members, [H, 3] each.

    Args:
        near_only: True to let the errors of the first band decide for all horizons.
    """
    horizon = errors.truth.shape[2]
    weights = usual_weights(list(errors.errors), horizon)
    blocks = _blocks(errors.origins, horizon)
    if blocks.max() + 1 < _FEWEST_BLOCKS:
        return weights
    if blocks.max() + 1 < _FEWEST_FOR_TRAINED:
        # One shock in a few blocks would reward a network that fits it.
        others = dict(errors.errors)
        others.pop(MemberName.LSTM, None)
        errors = replace(errors, errors=others)
    members = list(errors.errors)
    usual = np.array([weights[name][0, 0] for name in members])
    grid = _grid(usual)
    losses = _losses(errors, scaling, grid, blocks)  # [G, K, H, 3]
    ends = [0, *(max(1, round(share * horizon)) for share in _BANDS)]
    for low, high in pairwise(ends):
        judged = losses[:, :, : ends[1]] if near_only else losses[:, :, low:high]
        by_block = mean_known(judged, axis=2)  # [G, K, 3]
        for target in range(3):
            best = grid[_nearest(by_block[..., target], grid, usual)]
            for name, weight in zip(members, best, strict=True):
                weights[name][low:high, target] = weight
    return weights


def _blocks(origins: Ints, horizon: int) -> Ints:
    """Number of the block of time that each origin lies in, [n]."""
    since = origins - origins.min()
    count = max(1, int(since.max() + 1) // horizon)
    return np.minimum(since * count // int(since.max() + 1), count - 1)


def _grid(usual: Floats) -> Floats:
    """All weights in quarters, the usual ones first, [G, members]."""
    count = len(usual)
    chosen = combinations_with_replacement(range(count), _PARTS)
    every = [np.bincount(some, minlength=count) / _PARTS for some in chosen]
    return np.vstack([usual, *every])


def _losses(errors: MemberErrors, scaling: Scaling, grid: Floats, blocks: Ints) -> Floats:
    """Mean relative errors by weights, block, step and target, [G, K, H, 3]."""
    stacked = np.stack(list(errors.errors.values()))
    count = int(blocks.max()) + 1
    found = np.empty((len(grid), count, *errors.truth.shape[2:]))
    for g, weights in enumerate(grid):
        relative = _relative(errors, np.tensordot(weights, stacked, axes=1), scaling)
        for k in range(count):
            found[g, k] = mean_known(relative[blocks == k], axis=(0, 1))
    return found


def _relative(errors: MemberErrors, combined: Floats, scaling: Scaling) -> Floats:
    """Absolute errors in units relative to the mean of their series, [n, S', H, 3].

    So all series weigh the same.

    Args:
        combined: truth − forecast, scaled, [n, S', H, 3].
    """
    truth = errors.in_units(errors.truth, scaling)
    level = mean_known(np.abs(truth), axis=(0, 2))[None, :, None]
    wrong = np.abs(truth - errors.in_units(errors.truth - combined, scaling))
    return np.divide(wrong, level, out=np.full(wrong.shape, np.nan), where=level > 0)


def _nearest(losses: Floats, grid: Floats, usual: Floats) -> int:
    """Number of the weights nearest to the usual ones that are not clearly worse than the best.

    Args:
        losses: by weights and block, [G, K].
    """
    known = losses[:, ~np.isnan(losses).any(axis=0)]
    if known.shape[1] < _FEWEST_BLOCKS:
        return 0
    more = known - known[known.mean(axis=1).argmin()]
    blocks = more.shape[1]
    doubt = more.std(axis=1, ddof=1) / np.sqrt(blocks) * _t_quantile(blocks - 1)
    good = np.flatnonzero(more.mean(axis=1) <= doubt)
    distance = np.abs(grid[good] - usual).sum(axis=1).round(6)
    return int(good[np.lexsort((known[good].mean(axis=1), distance))[0]])


def _t_quantile(freedom: int) -> float:
    """Return the 90 % quantile of Student's t distribution, within 2 %.

    M. Abramowitz & I. A. Stegun, "Handbook of Mathematical Functions", 1964, 26.7.5.
    """
    z = _NORMAL
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
