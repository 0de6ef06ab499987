"""The targets to which the LSTM correction is applied: those whose held-back error it lowers.

Example: with WAPEs of 0.10, 0.20 and 0.30 by the autoregression alone and 0.09, 0.21 and 0.28 with
the LSTM correction, it is applied to the first and the third target. If the roll-outs of that mix
are on average no better than the autoregression's, it is applied to none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Kind
from models.forecast.published_model import PublishedModel
from models.series import error_measures
from models.series.panel import TARGETS
from models.training.held_back_forecasts import roll
from models.training.prepare import PreparedData

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def choose_correction(
    model: PublishedModel, prepared: PreparedData, rows: Ints
) -> tuple[PublishedModel, dict[str, Any]]:
    """Return the model with the LSTM correction applied where it helps, and the figures.

    Args:
        model: with the correction applied to all targets.
        rows: first rows of the roll-outs that decide, of the held-back end.
    """
    allowed = prepared.windows.held_back
    without = replace(model, residual_scale=np.zeros(3))
    alone = roll(without, prepared, rows, allowed).wapes
    both = roll(model, prepared, rows, allowed).wapes
    helps = np.nan_to_num(both, nan=np.inf) < np.nan_to_num(alone, nan=np.inf)
    chosen = replace(model, residual_scale=np.where(helps, model.residual_scale, 0.0))
    final = both if helps.all() else alone
    if helps.any() and not helps.all():
        final = roll(chosen, prepared, rows, allowed).wapes
        if error_measures.mean_known(final / alone) >= 1:
            chosen, final, helps = without, alone, np.zeros(3, bool)
    return chosen, _figures(prepared, helps, alone, both, final)


def _figures(
    prepared: PreparedData,
    helps: NDArray[np.bool_],
    alone: Floats,
    both: Floats,
    final: Floats,
) -> dict[str, Any]:
    """Held-back WAPEs without the correction, with it, and as published."""
    corrected = [target for target, helped in zip(TARGETS, helps, strict=True) if helped]
    kind = prepared.choice.train_fit.strength.kind
    baseline = "linear autoregression" if kind is Kind.REGRESSION else "last value"
    return {
        "used": bool(corrected),
        "targets": corrected,
        "anchor": baseline,
        "sentence": _sentence(corrected, baseline),
        "per_target": {
            target: {
                "wape_without": error_measures.finite(alone[i]),
                "wape_with": error_measures.finite(both[i]),
                "wape_published": error_measures.finite(final[i]),
            }
            for i, target in enumerate(TARGETS)
        },
    }


def _sentence(corrected: list[str], baseline: str) -> str:
    others = [target for target in TARGETS if target not in corrected]
    if not corrected:
        return (
            "The LSTM correction is not applied: on held-back data it does not improve on the "
            f"{baseline}."
        )
    applied = (
        f"The LSTM correction is applied to {', '.join(corrected)}, where it improves on the "
        f"{baseline}."
    )
    if not others:
        return applied
    return f"{applied} It is not applied to {', '.join(others)}, where it does not."
