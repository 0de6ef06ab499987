"""The Parquet file of a data set: its columns, written from series and read back as a panel.

Rows lie series by series, each from its first date to its last without a gap. Unknown numbers are
null. The bytes depend on the rows only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.data.series_rows import SeriesRows
from models.data.stored_dates import date_column, date_type, days_of_column
from models.series.calendar import EVERY_DAY, Calendar
from models.series.known_inputs import KNOWN_COLUMNS
from models.series.panel import SERIES_FIELDS, TARGETS, Panel, SeriesKey
from models.series.plant_calendars import PlantCalendars
from utils.validation import compliance

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NUMBERS = (
    *TARGETS,
    "finished_goods",
    "semi_finished_goods",
    *KNOWN_COLUMNS,
    "littles_law_compliance",
)
EVENT_NUMBERS = (  # of event logs, besides
    "wip_mean",
    "cycle_time_p50",
    "cycle_time_p80",
    "cycle_time_p85",
    "cycle_time_p95",
    "age_mean",
    "age_oldest",
)
_FIXED = {"day", "date", *SERIES_FIELDS, *NUMBERS, *EVENT_NUMBERS}
BATCH_ROWS = 16_384
_SAMPLE = 10_000  # rows that tell if numbers repeat
_NAME_TYPE = pa.dictionary(pa.int32(), pa.string())


class SeriesWriter:
    """Write series to a Parquet file, some at a time; to be used as a context.

    Args:
        path: the file.
        numbers: the names of its columns of numbers: of NUMBERS, EVENT_NUMBERS and others.
        repeating: those in which most numbers occur several times.
        calendar: of the rows; the dates of hours and shifts have times.
    """

    def __init__(
        self,
        path: Path,
        numbers: Iterable[str],
        repeating: Iterable[str] = (),
        calendar: Calendar = EVERY_DAY,
    ) -> None:
        given, order = list(numbers), (*NUMBERS, *EVENT_NUMBERS)
        self._numbers = [name for name in order if name in given]
        self._numbers += [name for name in given if name not in order]
        self._calendar = calendar
        self._schema = pa.schema(
            [("day", pa.int32()), ("date", date_type(calendar))]
            + [(name, _NAME_TYPE) for name in SERIES_FIELDS]
            + [(name, pa.float64()) for name in self._numbers]
        )
        # A dictionary of numbers that hardly repeat costs half of the time, and space; packing
        # them saves next to none.
        encoded = [*SERIES_FIELDS, *repeating]
        packed = dict.fromkeys(("day", "date", *encoded), "zstd")
        packing = dict.fromkeys(self._numbers, "none") | packed
        options: dict[str, Any] = {"compression": packing, "use_dictionary": encoded}
        self._file = pq.ParquetWriter(path, self._schema, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(
        self,
        series_keys: Iterable[SeriesKey],
        lengths: Ints,
        day: Ints,
        date: Ints,
        numbers: dict[str, Floats],
    ) -> None:
        """Append series.

        Args:
            series_keys: plant, application and panel size of each series, [S].
            lengths: rows of each series, [S].
            day: number of each row's step, counted from the first of the data set, [rows].
            date: days of the calendar, [rows].
            numbers: column → values, NaN where unknown, [rows] each.
        """
        columns = {
            "day": pa.array(day, pa.int32()),
            "date": date_column(self._calendar, date),
        }
        series = np.repeat(np.arange(len(lengths)), lengths)
        for name, labels in zip(SERIES_FIELDS, zip(*series_keys, strict=True), strict=True):
            distinct, codes = np.unique(labels, return_inverse=True)
            indices = pa.array(codes[series].astype(np.int32))
            columns[name] = pa.DictionaryArray.from_arrays(indices, pa.array(distinct.tolist()))
        for name in self._numbers:
            columns[name] = pa.array(numbers[name], pa.float64(), from_pandas=True)  # NaN: null
        self._file.write_table(pa.table(columns, self._schema))


def write_panel(
    path: Path, panel: Panel, extras: dict[str, Floats], closed: SeriesRows | None = None
) -> None:
    """Write a panel, and columns that are not forecast, to a Parquet file.

    Args:
        closed: rows of closed days, which are no steps of the panel.
    """
    numbers = dict(zip(TARGETS, panel.values.T, strict=True)) | extras
    series, days, time = panel.series, panel.days, panel.time
    if closed is not None and len(closed.group):
        series, days, numbers = _with_closed(panel, numbers, closed)
    numbers["littles_law_compliance"] = compliance(*(numbers[name] for name in TARGETS))
    number = days if panel.calendar.is_daily else time
    lengths = np.bincount(series, minlength=len(panel.series_keys))
    repeating = [name for name, values in numbers.items() if _repeats(values)]
    with SeriesWriter(path, numbers, repeating, panel.calendar) as writer:
        writer.write(panel.series_keys, lengths, number - number.min(), days, numbers)


def _repeats(values: Floats) -> bool:
    """Return true if most of the first known numbers occur several times."""
    first = values[:_SAMPLE]
    first = first[~np.isnan(first)]
    return len(np.unique(first)) < 0.2 * len(first)


def _with_closed(
    panel: Panel, numbers: dict[str, Floats], closed: SeriesRows
) -> tuple[Ints, Ints, dict[str, Floats]]:
    """Series, days and numbers of the rows of a panel and of closed days, sorted."""
    place = {key: s for s, key in enumerate(panel.series_keys)}
    own = np.array([place.get(key, -1) for key in closed.keys])[closed.group]
    kept = own >= 0
    series = np.concatenate([panel.series, own[kept]])
    days = np.concatenate([panel.days, closed.days[kept]])
    order = np.lexsort((days, series))
    found = {
        name: np.concatenate([values, closed.numbers[name][kept]])[order]
        for name, values in numbers.items()
    }
    return series[order], days[order], found


def read_panel(path: Path, calendar: Calendar, calendars: PlantCalendars | None = None) -> Panel:
    """Read the series of a file as a panel; rows of closed days are no steps of it.

    Args:
        calendar: of the steps.
        calendars: working calendars; None: every day is worked.
    """
    with pq.ParquetFile(path) as file:
        stored = file.schema_arrow.names
        others = [name for name in stored if name in KNOWN_COLUMNS or name not in _FIXED]
        table = file.read(["date", *SERIES_FIELDS, *TARGETS, *others]).unify_dictionaries()
    names = [_codes(table[name]) for name in SERIES_FIELDS]
    changes = [np.diff(codes, prepend=-1) != 0 for codes, _ in names]
    starts = np.flatnonzero(np.any(changes, axis=0))
    plants, applications, sizes = (
        [labels[code] for code in codes[starts].tolist()] for codes, labels in names
    )
    days = days_of_column(table["date"], calendar)
    offsets = np.append(starts, len(table)).astype(np.int64)
    values = np.column_stack([table[name].to_numpy() for name in TARGETS])
    known = {name: table[name].to_numpy() for name in others}
    series_keys = tuple(zip(plants, applications, sizes, strict=True))
    del table, names
    pa.default_memory_pool().release_unused()  # else the library keeps what it took to read
    calendar, lanes = (calendars or PlantCalendars()).applied(calendar, series_keys)
    if lanes is None:
        first = calendar.index(days[starts])
        return Panel(calendar, series_keys, offsets, first, values, known=known)
    lane, until = np.repeat(lanes, np.diff(offsets)), days[offsets[1:] - 1]
    is_open = calendar.is_open(days, lane)
    offsets = np.concatenate([[0], np.cumsum(is_open)])[offsets]
    days, values = days[is_open], values[is_open]
    known = {name: column[is_open] for name, column in known.items()}
    first = calendar.index(days[offsets[:-1]], lanes)
    return Panel(calendar, series_keys, offsets, first, values, lanes, until, known)


def _codes(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """The code of each row, and the label of each code."""
    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    return array.indices.to_numpy().astype(np.int64), array.dictionary.to_pylist()


def plant_peaks(path: Path) -> dict[str, float]:
    """Return the highest throughput of each plant in any step, its series added up."""
    parts = []
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=["plant", "day", "throughput"]):
            rows = pa.table({name: decoded(batch.column(name)) for name in batch.schema.names})
            parts.append(_totals(rows))
    if not parts:
        return {}
    highest = _totals(pa.concat_tables(parts)).group_by("plant").aggregate([("throughput", "max")])
    return {row["plant"]: row["throughput_max"] for row in highest.to_pylist()}


def _totals(rows: pa.Table) -> pa.Table:
    """The sums of throughput by plant and day."""
    sums = rows.group_by(["plant", "day"]).aggregate([("throughput", "sum")])
    columns = [sums["plant"], sums["day"], sums["throughput_sum"]]
    return pa.table(columns, ["plant", "day", "throughput"])


def decoded(column: pa.Array) -> pa.Array:
    """Return a column without a dictionary."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
