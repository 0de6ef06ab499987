"""Tables as people have them (CSV, spreadsheets, Parquet, JSON) → columns of one known form."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.reading import durations, json_tables, raw_files, table_columns, table_limits
from models.data.reading.cell_units import without_units
from models.data.reading.column_mapping import ALL, Mapping, check_declared
from models.data.reading.column_names import NUMBERS, SHIFT
from models.data.reading.date_columns import dates_of, with_year, zone_warnings
from models.data.reading.date_format import Dates
from models.data.reading.number_format import FORMATS, NAMES, Mark, decide
from models.data.reading.raw_files import NO_OPTIONS
from models.data.reading.raw_tables import RawColumn, RawTable
from models.data.reading.several_rows import Rows, one_a_day
from models.data.reading.shift_names import with_times
from models.data.reading.similar_names import similar_names
from models.data.reading.table_columns import NumberColumn
from models.data.reading.table_parts import expect_parts, in_parts, parts_of
from models.data.reading.table_rows import left_out
from models.data.reading.table_steps import calendar_of
from models.data.reading.table_units import converted, expect_as_stated, law_ratio
from models.data.reading.total_names import total_warnings
from models.series.calendar import Calendar, Step
from models.series.panel import SERIES_FIELDS
from utils.api.upload_options import ReadOptions, UploadOptions
from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_DAYS_OF_TIMES = (
    "Rows at several times of a day were put together to days. step=hour keeps them apart, or "
    "step=shift with the times at which shifts begin, as in shifts=06:00,14:00,22:00."
)
_SAMPLE = 5000  # rows by which Little's Law tells the number format


@dataclass(frozen=True)
class Table:
    """Rows in the order they came, [n] each.

    `days` counts from 1970-01-01; of hours and shifts it is the number of the part of the day
    (`models.series.day_parts`). `names` holds, for plant, application and panel size, the
    code of each row and the label of each code. `numbers` holds floats, NaN where blank.
    `seconds` is the time of day, None where no time is given. `read_as` holds what was assumed.
    `calendar` is the one that the request states the step of, or of hours and shifts; None: it is
    recognised. The numbers
    of `declared` are known ahead.
    """

    days: Ints
    names: list[tuple[Ints, list[str]]]
    numbers: dict[str, Floats]
    ignored: list[str]
    seconds: Ints | None = None
    read_as: dict[str, Any] = field(default_factory=dict)
    calendar: Calendar | None = None
    declared: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.days)

    @property
    def possible_series(self) -> int:
        """Number of series that the names can form."""
        return math.prod(len(labels) for _, labels in self.names)

    @cached_property
    def series(self) -> Ints:
        """The number of each row's series, [n]; by it, series are sorted by their names."""
        (a, _), (b, applications), (c, sizes) = self.names
        return (a * len(applications) + b) * len(sizes) + c


def read_file(
    path: Path,
    max_rows: int,
    max_bytes: int,
    max_series: int | None = None,
    options: UploadOptions = NO_OPTIONS,
    calendar: Calendar | None = None,
    declared: Sequence[str] = (),
) -> Table:
    """Read CSV, a spreadsheet, Parquet or JSON rows, recognised by content; text also gzipped.

    Unknown columns are ignored, and listed in `ignored`.

    Args:
        max_series: series at most; None: any number.
        options: as the request states them; what is not given is recognised.
        calendar, declared: as of `read_rows`.

    Raises:
        BadRequest: the content is broken.
        UnsupportedMedia: it is none of these kinds.
        InvalidInput: a column is missing, a value cannot be read, or a choice is needed; the
            sentence names it.
        TooLarge: more rows, series, or bytes when unpacked, than allowed.
    """
    with raw_files.opened(path, max_rows, max_bytes, options) as raw:
        return table_of(raw, options, False, max_series, calendar, declared)


def read_rows(
    rows: Iterable[Any],
    max_rows: int,
    strict: bool = True,
    max_series: int | None = None,
    options: ReadOptions = NO_OPTIONS,
    calendar: Calendar | None = None,
    declared: Sequence[str] = (),
) -> Table:
    """Read rows that are JSON objects.

    Args:
        strict: refuse unknown fields.
        max_series: series at most; None: any number.
        options: as the request states them.
        calendar: of the rows, if it is known; else it is recognised, and every date must lie on
            its grid.
        declared: names of further columns of numbers, whose values are known ahead.

    Raises:
        InvalidInput, TooLarge: as `read_file`.
    """
    raw = json_tables.of_rows(list(rows), max_rows, {"format": "json"})
    return table_of(raw, options, strict, max_series, calendar, declared)


