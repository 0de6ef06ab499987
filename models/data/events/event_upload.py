"""An uploaded event log → the series of a data set, with the quality of both."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from models.data.cleaning import Cleaned, clean
from models.data.events import event_table
from models.data.events.event_aggregation import PERCENTS, Aggregated, aggregate
from models.data.events.event_coverage import Coverage, open_at
from models.data.events.event_log import DAY, OPEN, EventLog, Units, text_of
from models.data.events.event_rows import without_other_rows
from models.data.events.event_table import LogOptions, ReadLog
from models.data.events.time_grid import TimeGrid
from models.data.reading.event_columns import TIMES
from models.data.reading.raw_tables import RawTable
from models.data.reading.table_columns import joined
from models.data.reading.tables import Table
from models.series.calendar import Step
from models.series.known_inputs import RELEASES
from models.series.panel import TARGETS

_EXACT = 1e-9  # share of ∫ WIP dt that rounding may explain


@dataclass(frozen=True)
class EventOptions:
    """Choices of a request about an event log and the steps of its series.

    Attributes:
        reading: how the columns are read.
        step: of the series.
        shifts: times at which shifts begin, of step shift.
        begin, end: times that bound the series; None: found (see `Coverage`).
    """

    reading: LogOptions = field(default_factory=LogOptions)
    step: Step = Step.DAY
    shifts: str | None = None
    begin: int | None = None
    end: int | None = None

    def to_document(self) -> dict[str, Any]:
        """Return the choices of the series, as the document of the data set keeps them."""
        shifts = {} if self.shifts is None else {"shifts": self.shifts}
        return {"step": self.step.value, **shifts, "begin": self.begin, "end": self.end}

    @property
    def steps(self) -> TimeGrid:
        """The steps of the series. Raises InvalidInput as `TimeGrid.of`."""
        return TimeGrid.of(self.step, self.shifts)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> EventOptions:
        """Return the options that `to_document` described."""
        step, shifts = Step(document["step"]), document.get("shifts")
        return cls(LogOptions(), step, shifts, document.get("begin"), document.get("end"))


def read(raw: RawTable, options: EventOptions, max_series: int | None) -> ReadLog | None:
    """Read a table as an event log; None if it is of another kind.

    Raises:
        ServiceError: it is an event log, and cannot be read; the sentence names the place.
    """
    found = event_table.roles(raw.names, options.reading)
    if found is None or not raw.rows:
        return None
    used = {*found.values(), *chain.from_iterable(options.reading.joined.values())}
    others = [name for name in raw.names if name not in used]
    columns, skipped = without_other_rows(*_columns(raw, found, options.reading))
    raw.read_as.update({"skipped_rows": skipped} if skipped else {})
    table = [pa.table(columns)]
    del columns
    raw.release()
    since = options.reading.dates_since or ("1900" if "sheet" in raw.read_as else None)
    reading = replace(options.reading, dates_since=since)
    log = event_table.read_log(table, found, reading, raw.is_escaped, max_series)
    return ReadLog(log.log, log.columns, others, log.date_order)


def _columns(
    raw: RawTable, found: dict[str, str], options: LogOptions
) -> tuple[dict[str, pa.Array], list[str]]:
    """The columns of a log by their names, and the names of those of times.

    The texts of several columns of one role are joined: those of a date and a time, say.
    """
    columns = dict(
        zip(found.values(), raw.arrays([raw.names.index(n) for n in found.values()]), strict=True)
    )
    for role, names in options.joined.items():
        if role not in found:
            continue
        parts = raw.load([raw.names.index(name) for name in names])
        columns[names[0]] = joined(parts, " " if role in TIMES else " / ").as_array()
    return columns, [name for role, name in found.items() if role in TIMES]


def series_of(read: ReadLog, options: EventOptions) -> tuple[Cleaned, dict[str, Any]]:
    """Return the series of a log, and what is known about the log, JSON-ready.

    Raises:
        InvalidInput: no unit has left, or the log covers no step.
    """
    units = read.log.units()
    coverage = Coverage.of(units, options.begin, options.end)
    found = aggregate(units, coverage, options.steps)
    table = _as_table(found, read.ignored)
    cleaned = clean(table)  # days without starts and finishes may be closed ones
    quality = cleaned.quality | {"rows_received": len(read.log)}
    about = _about(read, units, coverage, found, options)
    quality |= {"event_log": about}
    return _with_extras(replace(cleaned, quality=quality), found), about


def _with_extras(cleaned: Cleaned, found: Aggregated) -> Cleaned:
    """The cleaned series with the other columns of a log, on worked days and on closed ones."""
    panel, closed = found.panel, cleaned.closed
    calendar, lanes = cleaned.calendars.applied(panel.calendar, panel.series_keys)
    if lanes is None:
        return replace(cleaned, extras=found.extras)
    is_open = calendar.is_open(panel.days, lanes[panel.series])
    extras = {name: values[is_open] for name, values in found.extras.items()}
    others = {name: values[~is_open] for name, values in found.extras.items()}
    closed = replace(closed, numbers=closed.numbers | others)
    return replace(cleaned, extras=extras, closed=closed)


def _as_table(found: Aggregated, ignored: list[str]) -> Table:
    """The rows of series as a table, so that they are judged as any others."""
    panel, series = found.panel, found.panel.series
    names = []
    for labels in zip(*panel.series_keys, strict=True):
        distinct, codes = np.unique(labels, return_inverse=True)
        names.append((codes[series], distinct.tolist()))
    numbers = dict(zip(TARGETS, panel.values.T.copy(), strict=True))
    numbers |= {RELEASES: found.extras[RELEASES]}
    days = panel.calendar.days(panel.time)
    return Table(days, names, numbers, ignored, calendar=panel.calendar)


def _about(
    read: ReadLog, units: Units, coverage: Coverage, found: Aggregated, options: EventOptions
) -> dict[str, Any]:
    """The figures of a log: of its units, its span and Little's Law."""
    log, length = read.log, found.steps.length
    left = units.has_left & (units.finish < coverage.end)
    spent = units.time_in_system[left] / length
    total = max(abs(found.identity["wip_integral"]), 1.0)
    return {
        "kind": _kind(log),
        "columns": read.columns,
        "date_order": read.date_order,
        "units": len(units),
        "units_left": int(left.sum()),
        "units_in_process": int(open_at(units, coverage.end).sum()),
        "steps": [] if log.step is None else log.step[1],
        "finish_steps": list(log.rules.finish_steps),
        "waiting_states": list(log.rules.waiting_states),
        "span": {
            "start": text_of(coverage.begin // 1_000_000 * 1_000_000),
            "end": text_of((coverage.end - 1) // 1_000_000 * 1_000_000),
        },
        "complete_from": found.panel.calendar.dates(
            np.array([found.steps.next_index(coverage.run_in)])
        )[0],
        "cycle_time": {
            "unit": options.step.value,
            "mean": float(np.average(spent, weights=units.quantity[left])) if left.any() else None,
            **{f"p{percent}": _percentile(spent, percent) for percent in PERCENTS},
        },
        "littles_law": found.identity
        | {
            "unit": f"unit-{options.step.value}s",
            "holds": abs(found.identity["difference"]) <= _EXACT * total,
        },
        "notes": [*coverage.notes, *_notes(log, found, options)],
    }


def _percentile(values: Any, percent: int) -> float | None:
    if not len(values):
        return None
    return float(np.quantile(values, percent / 100, method="inverted_cdf"))


def _kind(log: EventLog) -> str:
    if log.rules.state_changes:
        return "changes of state"
    return "units" if log.step is None else "steps of units"


def _notes(log: EventLog, found: Aggregated, options: EventOptions) -> list[str]:
    """Sentences about assumptions of the reading."""
    notes = []
    if log.step is not None and not log.rules.state_changes and not log.rules.finish_steps:
        step, units = next(iter(log.last_steps().items()))
        others = sum(log.last_steps().values()) - units
        notes.append(
            "A unit is taken to have left when its last step in the log has a finish: "
            f"{units:,} units ended with {step!r}, {others:,} with other steps. Send "
            "`finishSteps` if units leave with certain steps only."
        )
    if log.rules.state_changes:
        waiting = ", ".join(log.rules.waiting_states) or "none"
        notes.append(
            f"Units have left in {', '.join(log.rules.finish_steps)}, and have not come yet in: "
            f"{waiting}. Send `finishSteps` and `waitingStates` for other states."
        )
    times = np.concatenate([log.start, log.finish[log.finish != OPEN]])
    if options.step is Step.DAY and (times % DAY == 0).all():
        notes.append(
            "The times are dates: each counts as the beginning of its day, so a unit that comes "
            "and leaves on one day spends no time."
        )
    if options.step is Step.DAY and float((found.panel.values[:, 1] == 0).mean()) > 0.5:
        notes.append(
            "On more than half of the days nothing leaves a series: step=week gives steadier "
            "series."
        )
    return notes
