"""A table as it was read, before its columns are known: names as written, texts and numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from utils.api.parsing import shown
from utils.errors import InvalidInput

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class RawColumn:
    """A column: texts that are still to be read, numbers, or some of both.

    Attributes:
        name: as it is written.
        texts: null where the cell is blank or a number; None: no cell is a text.
        numbers: of whole numbers or floats, null where the cell is blank or a text; None: no cell
            is a number.
        odd: row → value, of cells that are neither (true, a list).
        unit: of the numbers, if the file states one.
        places: of the rows in the file, from 0; None: all of them, in order.
    """

    name: str
    texts: Any = None  # of Arrow, in one piece or in several; mypy knows no parts of it
    numbers: Any = None
    odd: dict[int, Any] = field(default_factory=dict)
    unit: str = ""
    places: Ints | None = None

    @classmethod
    def of(cls, name: str, values: Sequence[Any]) -> RawColumn:
        """Return a column of values as JSON has them."""
        kinds = {type(value) for value in values}
        if kinds <= {str, type(None)}:
            return cls(name, pa.array(values, pa.large_string()))
        texts = [value if isinstance(value, str) else None for value in values]
        numbers = [value if type(value) in (int, float) else None for value in values]
        odd = {
            row: value
            for row, value in enumerate(values)
            if value is not None and not isinstance(value, str) and numbers[row] is None
        }
        return cls(name, pa.array(texts, pa.large_string()), _numbers(numbers), odd)

    def __len__(self) -> int:
        return len(self.texts if self.texts is not None else self.numbers)

    def distinct(self) -> tuple[pa.Array, Ints]:
        """Return the distinct texts, trimmed, and each row's place among them, −1 if it is blank.

        Numbers are written as people do: 15 for 15.0. Of a text that occurs a million times there
        is one. They are looked for once.
        """
        return self._distinct

    @cached_property
    def _distinct(self) -> tuple[pa.Array, Ints]:
        texts = self.texts
        if self.numbers is not None:
            written = written_numbers(self.numbers)
            texts = written if texts is None else pc.coalesce(texts, written)
        encoded = in_one_piece(texts.dictionary_encode())
        values = pc.utf8_trim_whitespace(encoded.dictionary)
        rows = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        if len(values) and pc.any(pc.equal(values, "")).as_py():
            blank = np.append(pc.equal(values, "").to_numpy(zero_copy_only=False), True)
            rows = np.where(blank[rows], -1, rows)
        return values, rows

    @cached_property
    def plain(self) -> Floats | None:
        """The texts as numbers, if all are in the form of programs; texts that repeat never are."""
        repeat = self.texts is None or pa.types.is_dictionary(self.texts.type)
        return None if repeat else as_plain(self.texts)

    def as_array(self) -> pa.Array:
        """Return the numbers if there are no texts, else all cells as texts, null if blank."""
        if self.texts is None or (self.numbers is not None and self.texts.null_count == len(self)):
            return self.numbers
        if self.numbers is None:
            return self.texts
        values, rows = self.distinct()
        return values.take(pa.array(rows, mask=rows < 0))

    def is_blank(self) -> Bools:
        """Return which cells hold neither text nor number, [n]."""
        return self.distinct()[1] < 0

    def taken(self, rows: Ints) -> RawColumn:
        """Return the column with these rows only."""
        texts, numbers = (
            None if part is None else part.take(pa.array(rows))
            for part in (self.texts, self.numbers)
        )
        odd = {new: self.odd[old] for new, old in enumerate(rows.tolist()) if old in self.odd}
        return replace(self, texts=texts, numbers=numbers, odd=odd, places=rows)

    def filled_down(self) -> RawColumn:
        """Return the column with the value above in place of each blank; the first ones stay."""
        blank = self.is_blank()
        blank[list(self.odd)] = False
        rows = np.maximum.accumulate(np.where(blank, 0, np.arange(len(blank))))
        return replace(self.taken(rows), places=self.places)

    def row_number(self, row: int) -> int:
        """Return the number of a row in the file, from 1."""
        return int(row if self.places is None else self.places[row]) + 1

    def cell(self, row: int) -> Any:
        """Return the value of a cell."""
        if row in self.odd:
            return self.odd[row]
        found = [part[row].as_py() for part in (self.texts, self.numbers) if part is not None]
        return next((value for value in found if value is not None), None)


def _numbers(values: list[Any]) -> pa.Array | None:
    if all(value is None for value in values):
        return None
    try:
        return pa.array(
            values, None if all(isinstance(v, int | None) for v in values) else pa.float64()
        )
    except (pa.ArrowException, OverflowError):  # whole numbers of more than 64 bits, or floats too
        return pa.array([None if v is None else float(v) for v in values], pa.float64())


def in_one_piece(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column of several pieces in one."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    joined = column.unify_dictionaries().combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined


def as_plain(texts: pa.Array) -> Floats | None:
    """Return texts as numbers if all are in the form of programs: 4500.5; None if not."""
    try:
        numbers: Floats = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return numbers


def written_numbers(numbers: pa.Array) -> pa.Array:
    """Return numbers as texts, each distinct one written once: 15 for 15.0."""
    encoded = numbers.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    if numbers.type == pa.float32():  # as written with its own precision: 15.6
        values = [float(str(np.float32(value))) for value in values]
    texts = [label_of(value) for value in values]
    return pa.array(texts, pa.large_string()).take(encoded.indices)


def label_of(value: Any) -> str:
    """Return the name that a cell holds: a number as people write it, without spaces around it.

    >>> label_of(15.0), label_of(" A ")
    ('15', 'A')
    """
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip()


@dataclass(frozen=True)
class RawTable:
    """The columns of a table, and what had to be assumed to read it.

    Attributes:
        names: of the columns, as they are written, in order.
        rows: number of rows, blank ones too.
        load: positions of columns → the columns; those of a Parquet file are read only now.
        read_as: what was assumed: `format`, `encoding`, `separator`, `sheet`, `header_row`.
        warnings: sentences for the reply.
        is_escaped: names that a spreadsheet would take for formulas have an apostrophe before.
        check_series: positions of the columns of names, most series → TooLarge if there are more;
            None: they are counted after they are read.
        nested: positions of columns that hold lists or structures, which cannot be loaded.
        release: to be called where no column is loaded any more, for their memory.
        typed: positions of columns → the columns in the types that the file states; None: they are
            texts and numbers.
    """

    names: list[str]
    rows: int
    load: Callable[[Sequence[int]], list[RawColumn]]
    read_as: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    is_escaped: bool = False
    check_series: Callable[[Sequence[int], int], None] | None = None
    nested: frozenset[int] = frozenset()
    release: Callable[[], None] = lambda: None
    typed: Callable[[Sequence[int]], list[pa.Array]] | None = None

    def arrays(self, positions: Sequence[int]) -> list[pa.Array]:
        """Return columns as arrays: of the types that the file states, else of texts or numbers.

        Raises:
            InvalidInput: a cell is neither a text nor a number.
        """
        if self.typed:
            return self.typed(positions)
        columns = self.load(positions)
        for column in columns:
            for row, value in column.odd.items():
                rule = f"must be a text or a number; row {column.row_number(row)} has another value"
                raise InvalidInput.of(column.name, rule, shown(value))
        return [column.as_array() for column in columns]
