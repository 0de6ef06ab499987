"""Tables as they were received: joined with rows that come later, and kept as a file.

A data set keeps the received rows beside its series where these differ: rows with blanks, gaps or
duplicates. So series made of rows that came in several parts are those of one upload of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.data.reading.tables import Table
from models.data.stored_dates import date_column, days_of_column
from models.series.calendar import EVERY_DAY, Calendar
from models.series.panel import SERIES_FIELDS
from utils.errors import Conflict, Detail

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Labels = tuple[Ints, list[str]]  # the code of each row, and the label of each code

SUFFIX = ".received"  # ending of the file; its content is Parquet
_LISTED = 20  # conflicts
_NO_INPUT = ("day", "date", "littles_law_compliance", *SERIES_FIELDS)


def joined(old: Table, new: Table, replaces: bool) -> tuple[Table, dict[str, int]]:
    """Return stored rows and those that come later as one table, and the numbers of rows.

    A row of a series and day that is stored already fills what is blank in the stored one; values
    that differ from stored ones take their place if the request replaces.

    Returns:
        the table; rows `added`, `replaced`, `completed` and `unchanged`.

    Raises:
        Conflict: values differ from stored ones; the details name them.
    """
    new = _last_of_each(new)
    names, old_codes, new_codes = same_labels(old.names, new.names)
    first = min(int(old.days.min()), int(new.days.min()))
    span = max(int(old.days.max()), int(new.days.max())) - first + 1
    sizes = [len(labels) for labels in names]
    keys, own = (
        ((a * sizes[1] + b) * sizes[2] + c) * span + days - first
        for (a, b, c), days in ((old_codes, old.days), (new_codes, new.days))
    )
    order = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys[order], own, side="right") - 1  # the last of stored duplicates
    met = (place >= 0) & (keys[order][np.maximum(place, 0)] == own)
    rows = order[place[met]]
    numbers, counts = _numbers(old, new, rows, met, replaces)
    fresh = ~met
    codes = [np.concatenate([a, b[fresh]]) for a, b in zip(old_codes, new_codes, strict=True)]
    declared = (*old.declared, *(name for name in new.declared if name not in old.declared))
    table = replace(
        old,
        days=np.concatenate([old.days, new.days[fresh]]),
        names=[(code, labels) for code, labels in zip(codes, names, strict=True)],
        numbers=numbers,
        ignored=sorted({*old.ignored, *new.ignored}),
        declared=declared,
    )
    return table, counts | {"added": int(fresh.sum())}


def _last_of_each(table: Table) -> Table:
    """The rows without those that a later row of the same series and day replaces."""
    keys = np.stack([table.series, table.days])
    last = len(table) - 1 - np.unique(keys[:, ::-1], axis=1, return_index=True)[1]
    if len(last) == len(table):
        return table
    rows = np.sort(last)
    return replace(
        table,
        days=table.days[rows],
        names=[(codes[rows], labels) for codes, labels in table.names],
        numbers={name: values[rows] for name, values in table.numbers.items()},
    )


def same_labels(
    old: list[Labels], new: list[Labels]
) -> tuple[list[list[str]], list[Ints], list[Ints]]:
    """Return the labels of two lists of names together, and the codes of each by them."""
    names: list[list[str]] = []
    codes: tuple[list[Ints], list[Ints]] = ([], [])
    for pair in zip(old, new, strict=True):
        labels = sorted({*pair[0][1], *pair[1][1]})
        places = {label: i for i, label in enumerate(labels)}
        for found, (own, known) in zip(codes, pair, strict=True):
            found.append(np.array([places[label] for label in known], np.int64)[own])
        names.append(labels)
    return names, *codes


def _numbers(
    old: Table, new: Table, rows: Ints, met: NDArray[np.bool_], replaces: bool
) -> tuple[dict[str, Floats], dict[str, int]]:
    """The numbers of the joined table, and the counts of the rows that met stored ones."""
    numbers, fresh = {}, ~met
    differs, fills = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    conflicts: list[tuple[str, NDArray[np.bool_], Floats, Floats]] = []
    for name in {**old.numbers, **new.numbers}:
        stored = old.numbers.get(name, np.full(len(old), np.nan)).copy()
        given = new.numbers.get(name, np.full(len(new), np.nan))
        before, after = stored[rows], given[met]
        unlike = ~(np.isnan(before) | np.isnan(after) | (before == after))
        if replaces and name in new.numbers:
            unlike |= np.isnan(after) & ~np.isnan(before)
            stored[rows] = after
        else:
            stored[rows] = np.where(np.isnan(before), after, before)
        fills |= np.isnan(before) & ~np.isnan(after)
        differs |= unlike
        conflicts.append((name, unlike, before, after))
        numbers[name] = np.concatenate([stored, given[fresh]])
    if differs.any() and not replaces:
        raise _conflict(old, rows, conflicts, int(differs.sum()))
    counts = {
        "replaced": int(differs.sum()),
        "completed": int((fills & ~differs).sum()),
        "unchanged": int((~fills & ~differs).sum()),
    }
    return numbers, counts


def _conflict(
    old: Table,
    rows: Ints,
    conflicts: list[tuple[str, NDArray[np.bool_], Floats, Floats]],
    count: int,
) -> Conflict:
    def named() -> Iterator[Detail]:
        for name, unlike, before, after in conflicts:
            for i in np.flatnonzero(unlike)[:_LISTED].tolist():
                row = int(rows[i])
                key = " / ".join(labels[codes[row]] for codes, labels in old.names)
                date = (old.calendar or EVERY_DAY).text(old.days[row])
                text = f"{key} on {date}: {before[i]:.12g} is stored"
                yield Detail(name, text, float(after[i]))

    details = list(named())[:_LISTED]
    first = details[0]
    return Conflict(
        f"{count:,} rows differ from stored ones: {first.field} of {first.message}, "
        f"{first.received:.12g} is given. Send replace=true to put them in place of the stored "
        "rows. Nothing was changed.",
        details,
    )


def write_table(path: Path, table: Table) -> None:
    """Write a table to a Parquet file: a row as it was received."""
    columns = {"date": date_column(table.calendar or EVERY_DAY, table.days)}
    for name, (codes, labels) in zip(SERIES_FIELDS, table.names, strict=True):
        indices = pa.array(codes.astype(np.int32))
        columns[name] = pa.DictionaryArray.from_arrays(indices, pa.array(labels, pa.string()))
    for name, values in table.numbers.items():
        columns[name] = pa.array(values, pa.float64(), from_pandas=True)
    lists = {"declared": "\n".join(table.declared), "ignored": "\n".join(table.ignored)}
    pq.write_table(pa.table(columns).replace_schema_metadata(lists), path, compression="zstd")


def read_table(
    path: Path, declared: tuple[str, ...] = (), calendar: Calendar | None = None
) -> Table:
    """Read a table that `write_table` wrote, or the rows of a data set.

    Args:
        calendar: of the rows, where they are hours or shifts.
        declared: of the rows of a data set: names of columns that are known ahead.
    """
    with pq.ParquetFile(path) as file:
        stored = file.read().unify_dictionaries()
    about = {key: value.decode() for key, value in (stored.schema.metadata or {}).items()}
    if b"declared" in about:
        declared = tuple(name for name in about[b"declared"].split("\n") if name)
    names = []
    for field in SERIES_FIELDS:
        column = stored[field].combine_chunks()
        array = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        codes, labels = array.indices.to_numpy().astype(np.int64), array.dictionary.to_pylist()
        names.append((codes, labels))
    numbers = {
        name: stored[name].to_numpy() for name in stored.column_names if name not in _NO_INPUT
    }
    days = days_of_column(stored["date"], calendar or EVERY_DAY)
    ignored = [name for name in about.get(b"ignored", "").split("\n") if name]
    return Table(days, names, numbers, ignored, declared=declared, calendar=calendar)
