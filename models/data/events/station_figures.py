"""Stations of a log of steps: WIP, throughput, service and waiting time of each.

A unit waits for a step from the finish of its step before (its own start, for the first step) to
the step's start, and is served from the start to the finish. In a log of states the time in a
state is service: who waits there is known from the state's name only. Over the covered span, WIP
is the integral of the units that wait or are served ÷ the span, so that Little's Law holds for
each station but for units in it at the two ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.events.event_coverage import Coverage
from models.data.events.event_log import OPEN, EventLog, unit_codes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def stations_of(log: EventLog, coverage: Coverage, length: float) -> dict[str, Any] | None:
    """Return the figures of each station of a log, those with the most waiting first, JSON-ready.

    Args:
        coverage: the span over which they are taken.
        length: microseconds of a step of the series.

    Returns:
        None for a log without steps. `most_waiting` names the station with the highest share of
        all waiting time; None: nothing waits.
    """
    if log.step is None:
        return None
    rules = log.rules
    left_out = log.in_steps(rules.waiting_states) | log.in_steps(
        rules.finish_steps if rules.state_changes else ()
    )
    codes, labels = log.step
    log = log.with_finishes()
    rows, ready = _ready(log, ~left_out)
    step, start, finish = codes[rows], log.start[rows], log.finish[rows]
    quantity = np.ones(len(rows)) if log.quantity is None else log.quantity[rows]
    spans = [_inside(ready, start, coverage), _inside(start, finish, coverage)]
    done = (finish >= coverage.begin) & (finish < coverage.end)

    def total(values: Any) -> Floats:
        return np.asarray(np.bincount(step, values * quantity, len(labels)), float)

    waiting, service = (total(span.astype(np.float64)) / length for span in spans)
    served = done & (start >= coverage.begin)
    count = total(done.astype(float))
    time = (coverage.end - coverage.begin) / length
    waits, serves = (
        total(np.where(served, span, 0.0)) / length / np.maximum(total(served * 1.0), 1e-12)
        for span in (np.maximum(start - ready, 0), np.where(done, finish - start, 0))
    )
    share = waiting / max(float(waiting.sum()), 1e-12)
    order = np.lexsort((np.arange(len(labels)), -service, -waiting))
    used = np.bincount(step, minlength=len(labels)) > 0
    stations = [
        {
            "step": labels[s],
            "units": float(count[s]),
            "throughput": float(count[s] / time),
            "wip": float((waiting[s] + service[s]) / time),
            "wip_waiting": float(waiting[s] / time),
            "wip_in_service": float(service[s] / time),
            "waiting_time": float(waits[s]),
            "service_time": float(serves[s]),
            "waiting_share": float(share[s]),
        }
        for s in order.tolist()
        if used[s]
    ]
    total_time = float((waiting + service).sum())
    return {
        "most_waiting": stations[0]["step"] if waiting.sum() > 0 else None,
        "waiting_share": float(waiting.sum()) / total_time if total_time else None,
        "stations": stations,
    }


def _ready(log: EventLog, keep: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """The rows of stations, and the time from which each unit waits for its step, [n] each."""
    codes = unit_codes(log.unit)
    order = np.lexsort((log.finish, log.start, codes))
    order = order[keep[order]]
    same = np.append(False, codes[order[1:]] == codes[order[:-1]])
    # Steps of a unit may overlap: it is free when all steps before have ended.
    finish = np.where(log.finish[order] == OPEN, log.start[order], log.finish[order])
    before = np.append(log.start[order[:1]], _running_latest(finish, same)[:-1])
    ready = np.where(same, before, log.start[order])
    return order, np.minimum(ready, log.start[order])


def _running_latest(finish: Ints, same: NDArray[np.bool_]) -> Ints:
    """The latest finish of each unit up to each of its rows, [n]."""
    times, ranks = np.unique(finish, return_inverse=True)
    own = np.cumsum(~same) * len(times)  # ranks of later units are above those of earlier ones
    return np.asarray(times[np.maximum.accumulate(ranks + own) - own])


def _inside(begin: Ints, end: Ints, coverage: Coverage) -> Ints:
    """Microseconds of each span that lie within the coverage."""
    low = np.maximum(begin, coverage.begin)
    high = np.minimum(end, coverage.end)
    return np.maximum(high - low, 0)
