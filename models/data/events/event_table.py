"""A table as it was received → an event log, and sentences about how it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.data.events.event_log import OPEN, EventLog, Labels, Rules, check
from models.data.events.event_times import DateOrder, read_times
from models.data.reading import table_limits
from models.data.reading.cell_units import without_units
from models.data.reading.event_columns import is_of_states, roles_of
from models.data.reading.number_format import Mark, decide
from models.data.reading.raw_tables import RawColumn
from models.data.reading.spreadsheet_days import Since
from models.data.reading.table_columns import BLANKS, NumberColumn, refuse_rounded
from models.series.panel import SERIES_FIELDS
from utils import spreadsheet_text
from utils.api.parsing import shown, unknown
from utils.errors import InvalidInput

Floats = NDArray[np.float64]

NO_NAME = "all"  # of a plant, application or panel size that the log does not state
_NOT_STARTED = (
    "backlog", "todo", "to do", "open", "new", "created", "planned", "draft", "neu", "offen",
    "geplant",
)  # fmt: skip
_LEFT = (
    "done", "closed", "resolved", "finished", "complete", "completed", "delivered", "shipped",
    "cancelled", "canceled", "rejected", "discharged", "fertig", "erledigt", "abgeschlossen",
    "geliefert",
)  # fmt: skip


@dataclass(frozen=True)
class LogOptions:
    """Choices of a request about an event log.

    Attributes:
        columns: role → name of the column, None for one that is not to be read; None: recognised.
        date_order: of day and month; None: decided by all values.
        finish_steps: steps or states with which a unit has left; None: see `Rules`.
        waiting_states: states in which a unit has not come yet; None: the usual names.
        dates_since: first year of dates that are numbers of days; None: decided by all values.
        decimal_mark: of quantities in texts; None: recognised.
        rules: of the log that the rows are added to; None: it is a log of its own.
        joined: role → names of several columns whose texts are joined.
    """

    columns: Mapping[str, str | None] | None = None
    date_order: DateOrder | None = None
    finish_steps: Sequence[str] | None = None
    waiting_states: Sequence[str] | None = None
    decimal_mark: Mark | None = None
    dates_since: Since | None = None
    rules: Rules | None = None
    joined: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadLog:
    """An event log and how it was read.

    Attributes:
        log: the rows, sorted.
        columns: role → column that was read.
        ignored: the other columns.
        date_order: that was taken for dates such as 3/4/2024; None: there were none.
    """

    log: EventLog
    columns: dict[str, str]
    ignored: list[str]
    date_order: DateOrder | None


def roles(names: Sequence[str], options: LogOptions) -> dict[str, str] | None:
    """Return role → column of a table that is an event log; None: it is none.

    Raises:
        InvalidInput: a column is missing, or two could be the same.
    """
    others = {name for joined in options.joined.values() for name in joined[1:]}
    found = roles_of([name for name in names if name not in others], options.columns)
    if found is not None and (missing := sorted(others - set(names))):
        rule = f"names {missing[0]!r}, which {unknown(missing[0], set(names))}"
        raise InvalidInput.of("columns", rule)
    return found


def read_log(
    table: list[pa.Table],
    found: dict[str, str],
    options: LogOptions,
    csv: bool = False,
    max_series: int | None = None,
) -> ReadLog:
    """Read the rows of a table as an event log.

    Args:
        table: a list with the table alone, which is taken out: it is large.
        found: role → column, as `roles` returns it.
        csv: the table is of a CSV file, in which formulas are escaped.
        max_series: series at most; None: any number.

    Raises:
        InvalidInput: a value cannot be read, or rows contradict each other.
        TooLarge: there are more series than allowed.
    """
    columns = _columns(table, found)
    changes = "start" not in found
    timed = ["time"] if changes else ["start", "finish"]
    texts = {found[role]: columns.pop(role) for role in timed}
    times, order = read_times(texts, options.date_order, options.dates_since)
    del texts
    start = times[found[timed[0]]]
    _refuse_blank(found[timed[0]], start == OPEN, "must be given in every row")
    step = _labels(found["step"], columns.pop("step"), csv) if "step" in columns else None
    log = EventLog(
        unit=_units(found["unit"], columns.pop("unit")),
        start=start,
        finish=np.full(len(start), OPEN) if changes else times[found["finish"]],
        names=[
            _labels(found[name], columns.pop(name), csv)
            if name in columns
            else (np.zeros(len(start), np.int64), [NO_NAME])
            for name in SERIES_FIELDS
        ],
        step=step,
        quantity=_quantity(found, columns, options.decimal_mark),
        rules=_rules(step, found, options, changes),
    )
    pa.default_memory_pool().release_unused()
    if max_series is not None:
        table_limits.check_series(len(np.unique(log.series)), max_series)
    check(log, found)
    log = log.sorted()
    pa.default_memory_pool().release_unused()  # else the library keeps what it took to compare
    return ReadLog(log, found, [], order)


def _columns(table: list[pa.Table], found: dict[str, str]) -> dict[str, pa.Array]:
    """The columns by role, taken out of the list: each is dropped as soon as it is read."""
    whole = table.pop()
    if not len(whole):
        raise InvalidInput.of("rows", "must have at least one row")
    return {role: _whole(whole[name]) for role, name in found.items()}


def _whole(column: Any) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _refuse_blank(name: str, blank: NDArray[np.bool_], rule: str) -> None:
    rows = np.flatnonzero(blank)
    if rows.size:
        more = f", and so do {rows.size - 1:,} more" if rows.size > 1 else ""
        raise InvalidInput.of(name, f"{rule}; row {int(rows[0]) + 1} has none{more}")


def _texts(name: str, column: pa.Array) -> pa.Array:
    """Texts without spaces around them; null where blank. 15.0 is 15."""
    if pa.types.is_floating(column.type):
        refuse_rounded(RawColumn(name, numbers=column), name)
        whole = pc.all(pc.equal(pc.floor(column), column)).as_py()
        column = column.cast(pa.int64()) if whole else column
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.is_in(text, pa.array(BLANKS)), pa.scalar(None, pa.string()), text)


def _units(name: str, column: pa.Array) -> pa.Array:
    text = _texts(name, column)
    _refuse_blank(name, pc.is_null(text).to_numpy(False), "must be given in every row")
    long = pc.max(pc.utf8_length(text)).as_py()
    if long > 200:
        raise InvalidInput.of(name, "must have at most 200 characters", long)
    return text


def _labels(name: str, column: pa.Array, csv: bool) -> Labels:
    """The code of each row's name, and the names by code, sorted."""
    encoded = _texts(name, column).dictionary_encode()
    _refuse_blank(name, pc.is_null(encoded.indices).to_numpy(False), "must be a name in every row")
    raw = encoded.dictionary.to_pylist()
    wrong = next((text for text in raw if len(text) > 200 or "\0" in text), None)
    if wrong is not None:
        raise InvalidInput.of(name, "must have at most 200 characters and no NUL", shown(wrong))
    meant = [spreadsheet_text.plain(text) for text in raw] if csv else raw
    labels = sorted(set(meant))
    place = {label: code for code, label in enumerate(labels)}
    codes = np.array([place[text] for text in meant], np.int64)
    return codes[encoded.indices.to_numpy()], labels


