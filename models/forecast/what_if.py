"""What another state of the last day does to the days that follow.

`currentWIP` and `plannedThroughput` ask what happens if the line held, or put out, more or less
than it did. Data cannot be asked that directly: where throughput was high, releases were. So the
forecast from the state as it was is shifted by what the flow itself says:

    WIP(t + 1) = WIP(t) + releases(t) − throughput(t)

More on hand is carried over; more put out is gone the next day. From then on, the difference
shrinks by what a line with more WIP puts out more: the share of a difference in WIP that is worked
off within a step, learned from the data. Cycle times follow by Little's Law.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.panel import Panel

Floats = NDArray[np.float64]

_WORKED_OFF = (0.02, 0.8)  # of a difference in WIP, within one step
_ELASTICITY = (0.05, 0.95)  # of throughput to WIP
_UNKNOWN = 0.2  # worked off, where the data says nothing
_LEAST = 0.02  # of the WIP that is left, whatever throughput is planned
_LAGS = 3
_FEWEST_ROWS = 40
_OUTLYING = 5.0  # means of a series, beyond which nothing is learned
_RIDGE = 1e-3  # per row
_BLOCK = 65_536  # rows whose features are held at once
_WIP, _THROUGHPUT = 0, 1  # places in TARGETS


@dataclass(frozen=True)
class WhatIfEffect:
    """How a line answers: the share of a difference in WIP that it works off within a step."""

    worked_off: float

    @classmethod
    def unknown(cls) -> WhatIfEffect:
        """Of a line that nothing is known of."""
        return cls(_UNKNOWN)

    @classmethod
    def fit(cls, panel: Panel, filled: Floats, cut: int) -> WhatIfEffect:
        """Learn from the steps before `cut`.

        Throughput is regressed on the WIP at its own day's start, with the releases of the days
        before, which the balance gives, and the calendar held fixed: so what more WIP brings about
        is told from what brought about more WIP.

        Args:
            filled: the panel's values with unknown ones filled in, [rows, 3] in units.
        """
        wip, throughput = _relative(panel, filled, panel.time < cut)
        releases = np.zeros(len(wip))
        releases[:-1] = np.diff(wip) + throughput[:-1]  # by the balance
        rows = np.flatnonzero((panel.position >= _LAGS) & (panel.time < cut))
        if len(rows) < _FEWEST_ROWS:
            return cls.unknown()
        held = max(float(np.median(wip[rows])), 1e-12)
        near = (wip < _OUTLYING * held) & (throughput < _OUTLYING)
        rows = rows[np.all([near[rows - lag] for lag in range(_LAGS)], axis=0)]
        if len(rows) < _FEWEST_ROWS:
            return cls.unknown()
        series, time = panel.series, panel.time
        sums: Any = 0.0
        for some in _whole_series(rows, series[rows]):
            columns = np.column_stack(
                [
                    wip[some],
                    *(releases[some - lag] for lag in range(1, _LAGS)),
                    panel.calendar.features(time[some]),
                    throughput[some],
                ]
            )
            columns = _less_own_mean(columns, series[some])
            sums = sums + columns.T @ columns
        squares, products = sums[:-1, :-1], sums[:-1, -1:]
        squares = squares + _RIDGE * len(rows) * np.eye(len(squares))
        answer = np.linalg.solve(squares, products)[0, 0]
        return cls(float(np.clip(answer, *_WORKED_OFF)))

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
        return values * self.factors(was, wip, throughput, values.shape[-2])

    def factors(
        self, was: Floats, wip: float | None, throughput: float | None, steps: int
    ) -> Floats:
        """What `shift` multiplies a forecast by, [steps, 3]."""
        held, put_out = float(was[_WIP]), float(was[_THROUGHPUT])
        residence = held / put_out if put_out > 0 else 1.0
        more_held = 0.0 if wip is None else wip - held
        # Where work stays less than a step, what a step puts out more came in within it too.
        more_out = 0.0 if throughput is None else (throughput - put_out) * min(1.0, residence)
        first = np.log(max(_LEAST, 1 + (more_held - more_out) / max(held, 1e-9)))
        left = first * (1 - self.worked_off) ** np.arange(steps)
        elasticity = float(np.clip(self.worked_off * residence, *_ELASTICITY))
        return np.asarray(np.exp(left[:, None] * [1.0, elasticity, 1 - elasticity]))

    def to_document(self) -> dict[str, Any]:
        """A JSON-ready form that `from_document` turns back into an equal one."""
        return {"worked_off": self.worked_off}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> WhatIfEffect:
        """What `to_document` described."""
        return cls(float(document["worked_off"]))


def _relative(panel: Panel, filled: Floats, early: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """WIP and throughput of all rows, in units of their series' mean throughput in early ones."""
    count, series = len(panel.series_keys), panel.series
    total = np.bincount(series, filled[:, _THROUGHPUT] * early, count)
    mean = total / np.maximum(np.bincount(series, early, count), 1)
    unit = np.where(mean > 0, mean, 1.0)[series]
    return filled[:, _WIP] / unit, filled[:, _THROUGHPUT] / unit


def _whole_series(rows: NDArray[np.int64], series: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Rows in parts, about _BLOCK in each, those of a series always in one."""
    begins = np.flatnonzero(np.diff(series, prepend=-1))
    part = begins // _BLOCK
    return np.split(rows, begins[1:][np.diff(part) > 0])


def _less_own_mean(columns: Floats, series: NDArray[np.int64]) -> Floats:
    """Columns less their mean within each series."""
    count = np.bincount(series)
    sums = np.column_stack([np.bincount(series, column) for column in columns.T])
    return columns - (sums / np.maximum(count, 1)[:, None])[series]
