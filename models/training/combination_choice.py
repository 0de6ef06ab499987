"""The weights of the members of a combination, learned from their errors.

Weights are multiples of a quarter, for each target and band of horizons. They are chosen in two
steps:

1. For the members that were not trained on the data by gradient steps, the usual weights are equal
   weights of the pretrained network and of an autoregression that has beaten the last value in its
   trials. Of all weights whose loss is larger
   than the least one by at most half a standard error, those nearest to the usual ones are taken
   (after the one-standard-error rule: L. Breiman et al., "Classification and Regression Trees",
   1984, section 3.4.3).
2. The network that was trained takes over the least share that is not clearly worse than the best
   one, by a paired t-test at the level of 10 %. So it has a weight only where its gain is more
   than chance.

Standard errors are of means over blocks of time as long as the horizon: forecasts from origins
within a block share what they are wrong about. With less than three such blocks, blocks are as long
as the first band, the errors of all steps decide together, and a whole standard error is allowed;
with less than three of these, too, the usual weights stay. So short blocks give no weight to the
network that was trained.

Example: errors from origins of 200 days make 7 blocks of 28 days. If the LSTM with a share of 0.25
lowers the loss in six of them, it gets that share.
"""

from __future__ import annotations

from collections.abc import Sequence
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
_ABOUT, _ABOUT_IN_SHORT = 0.5, 1.0  # standard errors; of short blocks, which depend on each other
_SHARES = np.arange(5) / 4  # of the trained network
_NORMAL = 1.2816  # the 90 % quantile of the standard normal distribution
_BANDS = (0.25, 0.5, 1.0)  # ends of the bands, as shares of the horizon


def usual_weights(
    members: Sequence[MemberName], horizon: int, regresses: bool, lstm_share: Floats | None = None
) -> Weights:
    """Return equal weights of the pretrained network and the autoregression, [horizon, 3] each.

    Args:
        regresses: False if the autoregression did not beat the last value, which it then all but
            repeats: it has no weight.
        lstm_share: weight of the trained network by target, [3], if it is among the members.
    """
    usual = [MemberName.PRETRAINED] + [MemberName.AUTOREGRESSION] * regresses
    share = np.zeros(3) if lstm_share is None or MemberName.LSTM not in members else lstm_share
    of_each = {name: np.full(3, (name in usual) / len(usual)) * (1 - share) for name in members}
    of_each |= {MemberName.LSTM: share} if MemberName.LSTM in members else {}
    return {name: np.tile(own, (horizon, 1)) for name, own in of_each.items()}


def choose_weights(
    errors: MemberErrors,
    scaling: Scaling,
    near_only: bool,
    regresses: bool = True,
    lstm_share: Floats | None = None,
) -> Weights:
    """Return the weights of all members, [H, 3] each.

    Args:
        regresses: as of `usual_weights`.
        near_only: True to let the errors of the first band decide for all horizons.
        lstm_share: weight of the trained network by target where too few of its errors are known
            to tell, [3]; None: it has none there.
    """
    members, horizon = list(errors.errors), errors.truth.shape[2]
    weights = usual_weights(members, horizon, regresses, lstm_share)
    blocks, ends = _blocks(errors.origins, horizon), _ends(horizon)
    first, about = ends[1], _ABOUT
    is_short = blocks.max() + 1 < _FEWEST_BLOCKS
    if is_short:
        blocks, ends = _blocks(errors.origins, first), [0, horizon]
        about = _ABOUT_IN_SHORT
    if blocks.max() + 1 < _FEWEST_BLOCKS:
        return weights
    without = usual_weights(members, horizon, regresses)
    usual = np.array([without[name][0, 0] for name in members])
    trained = np.array([name == MemberName.LSTM for name in members])
    kept = np.zeros(3) if lstm_share is None else lstm_share
    grid = _grid(usual, trained)
    of_grid = _losses(errors, scaling, np.repeat(grid[..., None], 3, axis=2), blocks)
    for low, high in pairwise(ends):
        judged = slice(0, first) if near_only else slice(low, high)
        by_block = mean_known(of_grid[:, :, judged], axis=2)  # [G, K, 3]
        chosen = [_nearest(by_block[..., i], grid, usual, about) for i in range(3)]
        best = grid[chosen].T  # [M, 3]
        if trained.any():
            shares = _SHARES[:, None, None]
            mixed = (1 - shares) * best + shares * trained[:, None]  # [shares, M, 3]
            share = kept
            if not is_short:
                by_block = _losses_of_trained(errors, scaling, mixed, blocks, judged)
                share = np.array([_least_share(by_block[..., i], kept[i]) for i in range(3)])
            best = (1 - share) * best + share * trained[:, None]
        for name, own in zip(members, best, strict=True):
            weights[name][low:high] = own
    return weights


