"""The effect of drivers, fitted to the changes that the autoregression did not forecast.

By ridge regression over all series. A target takes the drivers only if that lowers its one-step
errors on the held-back end, which nothing was fitted to, by more than chance: a share of one error
in a hundred.

Example: if WIP rises by half a standard deviation more than forecast on days of a promotion, the
coefficient of `promotion` for WIP is about one half.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast.drivers import FARTHEST, Drivers
from models.series.known_inputs import KNOWN_COLUMNS
from models.training.prepare import PreparedData

Floats = NDArray[np.float64]

_PENALTY = 20.0  # ridge penalty, in rows
_FEWEST_ROWS = 40
_LEAST_GAIN = 0.01  # of the squared errors
_OUTLYING = 5.0  # typical residuals; larger ones are cut


def choose_drivers(prepared: PreparedData) -> Drivers | None:
    """Return the drivers that lower errors; None where there are none."""
    panel, rows = prepared.panel, prepared.windows.train
    names = tuple(name for name in panel.known if name not in KNOWN_COLUMNS)
    judged = np.concatenate([prepared.windows.held_back, prepared.windows.calibration])
    if not names or len(rows) < _FEWEST_ROWS or not judged.size:
        return None
    values = np.stack([panel.known[name] for name in names], axis=1)
    centre, spread = np.nanmean(values[rows], axis=0), np.nanstd(values[rows], axis=0)
    if np.isnan(centre).any() or not (spread > 0).all():
        used = ~np.isnan(centre) & (spread > 0)
        names = tuple(name for name, is_used in zip(names, used, strict=True) if is_used)
        values, centre, spread = values[:, used], centre[used], spread[used]
    if not names:
        return None
    inputs = np.clip(np.nan_to_num((values - centre) / spread), -FARTHEST, FARTHEST)
    coefficients = np.zeros((len(names), 3))
    for target in range(3):
        residual = prepared.residual[:, target]
        fitted = _ridge(inputs[rows], residual[rows])
        if _gain(inputs[judged] @ fitted, residual[judged]) > _LEAST_GAIN:
            coefficients[:, target] = fitted
    return Drivers(names, centre, spread, coefficients) if coefficients.any() else None


def _ridge(inputs: Floats, residual: Floats) -> Floats:
    known = ~np.isnan(residual)
    residual = _cut(np.where(known, residual, 0.0), residual)
    mine = inputs * known[:, None]
    squares = mine.T @ mine + _PENALTY * np.eye(inputs.shape[1])
    return np.asarray(np.linalg.solve(squares, mine.T @ residual))


def _cut(values: Floats, residual: Floats) -> Floats:
    limit = _OUTLYING * float(np.nan_to_num(np.nanmedian(np.abs(residual))))
    return np.clip(values, -limit, limit)


def _gain(forecast: Floats, residual: Floats) -> float:
    """Share of the squared errors that a forecast of them saves."""
    known = ~np.isnan(residual)
    before = _cut(residual[known], residual)
    total = float((before**2).sum())
    return 1 - float(((before - forecast[known]) ** 2).sum()) / total if total > 0 else 0.0
