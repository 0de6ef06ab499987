"""The scores of a backtest, from sums over roll-outs that are added up block by block.

Only sums are kept, so that the memory in use does not grow with the number of roll-outs.

Sources: WAPE and MASE as in Hyndman & Koehler, "Another look at measures of forecast accuracy",
2006; the interval score of Gneiting & Raftery, "Strictly proper scoring rules, prediction, and
estimation", 2007, equation 43 (Winkler's, 1972).

Example: true values 10 and 20 forecast as 12 and 17 have a WAPE of (2 + 3) / 30 = 0.167 and a bias
of (2 − 3) / 30 = −0.033.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.backtest.plan import OriginPart
from models.backtest.trial import RollOutBlock
from models.forecast.intervals import CLOSE, LEVELS
from models.series import error_measures
from models.series.panel import TARGETS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Sums = Mapping[str, Any]  # by name: numbers, or arrays of the same shape

FORECASTS = ("model", "last_value", "seasonal_naive")
_BINS = 10  # of the stated confidence


class Scores:
    """The sums of a backtest, and the scores that follow from them.

    Args:
        scale: of MASE, by series, [S, 3], in units.
    """

    def __init__(self, scale: Floats) -> None:
        self._scale = scale
        self._parts: dict[OriginPart, dict[str, Floats]] = {}  # [H, 3]
        self._series: dict[str, Floats] = defaultdict(lambda: np.zeros(scale.shape))
        self._roll_outs = np.zeros(len(scale), np.int64)
        self._bins = np.zeros((3, _BINS))  # stated confidence, hits, count

    def add(self, block: RollOutBlock, part: OriginPart) -> None:
        """Add roll-outs from origins of one part."""
        terms = self._terms(block)
        sums = self._parts.setdefault(part, {})
        for name, values in terms.items():
            added = values.sum(axis=0)
            sums[name] = sums[name] + added if name in sums else added
            if name in ("count", "size", *FORECASTS):
                np.add.at(self._series[name], block.series, values.sum(axis=1))
        np.add.at(self._roll_outs, block.series, 1)
        if block.forecast.lower:
            self._add_confidence(block)

    def _terms(self, block: RollOutBlock) -> dict[str, Floats]:
        known = ~np.isnan(block.truth)
        truth = np.where(known, block.truth, 0.0)
        scale = np.broadcast_to(self._scale[block.series][:, None], truth.shape)
        scaled = known & ~np.isnan(scale)
        terms = {"count": known * 1.0, "size": np.abs(truth)}
        terms["scaled"] = scaled * 1.0
        terms["signed"] = np.where(known, block.forecast.values - truth, 0.0)
        for name, forecast in {"model": block.forecast.values, **block.naive}.items():
            terms[name] = np.where(known, np.abs(forecast - truth), 0.0)
            terms[f"{name}_scaled"] = np.divide(
                terms[name], scale, out=np.zeros_like(truth), where=scaled
            )
        for level in block.forecast.lower:
            low, high = block.forecast.lower[level], block.forecast.upper[level]
            width = np.where(known, high - low, 0.0)
            outside = np.maximum(low - truth, 0.0) + np.maximum(truth - high, 0.0)
            terms[f"hit_{level}"] = (known & (outside == 0)) * 1.0
            terms[f"width_{level}"] = width
            missed = np.where(known, outside, 0.0)
            terms[f"winkler_{level}"] = width + 2 / (1 - level / 100) * missed
        return terms

    def _add_confidence(self, block: RollOutBlock) -> None:
        known = ~np.isnan(block.truth)
        off = np.abs(block.forecast.values - block.truth)
        landed = known & (off <= CLOSE * np.abs(block.truth))
        stated, count = block.forecast.confidence.ravel(), known.sum(axis=2).ravel()
        place = np.minimum((stated * _BINS).astype(int), _BINS - 1)
        for row, values in zip(
            self._bins, (stated * count, landed.sum(axis=2).ravel(), count), strict=True
        ):
            row += np.bincount(place, values, _BINS)

    # --- scores -------------------------------------------------------------------------------

    @property
    def known(self) -> bool:
        """True if any true value is known."""
        return bool(self._series["count"].any())

    def per_target(self) -> dict[str, dict[str, Any]]:
        """Return scores over all horizons, and by horizon, of each target."""
        every: dict[str, Floats] = {}
        for sums in self._parts.values():
            every = {name: every.get(name, 0.0) + values for name, values in sums.items()}
        found = {}
        for i, target in enumerate(TARGETS):
            own = {name: values[:, i] for name, values in every.items()}
            found[target] = {
                "overall": figures(_totals(own)),
                "by_horizon": [
                    {"step": h + 1} | _in_short(figures({n: v[h] for n, v in own.items()}))
                    for h in range(len(own["count"]))
                ],
            }
        return found

    def per_part(self) -> dict[OriginPart, dict[str, Any]]:
        """Return scores over all horizons of each target, by the part of the origins."""
        return {
            part: {
                target: figures(_totals({name: values[:, i] for name, values in sums.items()}))
                for i, target in enumerate(TARGETS)
            }
            for part, sums in self._parts.items()
        }

    def by_series(self) -> list[dict[str, Any]]:
        """Return the number of roll-outs and the WAPEs of each series."""
        found = []
        for s, count in enumerate(self._roll_outs):
            wapes = {
                target: {
                    _WAPE[name]: _ratio(self._series[name][s, i], self._series["size"][s, i])
                    for name in FORECASTS
                }
                for i, target in enumerate(TARGETS)
            }
            found.append({"origins": int(count), "per_target": wapes})
        return found

    def largest(self, count: int) -> list[int]:
        """Return the series with the largest throughput, the largest first."""
        order = np.argsort(-self._series["size"][:, TARGETS.index("throughput")], kind="stable")
        return [int(s) for s in order if self._roll_outs[s]][:count]

    def reliability(self) -> list[dict[str, Any]]:
        """Return the share within 20 % of the truth, by stated confidence."""
        return [
            {"stated": _ratio(stated, count), "landed": _ratio(landed, count), "count": int(count)}
            for stated, landed, count in self._bins.T
            if count
        ]


_WAPE = {
    "model": "wape",
    "last_value": "last_value_wape",
    "seasonal_naive": "seasonal_naive_wape",
}


def figures(sums: Sums) -> dict[str, Any]:
    """Return the scores of sums of errors; None where nothing is known.

    WAPE, bias, widths and Winkler scores are relative to the mean true value.
    """
    count, size = float(sums["count"]), float(sums["size"])
    found: dict[str, Any] = {"count": int(count)}
    for name in FORECASTS:
        errors = {
            "wape": _ratio(sums[name], size),
            "mase": _ratio(sums[f"{name}_scaled"], sums["scaled"]),
        }
        found |= errors if name == "model" else {name: errors}
    for name in FORECASTS[1:]:
        skill = error_measures.skill(float(sums["model"]), float(sums[name])) if count else None
        found[f"skill_over_{name}"] = skill
    found["bias"] = _ratio(sums["signed"], size)
    for level in LEVELS:
        measured = f"hit_{level}" in sums
        found[f"coverage_{level}"] = _ratio(sums[f"hit_{level}"], count) if measured else None
        for name in (f"width_{level}", f"winkler_{level}"):
            found[name] = _ratio(sums[name], size) if measured else None
    return found


def _in_short(found: dict[str, Any]) -> dict[str, Any]:
    """The scores of one horizon that are shown as a curve."""
    names = ("count", "wape", "mase", "bias", *(f"coverage_{level}" for level in LEVELS))
    naive = {f"{name}_wape": found[name]["wape"] for name in FORECASTS[1:]}
    return {name: found[name] for name in names} | naive


def _totals(sums: dict[str, Floats]) -> dict[str, float]:
    return {name: float(values.sum()) for name, values in sums.items()}


def _ratio(total: float, count: float) -> float | None:
    return float(total) / float(count) if count > 0 else None