def _ends(horizon: int) -> list[int]:
    """The beginning of the first band and the ends of all, in steps."""
    return [0, *(max(1, round(share * horizon)) for share in _BANDS)]


def _blocks(origins: Ints, length: int) -> Ints:
    """Number of the block of time, of at least some steps, that each origin lies in, [n]."""
    since = origins - origins.min()
    count = max(1, int(since.max() + 1) // length)
    return np.minimum(since * count // int(since.max() + 1), count - 1)


def _grid(usual: Floats, trained: NDArray[np.bool_]) -> Floats:
    """All weights in quarters of the members that are not trained, the usual ones first, [G, M]."""
    others = np.flatnonzero(~trained)
    chosen = combinations_with_replacement(others.tolist(), _PARTS)
    every = [np.bincount(some, minlength=len(usual)) / _PARTS for some in chosen]
    return np.vstack([usual, *every])


def _losses(errors: MemberErrors, scaling: Scaling, grid: Floats, blocks: Ints) -> Floats:
    """Mean relative errors by weights, block, step and target, [G, K, H, 3].

    Args:
        grid: weights of the members by target, [G, M, 3].
    """
    stacked = np.stack(list(errors.errors.values()))
    count = int(blocks.max(initial=-1)) + 1
    found = np.empty((len(grid), count, *errors.truth.shape[2:]))
    for g, weights in enumerate(grid):
        used = weights.any(axis=1)  # the errors of the others may be unknown
        combined = np.einsum("mt,mnsht->nsht", weights[used], stacked[used])
        relative = _relative(errors, combined, scaling)
        for k in range(count):
            found[g, k] = mean_known(relative[blocks == k], axis=(0, 1))
    return found


def _losses_of_trained(
    errors: MemberErrors, scaling: Scaling, mixed: Floats, blocks: Ints, judged: slice
) -> Floats:
    """Mean relative errors by share of the trained network, block and target, [shares, K, 3].

    Args:
        mixed: weights by share, member and target, [shares, M, 3].
        judged: steps that count.
    """
    is_known = np.isfinite(errors.errors[MemberName.LSTM])
    known = np.flatnonzero(is_known.any(axis=(1, 2, 3)))
    losses = _losses(errors.at(known), scaling, mixed, blocks[known])
    return mean_known(losses[:, :, judged], axis=2)


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


def _nearest(losses: Floats, grid: Floats, usual: Floats, about: float) -> int:
    """Number of the weights nearest to the usual ones whose loss is about the least.

    Args:
        losses: by weights and block, [G, K].
        about: standard errors that are about nothing.
    """
    known = losses[:, ~np.isnan(losses).any(axis=0)]
    if known.shape[1] < _FEWEST_BLOCKS:
        return 0
    more, error = _more_than_best(known)
    good = np.flatnonzero(more <= about * error)
    distance = np.abs(grid[good] - usual).sum(axis=1).round(6)
    return int(good[np.lexsort((known[good].mean(axis=1), distance))[0]])


def _least_share(losses: Floats, usual: float) -> float:
    """The least share that is not clearly worse than the best; with too few blocks, the usual one.

    Args:
        losses: by share and block.
    """
    known = losses[:, ~np.isnan(losses).any(axis=0)]
    if known.shape[1] < _FEWEST_FOR_TRAINED:
        return usual
    more, error = _more_than_best(known)
    good = np.flatnonzero(more <= _t_quantile(known.shape[1] - 1) * error)
    return float(_SHARES[good[0]])


def _more_than_best(losses: Floats) -> tuple[Floats, Floats]:
    """Mean loss beyond that of the best row, and its standard error over the blocks, [G]."""
    more = losses - losses[losses.mean(axis=1).argmin()]
    return more.mean(axis=1), more.std(axis=1, ddof=1) / np.sqrt(more.shape[1])


def _t_quantile(freedom: int) -> float:
    """Return the 90 % quantile of Student's t distribution, within 2 %.

    M. Abramowitz & I. A. Stegun, "Handbook of Mathematical Functions", 1964, 26.7.5.
    """
    z = _NORMAL
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
