"""The log of a simulated line for the documentation: lots through three stations, a row a step.

Each station serves one lot after the other, in the order in which they come. Assembly is the
slowest, so most lots wait there.
"""

from __future__ import annotations

import numpy as np

STATIONS = {"cutting": 0.17, "assembly": 0.215, "test": 0.12}  # days of service, mean


def line_log(lots: int = 600, seed: int = 1) -> str:
    """Return the log as CSV: lot, step, start, finish; blank after the day 120."""
    rng = np.random.default_rng(seed)
    ready = np.cumsum(rng.exponential(0.235, lots))
    rows = []
    for station, mean in STATIONS.items():
        free, begins = 0.0, np.empty(lots)
        ends = np.empty(lots)
        service = mean * rng.gamma(3, 1 / 3, lots)
        for lot in np.argsort(ready, kind="stable"):
            begins[lot] = max(ready[lot], free)
            free = ends[lot] = begins[lot] + service[lot]
        rows += [(lot, station, begins[lot], ends[lot]) for lot in range(lots)]
        ready = ends
    lines = [
        f"L{lot:04d},{station},{_time(begin)},{_time(end) if end < 120 else ''}"
        for lot, station, begin, end in rows
        if begin < 120
    ]
    return "\n".join(["lot,step,start,finish", *lines, ""])


def _time(days: float) -> str:
    moment = np.datetime64("2024-01-01T06:00") + np.timedelta64(int(days * 1440), "m")
    return str(moment).replace("T", " ")
