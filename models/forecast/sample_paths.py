"""Joint sample paths: how the errors of all steps and targets go together.

Independent errors of the days would cancel out in a total, which errors that last do not: totals
would look far too sure. So whole paths of errors are resampled. Of each path only the ranks are
kept, at every step and target, among the errors of all paths there (an empirical copula). The
error of a rank is taken from the prediction intervals, so that paths and intervals agree (the
Schaake shuffle: M. Clark et al., "The Schaake shuffle", Journal of Hydrometeorology 5, 2004).

    >>> errors = np.linspace(-1, 1, 40)[:, None, None] * np.ones((1, 2, 3))
    >>> shares = ErrorPaths.fit(errors).draw(count=1000, steps=2)
    >>> bool((shares[:, 0] == shares[:, 1]).all()), round(float(shares.mean()), 1)
    (True, 0.5)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_PATHS = 100  # kept of the errors
_FEWEST_PATHS = 20  # without which errors are taken to fade at the usual rate
_KEPT = 0.8  # share of an error that is left a step later, where nothing is known of it
_SEED = 1


@dataclass(frozen=True)
class ErrorPaths:
    """Ranks of the errors of some paths.

    Attributes:
        ranks: of each path among all, from 0, by step and target, [K, H, 3].
    """

    ranks: Ints

    @classmethod
    def fit(cls, errors: Floats) -> ErrorPaths:
        """Return the ranks of whole error paths.

        Args:
            errors: truth − forecast, scaled and relative to the usual errors of their series,
                [m, H, 3]; paths with an unknown error are left out.
        """
        horizon = errors.shape[1]
        whole = errors[~np.isnan(errors).any(axis=(1, 2))]
        if len(whole) < _FEWEST_PATHS:
            return cls.usual(horizon)
        chosen = np.unique(np.linspace(0, len(whole) - 1, _MOST_PATHS).astype(int))
        return cls(_ranks(whole[chosen]))

    @classmethod
    def usual(cls, horizon: int) -> ErrorPaths:
        """Return the ranks of errors of which four fifths are left a step later."""
        errors = np.random.default_rng(_SEED).standard_normal((_MOST_PATHS, horizon, 3))
        for step in range(1, horizon):
            errors[:, step] = _KEPT * errors[:, step - 1] + np.sqrt(1 - _KEPT**2) * errors[:, step]
        return cls(_ranks(errors))

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


def _ranks(errors: Floats) -> Ints:
    return errors.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
