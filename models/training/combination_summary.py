"""The `combination` of a model's metrics: the weight of each member, and its error alone.

Example: {"sentence": "WIP: autoregression 0.75, LSTM 0.25. …", "per_target": {"wip": {"wape":
0.11, "members": {"lstm": {"weight": 0.25, "wape": 0.12}, …}}, …}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.members import MemberName
from models.series import error_measures
from models.series.panel import TARGETS
from models.series.scaling import Scaling
from models.training.member_errors import MemberErrors

Floats = NDArray[np.float64]

_LABELS = {
    MemberName.LAST_VALUE: "last value",
    MemberName.LAST_SEASON: "last season",
    MemberName.AUTOREGRESSION: "autoregression",
    MemberName.LSTM: "LSTM",
    MemberName.PRETRAINED: "pretrained LSTM",
}
_TARGET_LABELS = {"wip": "WIP", "throughput": "throughput", "cycle_time": "cycle time"}


def summary(
    errors: MemberErrors, weights: Mapping[MemberName, Floats], scaling: Scaling
) -> dict[str, Any]:
    """Return the weights of the members and their errors on the held-back end.

    Args:
        errors: of all members on rows that no weight was learned from.
        weights: by member, [H, 3].
    """
    combined = _wapes(errors, errors.of(weights), scaling)
    alone = {name: _wapes(errors, own, scaling) for name, own in errors.errors.items()}
    per_target = {
        target: {
            "wape": error_measures.finite(combined[i]),
            "members": {
                str(name): {
                    "weight": round(float(weights[name][:, i].mean()), 3),
                    "wape": error_measures.finite(alone[name][i]),
                }
                for name in alone
            },
        }
        for i, target in enumerate(TARGETS)
    }
    return {"sentence": weights_sentence(weights), "per_target": per_target}


def weights_sentence(weights: Mapping[MemberName, Floats]) -> str:
    """Return the mean weights in words."""
    parts = []
    for i, target in enumerate(TARGETS):
        mean = {name: float(own[:, i].mean()) for name, own in weights.items()}
        used = sorted((name for name in mean if mean[name] > 0), key=lambda name: -mean[name])
        listed = ", ".join(f"{_LABELS[name]} {mean[name]:.2f}" for name in used)
        parts.append(f"{_TARGET_LABELS[target]}: {listed}")
    return f"Forecasts are weighted means. {'; '.join(parts)}."


def naive_warnings(weights: Mapping[MemberName, Floats]) -> list[str]:
    """Return a sentence for each target that a naive rule alone forecasts."""
    return [
        f"Nothing forecasts {_TARGET_LABELS[target]} of this data better than its "
        f"{_LABELS[name]}: that is repeated."
        for i, target in enumerate(TARGETS)
        for name in (MemberName.LAST_VALUE, MemberName.LAST_SEASON)
        if name in weights and (weights[name][:, i] == 1).all()
    ]


def _wapes(errors: MemberErrors, own: Floats, scaling: Scaling) -> Floats:
    """WAPE of each target in units, [3]; NaN where all truth is unknown or zero."""
    truth = errors.in_units(errors.truth, scaling)
    forecast = errors.in_units(errors.truth - own, scaling)
    known = ~np.isnan(truth) & ~np.isnan(forecast)
    wrong = np.where(known, np.abs(truth - forecast), 0.0).sum(axis=(0, 1, 2))
    total = np.where(known, np.abs(truth), 0.0).sum(axis=(0, 1, 2))
    return np.divide(wrong, total, out=np.full(3, np.nan), where=total > 0)
