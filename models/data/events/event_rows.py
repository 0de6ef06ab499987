"""Rows of a file that are no rows of an event log: blank ones, and those that repeat the names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Flags = NDArray[np.bool_]

_LISTED = 20  # rows


def without_other_rows(
    columns: Mapping[str, pa.Array], times: list[str]
) -> tuple[dict[str, pa.Array], dict[str, Any]]:
    """Return the columns without rows of other kinds, and those rows by kind.

    Args:
        columns: name of each column → its cells.
        times: names of the columns of times; rows in which all of them have a value that is not
            their name are not looked at.

    >>> found = {"lot": pa.array(["1", None]), "start": pa.array(["2024-01-01", ""])}
    >>> without_other_rows(found, ["start"])[1]
    {'blank': 1}
    """
    begin = columns[times[0]]
    if not (_are_blank(begin).any() or _are_names(begin, times[0]).any()):
        return dict(columns), {}
    blank = np.logical_and.reduce([_are_blank(cells) for cells in columns.values()])
    names = np.logical_and.reduce([_are_names(columns[name], name) for name in times])
    kept = pa.array(np.flatnonzero(~(blank | names)))
    if not len(kept):
        return dict(columns), {}
    found = {name: cells.take(kept) for name, cells in columns.items()}
    rows = (np.flatnonzero(names)[:_LISTED] + 1).tolist()
    skipped = {"blank": int(blank.sum()), "names": rows}
    return found, {kind: which for kind, which in skipped.items() if which}


def _are_blank(cells: pa.Array) -> Flags:
    missing = pc.is_null(cells)
    if _holds_texts(cells):
        texts = _decoded(cells)
        missing = pc.or_(missing, pc.fill_null(pc.match_substring_regex(texts, r"^\s*$"), True))
    found: Flags = missing.to_numpy(zero_copy_only=False)
    return found


def _are_names(cells: pa.Array, name: str) -> Flags:
    if not _holds_texts(cells):
        return np.zeros(len(cells), bool)
    same = pc.equal(pc.utf8_trim_whitespace(_decoded(cells)), name.strip())
    found: Flags = pc.fill_null(same, False).to_numpy(zero_copy_only=False)
    return found


def _holds_texts(cells: pa.Array) -> bool:
    kind = cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _decoded(cells: pa.Array) -> pa.Array:
    return cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells
