"""Names that look like totals of the others: All plants, Gesamt, 合計.

>>> codes, days = np.array([0, 1, 2] * 2), np.array([0, 0, 0, 1, 1, 1])
>>> names = [(codes, ["A", "B", "Total"]), (codes * 0, ["x"]), (codes * 0, ["S"])]
>>> total_warnings(names, days, np.array([1.0, 2, 3, 5, 7, 12]))[0][:40]
"The plant 'Total' has the WIP of all oth"
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from models.series.panel import SERIES_FIELDS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WORDS = re.compile(
    r"\b(?:all|total|totals|sum|overall|whole|alle|gesamt|summe|insgesamt)\b"
    r"|合计|合計|总计|總計|小计|小計|全部|全体|全社",
    re.IGNORECASE,
)
_NEAR = 0.005  # share of a total that rounding may explain


def total_warnings(names: list[tuple[Ints, list[str]]], days: Ints, wip: Floats) -> list[str]:
    """Return a sentence for each name that is one of a total, by its words and by its WIP.

    Args:
        names: of plants, applications and panel sizes: the code of each row, the label of each.
        days: of each row, [n].
        wip: of each row, NaN where unknown, [n].
    """
    found = []
    for field, (codes, labels) in zip(SERIES_FIELDS, names, strict=True):
        for code, label in enumerate(labels):
            if len(labels) > 2 and _WORDS.search(label) and _is_sum(codes == code, days, wip):
                found.append(
                    f"The {field.replace('_', ' ')} {label!r} has the WIP of all others together: "
                    "it looks like a total, and was read as one of them. Leave its rows out if it "
                    "is one."
                )
    return found


def _is_sum(own: NDArray[np.bool_], days: Ints, wip: Floats) -> bool:
    """Return true if rows have the sum of all others of the same day, on most days."""
    _, place = np.unique(days, return_inverse=True)
    wip = np.nan_to_num(wip)
    total, rest = (np.bincount(place[rows], wip[rows], place.max() + 1) for rows in (own, ~own))
    known = total > 0
    near = np.abs(total[known] - rest[known]) <= _NEAR * total[known]
    return bool(known.any() and near.mean() > 0.5)
