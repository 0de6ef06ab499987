"""Stations measured from an event log whose rows are the steps of units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.data.events.event_log import DAY, OPEN, EventLog
from models.planning.queueing import Station
from utils.errors import InvalidInput

Ints = NDArray[np.int64]

_FEWEST = 10  # rows of a step
_BUSY = 0.98  # of the starts of a step, at which no more rows run at once than it has machines


def measured_stations(log: EventLog) -> tuple[list[Station], float]:
    """Return the stations of a log in the order in which units visit them, and jobs per day.

    The time of a step is that from its start to its finish, with the stops within it; its machines
    are as many as run at once. Times are in days.

    Raises:
        InvalidInput: the log has no steps with a start and a finish.
    """
    if log.step is None or log.rules.state_changes:
        raise InvalidInput.of(
            "datasetId", "must be an event log with `step`, `start` and `finish` of each step"
        )
    codes, names = log.step
    done = log.finish != OPEN
    found = []
    for code, name in enumerate(names):
        own = done & (codes == code) & (log.finish > log.start)
        if own.sum() >= _FEWEST:
            found.append((_place(log, own), _station(name, log.start[own], log.finish[own])))
    if not found:
        raise InvalidInput.of(
            "datasetId", f"must have a step with at least {_FEWEST} rows that took time"
        )
    days = (log.start.max() - log.start.min()) / DAY
    rate = len(log.units()) / max(float(days), 1.0)
    return [station for _, station in sorted(found, key=lambda pair: pair[0])], rate


def _place(log: EventLog, own: NDArray[np.bool_]) -> float:
    """Median time from the first row of a unit to a step, by which steps are put in order."""
    codes = log.unit.dictionary_encode().indices.to_numpy().astype(np.int64)
    first = np.full(codes.max() + 1, OPEN)
    np.minimum.at(first, codes, log.start)
    return float(np.median(log.start[own] - first[codes[own]]))


def _station(name: str, start: Ints, finish: Ints) -> Station:
    times = (finish - start) / DAY
    mean = float(times.mean())
    running = np.searchsorted(np.sort(start), start, side="right") - np.searchsorted(
        np.sort(finish), start, side="right"
    )
    machines = max(1, int(np.quantile(running, _BUSY, method="lower")))
    return Station(name, te=mean, ce2=float(times.var()) / mean**2, machines=machines)
