"""What another state of the last day does to the days that follow.

`currentWIP` and `plannedThroughput` ask what happens if the line held, or put out, more or less
than it did. Data cannot be asked that directly: where throughput was high, releases were. So the
forecast from the state as it was is shifted by what the flow itself says:

    WIP(t + 1) = WIP(t) + releases(t) − throughput(t)

More on hand is carried over; more put out is gone the next day. From then on, the difference
shrinks by what a line with more WIP puts out more: `elasticity`, learned from the data, is the
relative change of throughput for a lasting relative change of WIP. Cycle times follow by Little's
Law.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.series import Panel

Floats = NDArray[np.float64]

_ELASTICITY = (0.05, 0.95)
_WORKED_OFF = (0.02, 0.8)  # of a difference in WIP, within one step
_LEAST = 0.02  # of the WIP that is left, whatever throughput is planned
_LAGS = 4
_RIDGE = 1.0
_WIP, _THROUGHPUT = 0, 1  # places in TARGETS


@dataclass(frozen=True)
class Response:
    """How a line answers: the elasticity of its throughput to its WIP, 0 to 1."""

    elasticity: float

    @classmethod
    def fit(cls, panel: Panel, scaled: Floats, spread: Floats, cut: int) -> Response:
        """Learn from the steps before `cut`.

        Throughput is regressed on the WIP of its own day's start and of the days before, and on the
        throughput of those days. Releases that follow one another show as a difference of WIPs;
        what is left, the sum of the coefficients of all WIPs, is the answer to a lasting change.

        Args:
            scaled: the panel's values, [rows, 3].
            spread: [S, 3], the unit of the scaled values in logarithms.
        """
        rows = np.flatnonzero((panel.position >= _LAGS) & (panel.time < cut))
        rows = rows[~np.isnan(panel.values[rows]).any(axis=1)]
        if len(rows) <= 4 * _LAGS:
            return cls(0.5)
        logs = scaled[:, :2] * spread[panel.series, :2]
        past = logs[rows[:, None] - np.arange(1, _LAGS)]
        calendar = panel.calendar.features(panel.time[rows]).astype(float)
        features = np.hstack([logs[rows, :1], past[..., 0], past[..., 1], calendar])
        features = _less_own_mean(features, panel.series[rows])
        target = _less_own_mean(logs[rows, 1:2], panel.series[rows])
        held = features.T @ features + _RIDGE * np.eye(features.shape[1])
        answer = np.linalg.solve(held, features.T @ target)[:_LAGS, 0].sum()
        return cls(float(np.clip(answer, *_ELASTICITY)))

    def shift(
        self, values: Floats, was: Floats, wip: float | None, throughput: float | None
    ) -> Floats:
        """A forecast from the state `was`, [3] in units, as it is from another one.

        Args:
            values: [..., steps, 3] in units.
            wip, throughput: the other state; None: as it was.
        """
        if wip is None and throughput is None:
            return values
        held, put_out = float(was[_WIP]), float(was[_THROUGHPUT])
        scale = max(held, 1e-9)
        residence = held / put_out if put_out > 0 else 1.0
        more_held = 0.0 if wip is None else wip - held
        # Where work stays less than a step, what a step puts out more came in within it too.
        more_out = 0.0 if throughput is None else (throughput - put_out) * min(1.0, residence)
        first = np.log(max(_LEAST, 1 + (more_held - more_out) / scale))
        worked_off = float(np.clip(self.elasticity / max(residence, 1e-9), *_WORKED_OFF))
        left = first * (1 - worked_off) ** np.arange(values.shape[-2])
        answers = np.array([1.0, self.elasticity, 1 - self.elasticity])
        return values * np.exp(left[:, None] * answers)

    def to_document(self) -> dict[str, Any]:
        """A JSON-ready form that `from_document` turns back into an equal one."""
        return {"elasticity": self.elasticity}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Response:
        """What `to_document` described."""
        return cls(float(document["elasticity"]))


def _less_own_mean(columns: Floats, series: NDArray[np.int64]) -> Floats:
    """Columns less their mean within each series."""
    count = np.bincount(series)
    sums = np.column_stack([np.bincount(series, column) for column in columns.T])
    return columns - (sums / np.maximum(count, 1)[:, None])[series]
