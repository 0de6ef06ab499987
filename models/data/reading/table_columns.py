"""The columns of a table as people write them → names, numbers and days in one known form."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.data.reading import date_format, number_format
from models.data.reading.date_format import UNKNOWN, Dates, Order
from models.data.reading.number_format import Evidence, Mark
from models.data.reading.raw_tables import RawColumn, as_plain
from models.data.reading.spreadsheet_days import Since
from models.data.reading.table_limits import check_series
from models.series.calendar import ORIGIN, day_number
from utils import spreadsheet_text
from utils.api.parsing import shown
from utils.errors import Detail, InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FIRST, _LAST = date(1678, 1, 1), date(2261, 12, 31)
_MOST = 1e12
_EXACT = 2**53  # larger numbers may have been rounded into each other
_LISTED = 20  # wrong cells that an error lists
BLANKS = ["", "NA", "N/A", "n/a", "na", "NaN", "nan", "NAN", "null", "NULL", "None", "none", "nil"]
BLANKS += ["NIL", "-", "--", "---", "–", "—", ".", "?", "n.a.", "N.A.", "n. a.", "k.A.", "k. A."]
BLANKS += ["(null)", "(blank)", "(leer)", "<NA>", "NaT", "\\N", "keine Angabe"]
_ERROR = r"^#(?:[\pL/0-9_]+[!?]?|#+)$"  # #DIV/0!, #N/A, #WERT!, ####


class WrongCells(InvalidInput):
    """Cells that break the rule of their column.

    Attributes:
        cells: (row from 1, column, rule, value) of the first ones.
    """

    cells: tuple[tuple[int, str, str, Any], ...] = ()

    @classmethod
    def at(cls, column: RawColumn, known: str, rule: str, rows: Ints) -> WrongCells:
        """Return the error of cells; its sentence names the first, its details the first ones.

        Args:
            known: the name of the known column.
            rows: places of the wrong cells, from 0.
        """
        cells = [
            (column.row_number(row), known, rule, shown(column.cell(row)))
            for row in rows[:_LISTED].tolist()
        ]
        details = [
            Detail(known, f"{rule}; row {row} has {'none' if v in (None, '') else repr(v)}", v)
            for row, _, _, v in cells
        ]
        more = f" ({len(rows) - 1} more rows.)" if len(rows) > 1 else ""
        error = cls(f"{known}: {details[0].message}{more}", details)
        error.cells = tuple(cells)
        return error


# --- names ------------------------------------------------------------------------------------


def label_codes(
    column: RawColumn, known: str, is_escaped: bool, most: int | None
) -> tuple[Ints, list[str]]:
    """Return the code of each row's name, and the names by code, sorted.

    Args:
        known: the name of the known column.
        is_escaped: names that a spreadsheet would take for formulas have an apostrophe before.
        most: series at most, of which each has a name; None: any number.

    Raises:
        InvalidInput: a row has no name, or one that is too long, holds NUL, or is a number that
            may have been rounded.
        TooLarge: there are more names than series.
    """
    _refuse_odd(column, known, "must be a text")
    values, codes = column.distinct()
    # Names that differ in spaces are one; ten times the limit is more than that explains.
    if most is not None and len(values) > 10 * most:
        check_series(len(values), most)
    blank = np.flatnonzero(codes < 0)
    if blank.size:
        rule = f"must be a name in every row{_fill_hint(blank, len(codes))}"
        raise WrongCells.at(column, known, rule, blank)
    refuse_rounded(column, known)
    raw = values.to_pylist()
    long = next((label for label in raw if len(label) > 200), None)
    if long:
        raise InvalidInput.of(known, "must have at most 200 characters", shown(long))
    nul = next((label for label in raw if "\0" in label), None)
    if nul:
        raise InvalidInput.of(known, "must have no NUL character", shown(nul))
    meant = [spreadsheet_text.plain(label) for label in raw] if is_escaped else raw
    meant = [unicodedata.normalize("NFC", label) for label in meant]
    labels = sorted(set(meant))
    places = {label: place for place, label in enumerate(labels)}
    return np.array([places[label] for label in meant], np.int64)[codes], labels


def _fill_hint(blank: Ints, rows: int) -> str:
    """The choice to name where a value stands in the first row of a block only."""
    in_blocks = blank[0] > 0 and 2 * blank.size >= rows
    return " (fillDown=true takes the one above)" if in_blocks else ""


def refuse_rounded(column: RawColumn, known: str) -> None:
    """Refuse names that came as numbers with more digits than a number keeps.

    Raises:
        InvalidInput: there is one.
    """
    if column.numbers is None or not pa.types.is_floating(column.numbers.type):
        return
    values = column.numbers.drop_null().unique().to_pylist()
    wrong = next((v for v in values if abs(v) >= _EXACT or float(f"{v:.15g}") != v), None)
    if wrong is not None and column.numbers.type == pa.float64():
        rule = "must be sent as a text: a number keeps at most 15 digits"
        raise InvalidInput.of(known, rule, shown(wrong))


def _refuse_odd(column: RawColumn, known: str, rule: str) -> None:
    if column.odd:
        raise WrongCells.at(column, known, rule, np.array(sorted(column.odd)))


def joined(columns: list[RawColumn], separator: str) -> RawColumn:
    """Return a column whose texts are those of several, joined; blank where all are."""
    if len(columns) == 1:
        return columns[0]
    parts = []
    for column in columns:
        _refuse_odd(column, column.name, "must be a text")
        values, rows = column.distinct()
        parts.append(values.take(pa.array(rows, mask=rows < 0)).cast(pa.large_string()))
    sign = pa.scalar(separator, pa.large_string())
    texts, *others = parts
    for part in others:  # null_handling="skip" would leave out the rows in which all are null
        texts = pc.coalesce(pc.binary_join_element_wise(texts, part, sign), texts, part)
    return RawColumn(columns[0].name, texts)


# --- numbers ----------------------------------------------------------------------------------


class NumberColumn:
    """A column of numbers: its texts, of which the format is still to be decided.

    Args:
        column: the cells.
        known: the name of the known column.

    Attributes:
        errors: number of cells that hold an error of a spreadsheet.
    """

    def __init__(self, column: RawColumn, known: str) -> None:
        _refuse_odd(column, known, "must be a number")
        self.column, self.known = column, known
        self.errors = 0
        self._plain: Floats | None = None
        self._texts, self._rows = self._prepared(column.texts)

    def _prepared(self, texts: pa.Array | None) -> tuple[pa.Array | None, Ints | None]:
        """The texts that may be numbers, null where blank; and each row's place among them."""
        if texts is None:
            return None, None
        rows = None
        if pa.types.is_dictionary(texts.type):
            rows = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
            texts = texts.dictionary
            self._plain = as_plain(texts)
        else:
            self._plain = self.column.plain
        if self._plain is not None:  # without blanks
            return texts, rows
        blanks = pc.is_in(texts, value_set=pa.array(BLANKS, texts.type))
        texts = pc.if_else(blanks, pa.scalar(None, texts.type), texts)
        self._plain = as_plain(texts)
        if self._plain is not None:
            return texts, rows
        texts = pc.utf8_trim_whitespace(pc.utf8_normalize(texts, "NFKC"))
        is_error = pc.match_substring_regex(texts, _ERROR)
        drop = pc.or_(is_error, pc.is_in(texts, value_set=pa.array(BLANKS, texts.type)))
        wrong = pc.fill_null(is_error, False).to_numpy(zero_copy_only=False)
        self.errors = int(wrong.sum() if rows is None else np.append(wrong, False)[rows].sum())
        texts = pc.if_else(drop, pa.scalar(None, texts.type), texts)
        self._plain = as_plain(texts)
        return texts, rows

    def evidence(self) -> Evidence | None:
        """Return the evidence for the decimal mark; None if no cell is a text."""
        return None if self._texts is None else Evidence.of(self._texts, self._plain is not None)

    def sample(self, mark: Mark, count: int) -> Floats:
        """Return the first numbers read with a decimal mark, NaN where that is impossible."""
        if self._texts is None:
            return self._numbers()[:count]
        texts = self._texts.slice(0, count)
        if self._rows is not None:
            rows = self._rows[:count]
            texts = self._texts.take(pa.array(rows, mask=rows < 0))
        fits = pc.fill_null(number_format.valid(texts, mark), False)
        read = number_format.parsed(pc.if_else(fits, texts, pa.scalar(None, texts.type)), mark)
        return np.where(np.isnan(read), self._numbers()[:count], read)

    def read(self, mark: Mark) -> Floats:
        """Return the numbers, NaN where blank.

        Raises:
            InvalidInput: a cell holds no number, or one that is too large.
        """
        values = self._numbers()
        if self._texts is not None:
            found = self._plain if mark == "." and self._plain is not None else self._parsed(mark)
            found = found if self._rows is None else np.append(found, np.nan)[self._rows]
            values = (
                found if self.column.numbers is None else np.where(np.isnan(found), values, found)
            )
        wild = np.flatnonzero(np.abs(values) > _MOST)
        if wild.size:
            raise WrongCells.at(self.column, self.known, "must be at most 1e12", wild)
        return values

    def _numbers(self) -> Floats:
        """The cells that are numbers already, NaN for the others."""
        numbers = self.column.numbers
        if numbers is None:
            return np.full(len(self.column), np.nan)
        values: Floats = pc.cast(numbers, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return values

    def _parsed(self, mark: Mark) -> Floats:
        texts: Any = self._texts  # not None: only called then
        fits = pc.fill_null(number_format.valid(texts, mark), True)
        if not pc.all(fits).as_py():
            wrong = ~fits.to_numpy(zero_copy_only=False)
            rows = np.flatnonzero(
                wrong if self._rows is None else np.append(wrong, False)[self._rows]
            )
            if rows.size:
                raise WrongCells.at(self.column, self.known, "must be a number", rows)
        return number_format.parsed(pc.if_else(fits, texts, pa.scalar(None, texts.type)), mark)


# --- days -------------------------------------------------------------------------------------


def days_of(
    column: RawColumn, order: Order | None, of_weeks: bool = False, since: Since | None = None
) -> Dates:
    """Return days since 1970-01-01, and times of day, of a column of dates.

    Raises:
        InvalidInput: a row has no date, or one that cannot be read, or the order of day and month,
            or the first day of numbers of days, cannot be decided.
    """
    _refuse_odd(column, "date", "must be a date")
    values, rows = column.distinct()
    blank = np.flatnonzero(rows < 0)
    if blank.size:
        rule = f"must be given in every row{_fill_hint(blank, len(rows))}"
        raise WrongCells.at(column, "date", rule, blank)
    used = pc.unique(pa.array(rows)).to_numpy() if len(values) else rows
    places = np.full(len(values) + 1, -1)
    places[used] = np.arange(len(used))
    found = date_format.read(values.take(pa.array(used)), order, of_weeks, since)
    days = found.days[places[rows]]
    wrong = np.flatnonzero(days == UNKNOWN)
    if wrong.size:
        rule = "must be ISO 8601 (2024-12-31), 31.12.2024, or another form that all rows have"
        raise WrongCells.at(column, "date", rule, wrong)
    seconds, offsets = (
        None if part is None else part[places[rows]] for part in (found.seconds, found.offsets)
    )
    return Dates(_in_range(days, column, "date"), seconds, found.form, offsets, found.since)


def days_of_numbers(column: RawColumn) -> Ints:
    """Return days since 1970-01-01 of a column of day numbers, counted from ORIGIN.

    Raises:
        InvalidInput: a row has none.
    """
    days = NumberColumn(column, "day").read(".")
    if np.isnan(days).any() or (days % 1 != 0).any() or (np.abs(days) > 1e6).any():
        raise InvalidInput.of("day", "must be a whole number of at most 1,000,000 in every row")
    return _in_range(days.astype(np.int64) + day_number(ORIGIN), column, "day")


def _in_range(days: Ints, column: RawColumn, known: str) -> Ints:
    """Days since 1970-01-01, in the years that timestamps in nanoseconds have."""
    outside = np.flatnonzero((days < day_number(_FIRST)) | (days > day_number(_LAST)))
    if outside.size:
        raise WrongCells.at(column, known, "must lie in the years 1678 to 2261", outside)
    return days