def table_of(
    raw: RawTable,
    options: ReadOptions = NO_OPTIONS,
    strict: bool = False,
    max_series: int | None = None,
    calendar: Calendar | None = None,
    declared: Sequence[str] = (),
) -> Table:
    """Return the table that raw columns mean.

    Raises:
        InvalidInput, TooLarge: as `read_file`.
    """
    check_declared(declared)
    parts = parts_of(options, calendar)
    by_shift = parts is not None and parts.step is Step.SHIFT
    mapping = with_year(raw, Mapping.of(raw.names, options.named, strict, declared, by_shift))
    if not raw.rows:
        raise InvalidInput.of("rows", "must have at least one row")
    if raw.check_series and max_series is not None:
        named = [place for name in SERIES_FIELDS for place in mapping.places.get(name, [])]
        raw.check_series(named, max_series)
    columns, kept, read_as = _known_columns(raw, mapping)
    if options.fill_down:
        columns, read_as = _filled_down(columns, read_as)
    since = options.dates_since or ("1900" if "sheet" in raw.read_as else None)
    dates = dates_of(columns, mapping, raw.names, options.date_order, since)
    dates, shift_times = with_times(dates, columns.get(SHIFT), parts, options)
    read_as |= {"shift_names": shift_times} if shift_times else {}
    days, seconds = in_parts(dates, parts)
    names = _names(columns, len(dates.days), raw.is_escaped, max_series)
    own = {name: each.unit for name, each in columns.items() if each.unit}
    expect_as_stated(own, options.units)
    units = mapping.units | own
    numbers, formats = _numbers(columns, units, options, declared)
    formats["dates"] = {"form": dates.form, "has_offset": dates.offsets is not None}
    formats |= {"dates_since": dates.since} if dates.since else {}
    ignored = [raw.names[place] for place in mapping.ignored]
    table = Table(days, names, numbers, ignored, seconds, read_as | formats, parts)
    table = replace(table, declared=tuple(declared))
    if max_series is not None and table.possible_series > max_series:
        table_limits.check_series(len(np.unique(table.series)), max_series)

    def others() -> list[RawColumn]:
        found = raw.load([place for place in mapping.ignored if place not in raw.nested])
        return found if kept is None else [column.taken(kept) for column in found]

    read_as["warnings"] += zone_warnings(dates)
    table = _with_one_row_a_day(table, dates, options, others)
    return _in_units(table, units, options, calendar)


def _known_columns(
    raw: RawTable, mapping: Mapping
) -> tuple[dict[str, RawColumn], Ints | None, dict[str, Any]]:
    """The known columns, the places of their rows if some were left out, and what was assumed."""
    wanted = list(dict.fromkeys(chain.from_iterable(mapping.places.values())))
    loaded = dict(zip(wanted, raw.load(wanted), strict=True))
    columns = {
        name: table_columns.joined([loaded[i] for i in places], " " if name == "date" else " / ")
        for name, places in mapping.places.items()
    }
    written = {}
    for name in NUMBERS:
        if name in columns:
            columns[name], written[name] = without_units(columns[name], name)
    if "cycle_time" in columns:
        given = columns["cycle_time"]
        columns["cycle_time"] = durations.as_numbers(given)
        if columns["cycle_time"] is not given:
            written["cycle_time"] = "durations"
    kept, skipped = left_out(raw, mapping, columns)
    if kept is not None:
        columns = {name: column.taken(kept) for name, column in columns.items()}
    read_as = raw.read_as | {"rows": raw.rows, "columns": mapping.written(raw.names)}
    read_as |= {"filled": dict.fromkeys(mapping.filled, ALL)} if mapping.filled else {}
    read_as |= {"skipped_rows": skipped} if skipped else {}
    cell_units = {name: unit for name, unit in written.items() if unit}
    read_as |= {"cell_units": cell_units} if cell_units else {}
    read_as["warnings"] = raw.warnings + mapping.warnings
    return columns, kept, read_as