def _read_numbers(column: RawColumn, mark: Mark | None) -> Floats:
    """The numbers of texts, in the format that they show or the request states."""
    numbers = NumberColumn(column, column.name)
    evidence = numbers.evidence()
    marks = decide({column.name: evidence} if evidence else {}, mark)
    return numbers.read(marks.get(column.name, "."))


def _quantity(
    found: dict[str, str], columns: dict[str, pa.Array], mark: Mark | None
) -> Floats | None:
    if "quantity" not in columns:
        return None
    name, column = found["quantity"], columns["quantity"]
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts, _ = without_units(RawColumn(name, column.cast(pa.large_string())), "quantity")
        values = _read_numbers(texts, mark)
    else:
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    _refuse_blank(name, np.isnan(values), "must be a number in every row")
    wrong = np.flatnonzero((values <= 0) | (values > 1e9))
    if wrong.size:
        rule = f"must be above 0 and at most 1e9; row {int(wrong[0]) + 1} has {values[wrong[0]]:g}"
        raise InvalidInput.of(name, rule, float(values[wrong[0]]))
    return np.asarray(values)


def _rules(step: Labels | None, found: dict[str, str], options: LogOptions, changes: bool) -> Rules:
    """The rules of a log: as the request states them, or by the usual names of states."""
    if options.rules is not None:
        return options.rules
    known = [] if step is None else step[1]
    for option, given in (
        ("finishSteps", options.finish_steps),
        ("waitingStates", options.waiting_states),
    ):
        missing = [name for name in given or () if name not in known]
        if missing:
            rule = f"must be among the steps of the log: {', '.join(known[:20]) or 'it has none'}"
            raise InvalidInput.of(option, rule, missing[0])
    if not changes:
        return Rules(False, tuple(options.finish_steps or ()))
    left = options.finish_steps
    if left is None:
        left = [name for name in known if name.strip().lower() in _LEFT]
    if not left:
        raise InvalidInput.of(
            "finishSteps",
            f"is required: which states of {found['step']!r} mean that a unit has left? They are "
            f"{', '.join(known[:20])}",
        )
    waiting = options.waiting_states
    if waiting is None and is_of_states(found["step"]):
        waiting = [name for name in known if name.strip().lower() in _NOT_STARTED]
    return Rules(True, tuple(left), tuple(waiting or ()))
