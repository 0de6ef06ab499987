"""Rows of an event log that come later: new units, finishes of units in process, corrections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.data.events.event_log import OPEN, EventLog, text_of, unit_codes
from models.data.table_merge import same_labels
from utils.errors import Conflict, Detail, InvalidInput

Ints = NDArray[np.int64]

_LISTED = 20  # conflicts


def joined_logs(old: EventLog, new: EventLog, replaces: bool) -> tuple[EventLog, dict[str, int]]:
    """Return a stored log and rows that come later as one log, and the numbers of rows.

    A row is the stored one if unit and series, and in logs of steps also step and start, are the
    same. Its finish completes one that is in process.

    Returns:
        the log; rows `added`, `replaced`, `completed` and `unchanged`.

    Raises:
        InvalidInput: the rows are of another kind of log.
        Conflict: rows differ from stored ones; the details name them.
    """
    _expect_same_kind(old, new)
    both = _concatenated(old, new)
    keys, count = _keys(both), len(old)
    order = np.argsort(keys[:count], kind="stable")
    place = np.searchsorted(keys[:count][order], keys[count:])
    place = np.minimum(place, count - 1)
    met = keys[:count][order][place] == keys[count:]
    stored, given = order[place[met]], np.flatnonzero(met) + count
    same = [both.start[stored] == both.start[given], both.finish[stored] == both.finish[given]]
    if both.quantity is not None:
        same.append(both.quantity[stored] == both.quantity[given])
    equal = np.all(same, axis=0)
    completes = ~equal & (both.finish[stored] == OPEN)
    completes &= np.all([same[0], *same[2:]], axis=0)
    differs = ~equal & ~completes
    if differs.any() and not replaces:
        raise _conflict(both, stored[differs], given[differs])
    changed = completes | differs
    rows = np.arange(count)
    rows[stored[changed]] = given[changed]
    fresh = np.flatnonzero(~met) + count
    counts = {
        "added": len(fresh),
        "replaced": int(differs.sum()),
        "completed": int(completes.sum()),
        "unchanged": int(equal.sum()),
    }
    return both.take(np.concatenate([rows, fresh])).sorted(), counts


def _expect_same_kind(old: EventLog, new: EventLog) -> None:
    for role in ("step", "quantity"):
        has, wants = getattr(new, role) is not None, getattr(old, role) is not None
        if has != wants:
            rule = f"must be {'given' if wants else 'left out'}, as in the stored rows of the log"
            raise InvalidInput.of(role, rule)


def _concatenated(old: EventLog, new: EventLog) -> EventLog:
    """The rows of both logs, one after the other."""
    lists = [[*log.names, *([log.step] if log.step else [])] for log in (old, new)]
    names, first, second = same_labels(*lists)
    labels = [
        (np.concatenate([a, b]), known) for a, b, known in zip(first, second, names, strict=True)
    ]
    quantities = [log.quantity for log in (old, new) if log.quantity is not None]
    return replace(
        old,
        unit=pa.concat_arrays([old.unit.cast(pa.string()), new.unit.cast(pa.string())]),
        start=np.concatenate([old.start, new.start]),
        finish=np.concatenate([old.finish, new.finish]),
        names=labels[:3],
        step=labels[3] if old.step else None,
        quantity=np.concatenate(quantities) if quantities else None,
    )


def _keys(log: EventLog) -> Ints:
    """A number for each row, equal for rows of the same unit, series, step and start."""
    parts = [log.series]
    if log.step is not None:
        parts += [log.step[0], log.start]
    found = unit_codes(log.unit)
    for part in parts:
        _, ranks = np.unique(part, return_inverse=True)
        _, found = np.unique(found * (int(ranks.max()) + 1) + ranks, return_inverse=True)
    return found.astype(np.int64)


def _conflict(log: EventLog, stored: Ints, given: Ints) -> Conflict:
    def told(row: int) -> str:
        pieces = "" if log.quantity is None else f", {log.quantity[row]:g} pieces"
        return f"{text_of(log.start[row])} to {text_of(log.finish[row])}{pieces}"

    details: list[Detail] = []
    for a, b in zip(stored[:_LISTED].tolist(), given[:_LISTED].tolist(), strict=True):
        unit: Any = log.unit[a].as_py()
        details.append(Detail("unit", f"{unit}: {told(a)} is stored", told(b)))
    first = details[0]
    return Conflict(
        f"{len(stored):,} rows differ from stored ones: unit {first.message}, {first.received} is "
        "given. Send replace=true to put them in place of the stored rows. Nothing was changed.",
        details,
    )
