"""The flow figures that follow from rows alone, of data sets that are no event logs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.events.event_aggregation import PERCENTS
from models.data.events.flow_figures import MOST_POINTS, spread, throughput_figures
from models.series.panel import SERIES_FIELDS, Panel
from utils.errors import InvalidInput

Floats = NDArray[np.float64]


def flow_of_rows(panel: Panel, names: dict[str, str]) -> dict[str, Any]:
    """Return the flow of some series together, JSON-ready; ages and stations are not known.

    Arrivals follow from WIP at the ends of the steps. A point of the scatter is the mean cycle
    time of a step, and percentiles weigh it by the step's throughput.

    Args:
        names: column → name, of the series to take; those that are missing are all taken.

    Raises:
        InvalidInput: there is no such series.
    """
    chosen = [
        s
        for s, key in enumerate(panel.series_keys)
        if all(names.get(f, k) == k for f, k in zip(SERIES_FIELDS, key, strict=True))
    ]
    if not chosen:
        known = "; ".join(" / ".join(key) for key in panel.series_keys[:10])
        raise InvalidInput.of("plant", f"must form a series of the data: {known}", str(names))
    panel = panel.select(chosen)
    days, place = np.unique(panel.days, return_inverse=True)
    wip, throughput, cycle_time = panel.values.T
    total, out = (
        np.asarray(np.bincount(place, np.nan_to_num(column), len(days)), np.float64)
        for column in (wip, throughput)
    )
    known = ~np.isnan(cycle_time) & (throughput > 0)
    departures = np.cumsum(out)
    dates = panel.calendar.texts(days)
    rows = np.flatnonzero(known)
    rows = rows[np.argsort(place[rows], kind="stable")]
    shown = rows[spread(len(rows), MOST_POINTS)]
    points = zip(place[shown].tolist(), cycle_time[shown].tolist(), strict=True)
    weight = throughput[rows]
    return {
        "source": "rows",
        "step": panel.calendar.step.value,
        "span": {"start": dates[0], "end": dates[-1]},
        "cumulative_flow": {
            "date": dates,
            "arrivals": (departures + total).tolist(),
            "departures": departures.tolist(),
            "wip": total.tolist(),
        },
        "cycle_times": {
            "units": float(weight.sum()),
            "mean": float(np.average(cycle_time[rows], weights=weight)) if len(rows) else None,
            "percentiles": _percentiles(cycle_time[rows], weight),
            "points": [{"finish": dates[p], "cycle_time": value} for p, value in points],
        },
        "throughput": throughput_figures(out),
        "notes": [
            "The data set is no event log: cycle times are means of steps, and ages of what is in "
            "process are not known."
        ],
    }


def _percentiles(values: Floats, weight: Floats) -> dict[str, float]:
    if not len(values):
        return {}
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weight[order])
    places = np.searchsorted(total, np.array(PERCENTS) / 100 * total[-1] * (1 - 1e-12))
    return {f"p{p}": float(values[order][i]) for p, i in zip(PERCENTS, places, strict=True)}
