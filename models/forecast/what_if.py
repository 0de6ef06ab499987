"""The what-if effect: the forecast from another WIP or throughput of the last day.

`currentWIP` and `lastThroughput` describe another state of the last day. The data cannot
show the effect directly, because throughput was high where releases were. The forecast from
the state as it was has its releases; with the same ones, the balance of the flow gives that from
another state:

    WIP(t + 1) = WIP(t) + releases(t) − throughput(t)
    more WIP, first step = more WIP − more throughput of the last day
    ln factor of throughput = elasticity × ln factor of WIP
    more WIP, next step = more WIP − more throughput
    factor of cycle time = factor of WIP ÷ factor of throughput    (Little's Law)

A line puts out no more than the most that was ever seen of it, and works off no more than there is.
The elasticity is `worked_off` × mean WIP ÷ mean throughput, so that a small difference in WIP
shrinks by the share `worked_off` within a step. That share is the slope of the line's clearing
function (S. C. Graves, "A tactical planning model for a job shop", Operations Research 34, 1986);
it is estimated by regression on the training span.

    >>> effect, was = WhatIfEffect(worked_off=0.5), np.array([100.0, 50.0, 2.0])
    >>> found = effect.path(np.tile(was, (3, 1)), was, wip=110.0)
    >>> found[:, 0].round(1).tolist()
    [110.0, 105.3, 102.8]
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
_UNKNOWN = 0.2  # worked off, if there is too little data
_LEAST = 0.02  # of the WIP, which is left whatever throughput is planned
_WORKED = 0.25  # of the mean output, above which the line works on a day
_LAGS = 3
_FEWEST_ROWS = 40
_OUTLYING = 5.0  # typical values of a series; rows with larger ones are left out
_RIDGE = 1e-3  # per row
_BLOCK = 65_536  # rows whose features are computed at once
_WIP, _THROUGHPUT = 0, 1  # places in TARGETS


@dataclass(frozen=True)
class WhatIfEffect:
    """The effect of another state of the last day.

    Attributes:
        worked_off: share of a difference in WIP that is worked off within a step.
    """

    worked_off: float

    @classmethod
    def unknown(cls) -> WhatIfEffect:
        """Return the effect for a line without data."""
        return cls(_UNKNOWN)

    @classmethod
    def fit(cls, panel: Panel, filled: Floats, cut: int) -> WhatIfEffect:
        """Return the effect estimated from the steps before `cut`.

        Throughput is regressed on the WIP at the start of its day, with the releases of the days
        before (by the balance) and the calendar as controls. The controls separate the effect of
        more WIP from the causes of more WIP.

        Args:
            filled: values of the panel in units, unknown ones filled in, [rows, 3].
            cut: first step that is not used.
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
        series, time = panel.series, panel.dated_time
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
        worked_off = np.linalg.solve(squares, products)[0, 0]
        return cls(float(np.clip(worked_off, *_WORKED_OFF)))

    def path(
        self,
        values: Floats,
        was: Floats,
        wip: float | None = None,
        throughput: float | None = None,
        most: float = np.inf,
    ) -> Floats:
        """Return a forecast as it is from another state, [steps, 3].

        Args:
            values: forecast from the state as it was, in units, [steps, 3].
            was: WIP, throughput and cycle time of the last day as they were, [3].
            wip, throughput: the other state; None: as it was.
            most: throughput that the line can put out in a step.
        """
        held, put_out = values[:, _WIP].sum(), values[:, _THROUGHPUT].sum()
        residence = float(held / put_out) if put_out > 0 else 1.0
        elasticity = float(np.clip(self.worked_off * residence, *_ELASTICITY))
        more = 0.0 if wip is None else wip - float(was[_WIP])
        if throughput is not None:
            # Work that stays less than a step arrives within it: only part was on hand before.
            more -= (throughput - float(was[_THROUGHPUT])) * min(1.0, residence)
        usual = float(put_out) / len(values)
        found = values.copy()
        for step, (base, output, time) in enumerate(values.tolist()):
            now = max(base + more, _LEAST * base)
            ratio = now / base if base > 0 else 1.0
            # On a day that hardly works, as on weekends, no more than in proportion.
            highest = most if output >= _WORKED * usual else output * most / usual
            more_out = min(output * ratio**elasticity, max(highest, output)) - output
            more_out = min(max(more_out, min(more, 0.0)), max(more, 0.0))
            factor = 1 + more_out / output if output > 0 else 1.0
            found[step] = now, output + more_out, time * ratio / factor
            more = now - base - more_out
        return found

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form that `from_document` turns back into an equal one."""
        return {"worked_off": self.worked_off}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> WhatIfEffect:
        """Return the effect that `to_document` described."""
        return cls(float(document["worked_off"]))


def balance_gap(before: Floats, after: Floats) -> float:
    """Return the gap in the balance of the flow of a shifted forecast, relative to its throughput.

    With the releases of the forecast before, the mean size of change of WIP − releases +
    throughput.

    Args:
        before, after: forecasts in units, [steps, 3].
    """
    more = after - before
    gaps = np.diff(more[:, _WIP]) + more[:-1, _THROUGHPUT]
    total = float(np.abs(after[:-1, _THROUGHPUT]).sum())
    return float(np.abs(gaps).sum()) / total if total > 0 else 0.0


def _relative(panel: Panel, filled: Floats, early: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """WIP and throughput of all rows, relative to the mean early throughput of their series."""
    count, series = len(panel.series_keys), panel.series
    total = np.bincount(series, filled[:, _THROUGHPUT] * early, count)
    mean = total / np.maximum(np.bincount(series, early, count), 1)
    unit = np.where(mean > 0, mean, 1.0)[series]
    return filled[:, _WIP] / unit, filled[:, _THROUGHPUT] / unit


def _whole_series(rows: NDArray[np.int64], series: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Rows in parts of about `_BLOCK` rows; a series is never divided."""
    begins = np.flatnonzero(np.diff(series, prepend=-1))
    part = begins // _BLOCK
    return np.split(rows, begins[1:][np.diff(part) > 0])


def _less_own_mean(columns: Floats, series: NDArray[np.int64]) -> Floats:
    """Columns less their mean within each series."""
    count = np.bincount(series)
    sums = np.column_stack([np.bincount(series, column) for column in columns.T])
    return columns - (sums / np.maximum(count, 1)[:, None])[series]
