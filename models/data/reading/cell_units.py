"""Units written in the cells of a column of numbers: 120 pcs, 3.5 days, 1 200 Stk, 45 %.

>>> column, unit = without_units(RawColumn.of("CT", ["12 h", "7 h", "-", None]), "cycle_time")
>>> column.texts.to_pylist(), column.unit, unit
(['12', '7', '-', None], 'hours', 'h')
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from models.data.reading.column_names import is_unit, unit_of
from models.data.reading.raw_tables import RawColumn
from models.series.known_inputs import CAPACITY
from utils.errors import Detail, InvalidInput

_MAYBE = r"\d\W?[\pL%]"
_CELL = r"^(?P<number>[+\-\x{2212}]?[.,]?\d[\d.,'\x{2019} ]*?) ?(?P<unit>[\pL%][^\d]{0,30})$"
_BARE = r"^[+\-\x{2212}]?[.,]?\d[\d.,'\x{2019} ]*$"
_TIMES = ("seconds", "minutes", "hours", "days", "weeks", "months")


def without_units(column: RawColumn, known: str) -> tuple[RawColumn, str]:
    """Return a column of numbers without the unit in its cells, and the unit as it is written.

    A column without units comes back as it is, as does one of cycle times in several units, each
    of which is a duration. A zero needs no unit, nor do pieces.

    Args:
        known: the name of the known column.

    Raises:
        InvalidInput: the cells have several units, or one that the column cannot have.
    """
    if column.plain is not None or not _may_have_units(column):
        return column, ""
    values, rows = column.distinct()
    values = pc.utf8_normalize(values, "NFKC")
    found = pc.extract_regex(values, pattern=_CELL)
    written = pc.fill_null(pc.struct_field(found, "unit"), "").to_pylist()
    written = [unit if is_unit(unit) else "" for unit in written]
    kinds = {_kind(unit): unit for unit in written if unit}
    if not kinds:
        return column, ""
    meanings = {unit_of(unit) for unit in kinds.values()}
    if known == "cycle_time" and len(kinds) > 1 and meanings <= {*_TIMES}:
        return column, ", ".join(sorted(kinds.values()))
    bare = pc.match_substring_regex(values, _BARE).to_pylist()
    bare_cells = [v for v, is_bare in zip(values.to_pylist(), bare, strict=True) if is_bare]
    amounts = [text for text in bare_cells if text.strip("+-0., ")]
    others = amounts[:1] if meanings != {""} else []
    _expect_one(known, [*kinds.values(), *others], column)
    unit = next(iter(kinds.values()))
    _expect_fitting(known, unit)
    numbers = pc.struct_field(found, "number")
    has_unit = pa.array([bool(each) for each in written])
    texts = pc.if_else(has_unit, numbers, values).take(pa.array(rows, mask=rows < 0))
    bare_column = replace(column, texts=texts, numbers=None, unit=unit_of(unit))
    return bare_column, unit


def _may_have_units(column: RawColumn) -> bool:
    texts = column.texts
    if texts is None or column.odd:
        return False
    texts = texts.dictionary if pa.types.is_dictionary(texts.type) else texts
    return bool(pc.any(pc.match_substring_regex(texts, _MAYBE)).as_py())


def _kind(unit: str) -> str:
    """A text that is the same for spellings of one unit: day and days, but not lots and wafers."""
    return unit_of(unit) or unit.casefold().strip(" .").removesuffix("s")


def _expect_one(known: str, examples: list[str], column: RawColumn) -> None:
    """Raise InvalidInput if there are cells of several units, or some without one."""
    if len(examples) > 1:
        a, b = examples[:2]
        other = f"some are without a unit, {b!r} say" if b[:1].isdigit() else f"some are in {b!r}"
        rule = f"must have one unit: some cells of {column.name!r} are in {a!r}, {other}"
        raise InvalidInput(f"{known}: {rule}.", [Detail(known, rule, b)])


def _expect_fitting(known: str, unit: str) -> None:
    """Raise InvalidInput if a column cannot have a unit: days of WIP, pieces of cycle time."""
    meaning = unit_of(unit)
    if known == "cycle_time":
        fits, wanted = meaning in (*_TIMES, "steps"), "a time, days say"
    elif known == CAPACITY:
        fits, wanted = meaning in ("", "percent"), "pieces or %"
    else:
        fits, wanted = meaning == "" or meaning.startswith("per "), "pieces"
    if not fits:
        rule = f"must be in {wanted}; its cells are in {unit!r}"
        raise InvalidInput(f"{known}: {rule}.", [Detail(known, rule, unit)])
