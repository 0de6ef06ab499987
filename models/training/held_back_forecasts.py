"""Forecasts of a model from many rows of its training's panel, beside the values that followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecast.look_back import LookBack
from models.forecast.published_model import PublishedModel
from models.training.prepare import PreparedData

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_ROLL_OUTS = 768  # of one part of the held-back end


@dataclass(frozen=True)
class RollOuts:
    """Roll-outs from rows of a panel.

    Attributes:
        look_back: the rows before the forecasts.
        rows: first rows forecast, [n].
        values: forecasts in units, reconciled, [n, H, 3].
        raw: the same before reconciliation.
        truth: the true values, [n, H, 3]; NaN where unknown or beyond the rows allowed.
        scaled_truth: the same, scaled.
    """

    look_back: LookBack
    rows: Ints
    values: Floats
    raw: Floats
    truth: Floats
    scaled_truth: Floats

    @property
    def wapes(self) -> Floats:
        """Weighted absolute percentage error by target, Σ|truth − forecast| ÷ Σ|truth|, [3].

        NaN where no truth is known, or all of it is 0.
        """
        errors = np.nansum(np.abs(self.truth - self.values), axis=(0, 1))
        total = np.nansum(np.abs(self.truth), axis=(0, 1))
        return np.divide(errors, total, out=np.full(3, np.nan), where=total > 0)


def origins_of(rows: Ints) -> Ints:
    """Return rows to roll out from: all of `rows`, or a random choice of 768, in order."""
    if len(rows) <= _MOST_ROLL_OUTS:
        return rows
    return np.sort(np.random.default_rng(0).permutation(rows)[:_MOST_ROLL_OUTS])


def roll(model: PublishedModel, prepared: PreparedData, rows: Ints, allowed: Ints) -> RollOuts:
    """Roll a model out from rows of the panel that it was trained on.

    Args:
        rows: first rows to forecast, [n].
        allowed: rows whose truth may be used.
    """
    panel = prepared.panel
    series, steps = panel.series[rows], prepared.horizon
    shown = model.encoding.lowest, model.encoding.highest
    look_back = LookBack.of(
        panel,
        prepared.scaled,
        prepared.shape,
        series,
        panel.time[rows],
        shown,
        model.look_back,
    )
    raw, values, _ = model.in_units(look_back, steps)
    place = rows[:, None] + np.arange(steps)
    usable = np.zeros(len(panel.values) + 1, bool)
    usable[allowed] = True
    inside = place < panel.offsets[1:][series][:, None]
    inside &= usable[np.minimum(place, len(usable) - 1)]
    place = np.minimum(place, len(panel.values) - 1)
    known = inside[..., None] & ~np.isnan(panel.values[place])
    truth = np.where(known, panel.values[place], np.nan)
    scaled = np.where(known, prepared.scaled[place], np.nan)
    return RollOuts(look_back, rows, values, raw, truth, scaled)
