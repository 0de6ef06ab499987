"""Tables of simulated plants with closed days, and the days on which they are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.reading.tables import Table, read_rows
from models.series.working_calendar import WorkingCalendar

FIRST = 18_995  # 2022-01-03, a Monday
KEYS = [("North", "TV", "Large"), ("North", "TV", "Small"), ("North", "Car", "Large")]


@dataclass(frozen=True)
class FactoryTable:
    """Rows of a plant.

    Attributes:
        rows: JSON-ready, series by series.
        open_days: days since 1970-01-01 on which the plant works.
    """

    rows: list[dict[str, object]]
    open_days: NDArray[np.int64]

    @property
    def table(self) -> Table:
        """The rows, read."""
        return read_rows(self.rows, 10**6)


def factory_table(
    calendar: WorkingCalendar,
    seed: int = 1,
    days: int = 200,
    zero_rows: bool = False,
    keys: Sequence[tuple[str, str, str]] = KEYS,
) -> FactoryTable:
    """Return rows of a conserved flow that stands still on closed days.

    Args:
        zero_rows: True for rows without output on closed days, False for no rows.
    """
    rng = np.random.default_rng(seed)
    every = FIRST + np.arange(days)
    is_open, rows = calendar.is_open(every), []
    for plant, application, size in keys:
        mean = rng.uniform(30, 90)
        wip = 3 * mean
        for day, works in zip(every, is_open, strict=True):
            out = min(wip, mean * rng.lognormal(0, 0.1)) if works else 0.0
            if works or zero_rows:
                names = {"plant": plant, "application": application, "panel_size": size}
                date = str(np.datetime64(int(day), "D"))
                row = {"date": date, "wip": round(wip, 3), "throughput": round(out, 3)}
                rows.append(row | names)
            wip += mean * rng.lognormal(0, 0.1) - out if works else 0.0
    return FactoryTable(rows, every[is_open])
