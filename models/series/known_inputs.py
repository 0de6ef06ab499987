"""Known inputs: columns of plans and drivers whose values are known ahead of the forecast.

>>> plan = KnownInputs({"releases": np.array([50.0, np.nan]), "capacity": np.array([1.0, 0.5])})
>>> plan.column("capacity", steps=3).tolist()
[1.0, 0.5, nan]
>>> plan.overridden(KnownInputs({"releases": np.array([np.nan, 60.0])})).column("releases", 2)
array([50., 60.])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Calendar

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RELEASES = "releases"  # units released into the line in a step
CAPACITY = "capacity"  # share of the usual capacity, or units that can be finished in a step
PLANNED_THROUGHPUT = "planned_throughput"  # units to be finished in a step
PLANNED_RELEASES = "planned_releases"  # releases as they were planned, beside what was released
KNOWN_COLUMNS = (RELEASES, PLANNED_RELEASES, CAPACITY, PLANNED_THROUGHPUT)
MOST_DRIVERS = 20  # columns of other names that a table may declare as known


@dataclass(frozen=True)
class KnownInputs:
    """Inputs that are known in advance of the steps after the last row of one series.

    Attributes:
        columns: values by name, from the first step ahead on, [n] each; NaN where not known.
            Steps beyond the end of a column are not known.
    """

    columns: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """True if nothing is known."""
        return all(np.isnan(values).all() for values in self.columns.values())

    @property
    def steps(self) -> int:
        """Steps ahead up to the last that anything is known of."""
        return max((len(values) for values in self.columns.values()), default=0)

    def column(self, name: str, steps: int) -> Floats:
        """Return the values of a column over a horizon, [steps]; NaN where not known."""
        found = np.full(steps, np.nan)
        values = self.columns.get(name, found)[:steps]
        found[: len(values)] = values
        return found

    def overridden(self, other: KnownInputs) -> KnownInputs:
        """Return these inputs with the known values of others in their place."""
        columns = dict(self.columns)
        for name, values in other.columns.items():
            steps = max(len(values), len(columns.get(name, ())))
            own, theirs = self.column(name, steps), other.column(name, steps)
            columns[name] = np.where(np.isnan(theirs), own, theirs)
        return KnownInputs(columns)


@dataclass(frozen=True)
class DatedInputs:
    """Known inputs of one series by date.

    Attributes:
        days: dates since 1970-01-01, ascending, [n].
        columns: values by name, [n] each; NaN where not known.
    """

    days: Ints
    columns: Mapping[str, Floats]

    def after(self, calendar: Calendar, last: int) -> KnownInputs:
        """Return what is known of the steps after step `last` of the series' calendar."""
        ahead = calendar.index(self.days) - last - 1
        used = (ahead >= 0) & calendar.is_open(self.days)
        if not used.any():
            return KnownInputs()
        found = {}
        for name, values in self.columns.items():
            found[name] = np.full(int(ahead[used].max()) + 1, np.nan)
            found[name][ahead[used]] = values[used]
        return KnownInputs(found)
