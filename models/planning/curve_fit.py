"""The clearing function of a line, estimated from its history of WIP and throughput.

Of each block of steps (a week of days), the WIP at its start and the releases within it are given;
throughput and mean WIP are compared with their expectation (`flow_model`). Estimates are robust
(Huber's weights), and both errors are weighted by their common covariance. A block with more than
the usual WIP counts in inverse proportion to it: much of a sudden pile waits where it came in, and
puts out less than the same WIP spread over the line (benchmarks/README.md, "Planning"). The chance
of output, as a lot of units that would move together, is estimated after them. Intervals are from a
bootstrap of runs of blocks (H. R. Künsch, "The jackknife and the bootstrap for general stationary
observations", Annals of Statistics 17, 1989), one step of Newton's method for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.planning.clearing_function import ClearingFunction, clearing
from models.planning.flow_model import Course, expected_course

Floats = NDArray[np.float64]

DRAWS = 1000
_RUN = 4  # blocks of the bootstrap that stay together
_SEED = 1
_ROUNDS, _STEPS = 3, 6  # of weights, and of Newton's method within each
_EVEN = 1e-9  # a lot that is all but none
_OUTLYING = 20.0  # medians of a squared error, to which larger ones are cut
_HUBER = 2.0  # standard errors, beyond which an error counts less
_STEP = 1e-3  # of a logarithm, for derivatives
_MOST_SHARE = 0.999  # of the capacity, at a usual WIP
_MOST_MOVE = 0.7  # of a logarithm in one step
_USUAL_EVENNESS, _SPREAD = np.log(1.3), 0.5  # prior of ln p: lines between even and random flow


@dataclass(frozen=True)
class Blocks:
    """Blocks of L steps of one line.

    Attributes:
        start: WIP at the start of each block, [B].
        releases: in each step, by the balance of the flow, [B, L].
        throughput: in each step, [B, L].
        mean_wip: mean WIP of each block, [B].
        open_share: share of each step in which the line works, [B, L].
        lot: units that are released together; 0: an even flow.
    """

    start: Floats
    releases: Floats
    throughput: Floats
    mean_wip: Floats
    open_share: Floats
    lot: float

    @classmethod
    def of(
        cls, wip: Floats, throughput: Floats, open_share: Floats, length: int, lot: float
    ) -> Blocks:
        """Return the blocks of a history, the newest steps whole.

        Args:
            wip: at the end of each step, [n].
            throughput: in each step, [n].
            length: steps of a block.
            lot: units that are released together.
        """
        count = max(0, len(wip) - 1) // length
        first = len(wip) - count * length

        def cut(values: Floats) -> Floats:
            return values[first:].reshape(count, length)

        before = wip[first - 1 : -1]
        releases = cut(throughput) + cut(wip) - before.reshape(count, length)
        held = (cut(wip) + before.reshape(count, length)) / 2
        return cls(
            before[::length],
            np.maximum(releases, 0.0),
            cut(throughput),
            held.mean(axis=1),
            cut(open_share),
            lot,
        )


@dataclass(frozen=True)
class FittedCurve:
    """An estimated clearing function.

    Attributes:
        line: the estimate.
        draws: logarithms of its parameters by the bootstrap, [DRAWS, 3].
        lot: units that would have to move together for the chance of the flow.
    """

    line: ClearingFunction
    draws: Floats
    lot: float

    def band(self, wip: Floats, shares: tuple[float, float] = (0.1, 0.9)) -> tuple[Floats, Floats]:
        """Return the interval of the throughput at each WIP, [n] each."""
        drawn = np.stack([ClearingFunction.of_logs(row).throughput(wip) for row in self.draws])
        low, high = np.quantile(drawn, shares, axis=0)
        return low, high


def fit_curve(blocks: Blocks) -> FittedCurve:
    """Return the clearing function of a line."""
    mean = float(blocks.throughput.mean() / max(blocks.open_share.mean(), 1e-9))
    held = max(float(np.median(blocks.mean_wip)), 1e-9)
    logs = np.log([1.25 * mean, 0.7 * held, 1.3])
    whiten, weights = np.eye(2), np.ones(len(blocks.start))
    piled = np.minimum(1.0, held / np.maximum(blocks.mean_wip, 1e-9))
    for _ in range(_ROUNDS):
        whiten, weights = _weights(_errors(logs, blocks))
        weights = weights * piled
        for _ in range(_STEPS):
            move, _, _ = _newton(logs, blocks, whiten, weights)
            logs = logs + move
            if np.abs(move).max() < 1e-3:
                break
    _, scores, inverse = _newton(logs, blocks, whiten, weights)
    draws = _drawn(logs, _bootstrap(scores) @ inverse, held)
    return FittedCurve(ClearingFunction.of_logs(logs), draws, _lot(logs, blocks))


def _drawn(logs: Floats, moves: Floats, wip: float) -> Floats:
    """Logarithms of parameters, moved by linear steps of what varies most evenly, [DRAWS, 3].

    Those are the capacity, the evenness and the throughput at a usual WIP; the critical WIP alone
    is anything but normal.
    """

    def figures(rows: Floats) -> Floats:
        usual = clearing(np.array(wip), *np.exp(rows).T)
        return np.column_stack([rows[:, 0], np.log(usual), rows[:, 2]])

    own = figures(logs[None])
    slopes = (figures(logs + _STEP * np.eye(3)) - own) / _STEP
    capacity, usual, evenness = np.exp(own + moves @ slopes).T
    share = np.minimum(usual / capacity, _MOST_SHARE)
    critical = wip / (share / (1 - share**evenness) ** (1 / evenness))
    return np.log(np.column_stack([capacity, critical, evenness]))


def _errors(logs: Floats, blocks: Blocks) -> Floats:
    """Deviations of throughput and of mean WIP from their expectation, by block, [2, B]."""
    line = ClearingFunction.of_logs(logs)
    course = _course(line, blocks, blocks.lot)
    return np.stack(
        [
            blocks.throughput.mean(axis=1) - course.throughput.mean(axis=1),
            blocks.mean_wip - course.mean_wip.mean(axis=1),
        ]
    )


def _course(line: ClearingFunction, blocks: Blocks, lot: float) -> Course:
    return expected_course(line, blocks.start, blocks.releases, lot, blocks.open_share, blocks.lot)


def _weights(errors: Floats) -> tuple[Floats, Floats]:
    """The matrix that makes both errors of unit variance and independent; weights by block."""
    size = 1.4826 * np.median(np.abs(errors), axis=1) + 1e-9 * (1 + np.abs(errors).max())
    scaled = np.clip(errors / size[:, None], -3, 3)
    together = np.clip(np.corrcoef(scaled)[0, 1], -0.98, 0.98) if scaled.std() > 0 else 0.0
    covariance = np.outer(size, size) * [[1.0, together], [together, 1.0]]
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    far = np.sqrt(((whiten @ errors) ** 2).sum(axis=0) / 2)
    return whiten, np.minimum(1.0, _HUBER / np.maximum(far, 1e-12))


def _newton(
    logs: Floats, blocks: Blocks, whiten: Floats, weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """A step of Newton's method [3], the scores by block [B, 3], and the inverse information."""
    errors = _errors(logs, blocks)
    slopes = np.stack(
        [(_errors(logs + step, blocks) - errors) / _STEP for step in _STEP * np.eye(3)]
    )
    white, slopes = whiten @ errors, np.einsum("ij,kjb->kib", whiten, slopes)
    scores = -np.einsum("b,kib,ib->bk", weights, slopes, white)
    information = np.einsum("b,kib,lib->kl", weights, slopes, slopes)
    prior = np.array([0.0, 0.0, 1 / _SPREAD**2])
    information = information + np.diag(prior + 1e-6)
    inverse = np.linalg.inv(information)
    gradient = scores.sum(axis=0) - prior * (logs - [0.0, 0.0, _USUAL_EVENNESS])
    return np.clip(inverse @ gradient, -_MOST_MOVE, _MOST_MOVE), scores, inverse


def _lot(logs: Floats, blocks: Blocks) -> float:
    """The lot at which the output of blocks would vary as it does; outliers are cut."""
    unit = blocks.lot or _EVEN
    course = _course(ClearingFunction.of_logs(logs), blocks, unit)
    came = ((blocks.throughput - course.throughput).sum(axis=1)) ** 2
    ratio = came / np.maximum(course.variance, 1e-12)
    return float(unit * np.minimum(ratio, _OUTLYING * np.median(ratio)).mean())


def _bootstrap(scores: Floats) -> Floats:
    """Sums of the scores of runs of blocks, drawn with replacement, [DRAWS, 3]."""
    count = len(scores)
    runs = -(-count // _RUN)
    begins = np.random.default_rng(_SEED).integers(0, count, (DRAWS, runs))
    places = (begins[:, :, None] + np.arange(_RUN)).reshape(DRAWS, -1)[:, :count] % count
    centred = scores - scores.mean(axis=0)
    return centred[places].sum(axis=1)