def _filled_down(
    columns: dict[str, RawColumn], read_as: dict[str, Any]
) -> tuple[dict[str, RawColumn], dict[str, Any]]:
    """The columns, names and dates in place of the blanks below them, and what was assumed."""
    filled, counts = dict(columns), {}
    for name in ("date", *SERIES_FIELDS):
        if name in columns and (count := int(columns[name].is_blank().sum())):
            filled[name], counts[name] = columns[name].filled_down(), count
    return filled, read_as | ({"filled_down": counts} if counts else {})


def _names(
    columns: dict[str, RawColumn], rows: int, is_escaped: bool, max_series: int | None
) -> list[tuple[Ints, list[str]]]:
    return [
        table_columns.label_codes(columns[name], name, is_escaped, max_series)
        if name in columns
        else (np.zeros(rows, np.int64), [ALL])
        for name in SERIES_FIELDS
    ]


def _numbers(
    columns: dict[str, RawColumn],
    units: dict[str, str],
    options: ReadOptions,
    declared: Sequence[str],
) -> tuple[dict[str, Floats], dict[str, Any]]:
    """The numbers by column, and what was assumed to read them."""
    found = {
        name: NumberColumn(columns[name], name) for name in (*NUMBERS, *declared) if name in columns
    }
    evidence = {name: each for name, column in found.items() if (each := column.evidence())}

    def deviation(marks: dict[str, Mark]) -> float:
        sample = {name: each.sample(marks.get(name, "."), _SAMPLE) for name, each in found.items()}
        # Of steps of days; weeks and months differ by less than decimal marks do.
        ratio = law_ratio(converted(sample, Calendar(), units, options.units)[0])
        return abs(math.log(ratio)) if ratio > 0 else math.nan

    stated = FORMATS[options.number_format] if options.number_format else None
    marks = decide(evidence, stated, deviation)
    numbers = {name: column.read(marks.get(name, ".")) for name, column in found.items()}
    formats = {name: NAMES[mark] for name, mark in marks.items() if evidence[name].tells}
    used = set(formats.values())
    note: dict[str, Any] = {}
    if used:
        note["number_format"] = used.pop() if len(used) == 1 else formats
    errors = {name: column.errors for name, column in found.items() if column.errors}
    return numbers, note | ({"error_cells": errors} if errors else {})


def _with_one_row_a_day(
    table: Table,
    dates: Dates,
    options: ReadOptions,
    others: Callable[[], list[RawColumn]],
) -> Table:
    written = table.read_as["columns"].get("date", "date")
    written = written if isinstance(written, str) else written[0]
    rows = Rows(table.series, table.days, dates.instants, table.numbers, dates.days, written)
    merged = one_a_day(rows, options.duplicates, others)
    if merged is None:
        return table
    read_as = table.read_as | {"several_rows": merged.note}
    if merged.note["taken_as"] == "times" and options.step is None and table.calendar is None:
        read_as["warnings"] = [*read_as["warnings"], _DAYS_OF_TIMES]
    if merged.places is None:
        return replace(table, read_as=read_as)
    names = [(codes[merged.places], labels) for codes, labels in table.names]
    days = table.days[merged.places]
    return replace(
        table, days=days, names=names, numbers=merged.numbers, seconds=None, read_as=read_as
    )


def _in_units(
    table: Table,
    units: dict[str, str],
    options: ReadOptions,
    calendar: Calendar | None,
) -> Table:
    """The table in units per step and in steps, with what else there is to state."""
    stated = Step(options.step) if options.step else None
    calendar = table.calendar or calendar or calendar_of(table.days, table.series, stated)
    step, kept = calendar.step, calendar if stated or calendar.begins else None
    if stated and calendar.begins:
        expect_parts(table.days, table.series, calendar)
    numbers, notes, warnings = converted(table.numbers, calendar, units, options.units)
    read_as = table.read_as | {"step": str(step)} | ({"units": notes} if notes else {})
    totals = total_warnings(table.names, table.days, table.numbers["wip"])
    read_as["warnings"] = table.read_as["warnings"] + warnings + totals
    if alike := similar_names([labels for _, labels in table.names]):
        read_as["similar_names"] = alike
    return replace(table, numbers=numbers, read_as=read_as, calendar=kept)
