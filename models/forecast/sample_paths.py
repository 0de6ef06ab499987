"""Joint sample paths: how the errors of all steps and targets go together.

Independent errors of the days would cancel out in a total, which errors that last do not: totals
would look far too sure. So paths are drawn with the correlation that errors had
(`models.training.error_correlation`). Of each path only the ranks are kept, at every step and
target, among all paths there (a Gaussian copula: R. B. Nelsen, "An Introduction to Copulas", 2006).
The error of a rank is taken from the prediction intervals, so that paths and intervals agree.

    >>> always = ErrorPaths.of_correlation(np.ones((6, 6)))  # two steps, three targets
    >>> shares = always.draw(count=1000, steps=2)
    >>> float(np.corrcoef(shares[:, 0, 0], shares[:, 1, 2])[0, 1].round(2)), shares.mean().round(1)
    (1.0, np.float64(0.5))
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PATHS = 200  # kept; more than there are steps and targets of 66 steps
KEPT = 0.8  # share of an error that is left a step later, where nothing is known of it
_SEED = 1


@dataclass(frozen=True)
class ErrorPaths:
    """Ranks of the errors of some paths.

    Attributes:
        ranks: of each path among all, from 0, by step and target, [K, H, 3].
    """

    ranks: Ints

    @classmethod
    def of_correlation(cls, correlation: Floats) -> ErrorPaths:
        """Return paths of errors with a correlation.

        Args:
            correlation: of all steps and targets, step by step, [3 H, 3 H].
        """
        size = len(correlation)
        values, vectors = np.linalg.eigh(correlation)
        root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
        errors = _independent(size) @ root
        return cls(_ranks(errors.reshape(_PATHS, size // 3, 3)))

    @classmethod
    def of_distances(cls, correlation: Floats) -> ErrorPaths:
        """Return paths of errors whose targets are independent of each other.

        Args:
            correlation: of two steps by their distance, from 0, [3, H].
        """
        horizon = correlation.shape[1]
        steps = np.arange(horizon)
        independent = _independent(3 * horizon).reshape(_PATHS, horizon, 3)
        errors = np.empty_like(independent)
        for target, known in enumerate(correlation):
            values, vectors = np.linalg.eigh(known[np.abs(steps - steps[:, None])])
            root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
            errors[..., target] = independent[..., target] @ root
        return cls(_ranks(errors))

    @classmethod
    @lru_cache(maxsize=8)
    def usual(cls, horizon: int) -> ErrorPaths:
        """Return the paths of errors of which four fifths are left a step later."""
        return cls.of_distances(np.tile(KEPT ** np.arange(horizon), (3, 1)))

    def draw(self, count: int, steps: int) -> Floats:
        """Return uniform shares, 0 to 1, of `count` paths, [count, steps, 3].

        A path beyond the horizon keeps the share of its last step. The same call gives the same
        paths.
        """
        kept, horizon = self.ranks.shape[:2]
        draw = np.random.default_rng(_SEED)
        whole, rest = divmod(count, kept)
        order = [draw.permutation(kept) for _ in range(whole + 1)]
        chosen = np.concatenate([*order[:whole], order[whole][:rest]])
        within = draw.random((count, 1, 3))
        at = np.minimum(np.arange(steps), horizon - 1)
        return (self.ranks[chosen][:, at] + within) / kept

    def to_document(self) -> list[Any]:
        """Return a JSON-ready form that `from_document` turns back into an equal one."""
        return self.ranks.tolist()

    @classmethod
    def from_document(cls, document: list[Any]) -> ErrorPaths:
        """Return the paths that `to_document` described."""
        return cls(np.asarray(document, np.int64))


@lru_cache(maxsize=4)
def _independent(size: int) -> Floats:
    """Independent errors of all paths, [K, size]."""
    draws = np.random.default_rng(_SEED).standard_normal((_PATHS, size))
    draws -= draws.mean(axis=0)
    # Orthogonal columns, where there may be as many: the correlation of the paths is then exact.
    return np.linalg.qr(draws)[0] if size < _PATHS else draws


def _ranks(errors: Floats) -> Ints:
    """Return the place of each value in the ascending order of its column."""
    order = errors.argsort(axis=0, kind="stable")
    ranks = np.empty_like(order)
    places = np.arange(len(order)).reshape(-1, *[1] * (order.ndim - 1))
    np.put_along_axis(ranks, order, places, axis=0)
    return ranks
