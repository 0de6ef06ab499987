"""The unit of cycle times of plants that close: worked days or calendar days.

Little's Law over windows of worked days holds for cycle times in worked days. A plant that works
five days a week may as well count seven days for a week. The figures tell which one it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.series.panel import Panel
from utils.validation import cycle_time_unit


def in_worked_days(panel: Panel) -> Panel:
    """Return a panel with cycle times in worked days, for tests of Little's Law."""
    if not panel.calendar.working:
        return panel
    lanes = np.zeros(len(panel.first), np.int64) if panel.lanes is None else panel.lanes
    values, lane = panel.values.copy(), lanes[panel.series]
    for number, calendar in enumerate(panel.calendar.working):
        known = (lane == number) & ~np.isnan(values).any(axis=1)
        if known.any():
            share = calendar.steps_per_week / 7
            wip, throughput, times = values[known].T
            factor = cycle_time_unit(wip, throughput, times, share)
            values[lane == number, 2] *= factor
    return replace(panel, values=values)
