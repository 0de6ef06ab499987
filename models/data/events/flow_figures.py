"""Flow of an event log: cumulative flow, cycle times, ages of what is in process, throughput.

The figures of flow-based management (cumulative flow diagram, scatter of cycle times, ageing work
in process, histogram of throughput), from units and not from sums: D. S. Vacanti, "Actionable
Agile Metrics for Predictability" (2015).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.data.events.event_aggregation import (
    PERCENTS,
    Aggregated,
    aggregate,
)
from models.data.events.event_coverage import Coverage, open_at
from models.data.events.event_log import EventLog, Units, text_of
from models.data.events.event_upload import EventOptions
from models.data.events.station_figures import stations_of
from models.data.events.time_grid import TimeGrid
from models.series.panel import SERIES_FIELDS
from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_POINTS = 2000  # of the scatter; of more, some spread evenly
MOST_AGES = 1000  # units in process that are listed, the oldest first
_BARS = 30  # of the histogram, at most
OLD = 85  # percent of what left that took less than an old unit is in process


@dataclass(frozen=True)
class FlowSelection:
    """The units whose flow is asked for: of a series, or of several.

    Attributes:
        names: column → name, of the three of a series; those that are missing are all taken.
    """

    names: dict[str, str]

    def of(self, log: EventLog) -> EventLog:
        """Return the rows of the selection.

        Raises:
            InvalidInput: a name is none of the log's, or no row has all of them.
        """
        keep = np.ones(len(log), bool)
        for (codes, labels), field in zip(log.names, SERIES_FIELDS, strict=True):
            name = self.names.get(field)
            if name is None:
                continue
            if name not in labels:
                spelling = {"panel_size": "panelSize"}.get(field, field)
                known = ", ".join(labels[:20])
                raise InvalidInput.of(spelling, f"must be one of the log's: {known}", name)
            keep &= codes == labels.index(name)
        if not keep.any():
            raise InvalidInput.of("plant", "must form a series of the log", str(self.names))
        return log if keep.all() else log.take(keep)


@dataclass(frozen=True)
class UnitFlow:
    """The flow of some units: arrays of the figures, for pictures and replies alike.

    Attributes:
        log: the rows of the units.
        units: the units.
        coverage: the span that the log covers.
        series: their sums over all series, one row a step.
    """

    log: EventLog
    units: Units
    coverage: Coverage
    series: Aggregated

    @classmethod
    def of(
        cls,
        log: EventLog,
        options: EventOptions,
        selection: FlowSelection,
        steps: TimeGrid | None = None,
    ) -> UnitFlow:
        """Return the flow of the units of a selection.

        The span is that of the whole log, so that series can be laid beside each other.

        Args:
            options: the bounds of the span, and the step.
            steps: to count in, in place of those of the options.

        Raises:
            InvalidInput: the log has no such units, or covers no step, or too many.
        """
        coverage = Coverage.of(log.units(), options.begin, options.end)
        chosen = selection.of(log)
        units = chosen.units()
        total = replace(
            units, series=np.zeros(len(units), np.int64), series_keys=(("all", "all", "all"),)
        )
        found = aggregate(total, coverage, steps or options.steps)
        return cls(chosen, total, coverage, found)

    @property
    def length(self) -> float:
        """Microseconds of a step."""
        return self.series.steps.length

    @property
    def dates(self) -> list[str]:
        """The date, or date and time, of each step."""
        return self.series.steps.texts(self.series.panel.time)

    @property
    def arrivals(self) -> Floats:
        """Pieces that have come up to the end of each step; what was carried in came before."""
        return self.departures + self.series.panel.values[:, 0]

    @property
    def departures(self) -> Floats:
        """Pieces that have left since the begin, up to the end of each step."""
        return np.cumsum(self.series.panel.values[:, 1])

    @property
    def left(self) -> Ints:
        """The units that left within the span, in the order of their finish."""
        first = self.series.steps.bounds(self.series.panel.first)[0]
        inside = (self.units.finish >= first) & (self.units.finish < self.coverage.end)
        rows = np.flatnonzero(inside)
        return rows[np.argsort(self.units.finish[rows], kind="stable")]

    @property
    def cycle_times(self) -> Floats:
        """Time in system of the units that left, in steps, in the order of `left`."""
        return self.units.time_in_system[self.left] / self.length

    def percentiles(self) -> dict[int, float]:
        """Return the cycle times that a share of the units did not exceed; {} if none left."""
        values = self.cycle_times
        if not values.size:
            return {}
        found = np.quantile(values, np.array(PERCENTS) / 100, method="inverted_cdf")
        return dict(zip(PERCENTS, found.tolist(), strict=True))

    @property
    def inside(self) -> Ints:
        """The units in process at the end of the span, the oldest first."""
        rows = np.flatnonzero(open_at(self.units, self.coverage.end))
        return rows[np.argsort(self.units.start[rows], kind="stable")]

    @property
    def ages(self) -> Floats:
        """Ages of the units in process, in steps, the oldest first."""
        return (self.coverage.end - 1 - self.units.start[self.inside]) / self.length

    def names(self, rows: Ints) -> list[str]:
        """Return the identifiers of some units."""
        found: list[str] = self.log.unit.take(pa.array(self.units.row[rows])).to_pylist()
        return found

    def to_document(self) -> dict[str, Any]:
        """Return all figures, JSON-ready."""
        return {
            "source": "units",
            "step": self.series.steps.name,
            "span": {"start": text_of(_second(self.coverage.begin)),
                     "end": text_of(_second(self.coverage.end - 1))},
            "cumulative_flow": self._cumulative(),
            "cycle_times": self._scatter(),
            "ageing": self._ageing(),
            "throughput": throughput_figures(self.series.panel.values[:, 1]),
            "littles_law": self._law(),
            "stations": stations_of(self.log, self.coverage, self.length),
            "notes": list(self.coverage.notes),
        }  # fmt: skip

    def _cumulative(self) -> dict[str, Any]:
        extras = self.series.extras
        return {
            "date": self.dates,
            "arrivals": self.arrivals.tolist(),
            "departures": self.departures.tolist(),
            "wip": self.series.panel.values[:, 0].tolist(),
            "wip_mean": extras["wip_mean"].tolist(),
            "releases": extras["releases"].tolist(),
        }

    def _scatter(self) -> dict[str, Any]:
        left, values = self.left, self.cycle_times
        shown = spread(len(left), MOST_POINTS)
        finish = self.units.finish[left[shown]]
        points = zip(self.names(left[shown]), finish.tolist(), values[shown].tolist(), strict=True)
        weight = self.units.quantity[left]
        return {
            "units": len(left),
            "mean": float(np.average(values, weights=weight)) if len(left) else None,
            "percentiles": {f"p{percent}": value for percent, value in self.percentiles().items()},
            "points": [
                {"unit": unit, "finish": text_of(time), "cycle_time": value}
                for unit, time, value in points
            ],
        }

    def _ageing(self) -> dict[str, Any]:
        inside, ages = self.inside, self.ages
        finished, limit = np.sort(self.cycle_times), self.percentiles().get(OLD)
        old = int((ages > limit).sum()) if limit is not None else None
        listed = inside[:MOST_AGES]
        share = np.searchsorted(finished, ages[:MOST_AGES]) / max(len(finished), 1)
        rows = zip(self.names(listed), self.units.start[listed].tolist(),
                   ages[:MOST_AGES].tolist(), share.tolist(), strict=True)  # fmt: skip
        return {
            "as_of": text_of(_second(self.coverage.end - 1)),
            "units": len(inside),
            "mean_age": float(ages.mean()) if len(ages) else None,
            "older_than": limit,
            "older_units": old,
            "oldest": [
                {"unit": unit, "start": text_of(start), "age": age, "share_that_left_sooner": part}
                for unit, start, age, part in rows
            ],
        }

    def _law(self) -> dict[str, Any]:
        identity = self.series.identity
        largest = max(abs(identity["wip_integral"]), 1.0)
        return identity | {
            "unit": f"unit-{self.series.steps.name}s",
            "holds": abs(identity["difference"]) <= 1e-9 * largest,
        }


def spread(count: int, most: int) -> Ints:
    """Return the places of at most some of `count` things, evenly spread, the last included.

    >>> spread(3, 5).tolist(), spread(9, 3).tolist()
    ([0, 1, 2], [2, 5, 8])
    """
    if count <= most:
        return np.arange(count)
    return (np.arange(1, most + 1) * count) // most - 1


def throughput_figures(values: Floats) -> dict[str, Any]:
    """Return the distribution of the throughput of steps, JSON-ready: `steps` by class."""
    highest = float(values.max())
    width = float(max(1.0, np.ceil((highest + 1) / _BARS))) if highest >= 1 else highest / 20 or 1.0
    edges = np.arange(0, highest + 2 * width, width)
    return {
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "p15": float(np.quantile(values, 0.15, method="inverted_cdf")),
        "p85": float(np.quantile(values, 0.85, method="inverted_cdf")),
        "at_least": edges[:-1].tolist(),
        "below": edges[1:].tolist(),
        "steps": np.histogram(values, edges)[0].tolist(),
    }


def _second(time: int) -> int:
    return time // 1_000_000 * 1_000_000
