"""Numbers written as texts: the decimal mark of each column, decided from all values of a table.

A text such as `4.500` is 4500 where points group thousands, and 4.5 where they mark decimals. A
column proves its decimal mark by any number that has one reading only (`4.5`, `0,985`,
`1.234,5`); numbers of both kinds in one column tell by their size (`985` beside `1.022`); the
other columns of the table and Little's Law tell the rest, or else it is not decided.

>>> texts = pa.array(["985", "1.022"])
>>> marks = decide({"wip": Evidence.of(texts)})
>>> marks, parsed(texts, marks["wip"]).tolist()
({'wip': ','}, [985.0, 1022.0])
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from utils.errors import Detail, InvalidInput

Mark = Literal[".", ","]
Floats = NDArray[np.float64]

FORMATS: dict[str, Mark] = {"1,234.5": ".", "1.234,5": ","}
NAMES = {mark: name for name, mark in FORMATS.items()}
_OTHER: dict[Mark, Mark] = {".": ",", ",": "."}
_SPACES, _APOSTROPHES, _MINUS = " \u00a0\u2007\u2009\u202f", "'\u2019", "\u2212"
# Groups of three digits between signs that group in either format.
_NEUTRAL = rf"(?:[{_SPACES}]\d{{3}})+|(?:[{_APOSTROPHES}]\d{{3}})+"
_BEGIN, _END = rf"^[+\-{_MINUS}]?", r"(?:[eE][+-]?\d+)?-?$"  # SAP writes −5 as 5-
_PRICE = r"[.,][-–—]+$"  # 150,- is a price, and no number below zero
_SAMPLE = 2000
_SIZES = math.log(5)  # sizes that differ by less are alike
_POSSIBLE = math.log(60)  # by which hours for days, or percent, may break Little's Law
_FAR = math.log(100)  # readings of a number differ by a factor of 1000


def _patterns(mark: Mark) -> tuple[str, str, str]:
    """The patterns of numbers that are valid with a decimal mark, prove it, or leave it open."""
    point, comma = (r"\.", ",") if mark == "." else (",", r"\.")
    indian = rf"\d{{1,2}}(?:{comma}\d{{2}})+{comma}\d{{3}}"
    grouped = rf"\d{{1,3}}(?:(?:{comma}\d{{3}})+|{_NEUTRAL})"
    valid = rf"(?:{grouped}|{indian}|\d+)(?:{point}\d*)?|{point}\d+"
    proof = (
        rf"(?:{grouped}|{indian}|\d{{4,}}|0\d*){point}\d+|{point}\d+"
        rf"|\d+{point}(?:\d{{0,2}}|\d{{4,}})|\d{{1,3}}(?:{comma}\d{{3}}){{2,}}|{indian}"
    )
    scientific = rf"{_BEGIN}\d+{point}\d+[eE][+-]?\d+$"
    left_open = rf"{_BEGIN}[1-9]\d{{0,2}}{point}\d{{3}}-?$"
    return f"{_BEGIN}(?:{valid}){_END}", f"{_BEGIN}(?:{proof}){_END}|{scientific}", left_open


_VALID, _PROOF, _OPEN = ({mark: _patterns(mark)[i] for mark in FORMATS.values()} for i in range(3))


@dataclass(frozen=True)
class Evidence:
    """The evidence of one column for a decimal mark.

    Attributes:
        proofs: decimal mark → a text that can only be read with it.
        left_open: a text with two readings; "": there is none.
        by_size: the mark under which numbers with and without a mark are of one size; None: there
            are not both, or they do not tell.
    """

    proofs: dict[Mark, str]
    left_open: str = ""
    by_size: Mark | None = None

    @classmethod
    def of(cls, texts: pa.Array, is_plain: bool = False) -> Evidence:
        """Return the evidence of the texts of a column; nulls are blanks.

        Args:
            is_plain: all of them can be read with a decimal point and without groups.
        """
        texts = texts.drop_null()
        if not any(_first(texts, re.escape(mark)) for mark in (["."] if is_plain else NAMES)):
            return cls({})
        patterns: dict[Mark, str] = {".": _PROOF["."]} if is_plain else _PROOF
        found = {mark: _first(texts, pattern) for mark, pattern in patterns.items()}
        proofs: dict[Mark, str] = {mark: text for mark, text in found.items() if text}
        if proofs:
            return cls(proofs)
        marked = {m: texts.filter(pc.match_substring_regex(texts, p)) for m, p in _OPEN.items()}
        marked = {mark: some for mark, some in marked.items() if len(some)}
        if not marked:
            return cls({})
        mark, some = next(iter(marked.items()))
        return cls({}, some[0].as_py(), _by_size(texts, some, mark) if len(marked) == 1 else None)

    @property
    def tells(self) -> bool:
        """Return true if a number has a mark."""
        return bool(self.proofs or self.left_open)

    @property
    def is_open(self) -> bool:
        """Return true if the column itself does not tell its mark."""
        return bool(self.left_open)


def _first(texts: pa.Array, pattern: str) -> str:
    """The first text that matches a pattern; looked for in the first ones, then in all."""
    for part in (texts.slice(0, _SAMPLE), texts.slice(_SAMPLE)):
        place = pc.index(pc.match_substring_regex(part, pattern), True).as_py()
        if place >= 0:
            return str(part[place].as_py())
    return ""


def _by_size(texts: pa.Array, marked: pa.Array, mark: Mark) -> Mark | None:
    plain = texts.filter(pc.match_substring_regex(texts, rf"{_BEGIN}0*[1-9]\d*-?$"))
    if not len(plain):
        return None
    ratio = math.log(_median(marked, mark) / _median(plain, mark))
    as_groups = abs(ratio + math.log(1000))
    if abs(abs(ratio) - as_groups) < _SIZES:
        return None
    if abs(ratio) < as_groups:
        return mark
    are_grouped = not pc.any(pc.match_substring_regex(plain, r"\d{4}")).as_py()
    return _OTHER[mark] if are_grouped else None


def _median(texts: pa.Array, mark: Mark) -> float:
    return float(np.median(np.abs(parsed(texts, mark))))


def decide(
    evidence: dict[str, Evidence],
    stated: Mark | None = None,
    deviation: Callable[[dict[str, Mark]], float] = lambda marks: math.nan,
) -> dict[str, Mark]:
    """Return the decimal mark of each column.

    Args:
        evidence: by column.
        stated: the mark that the request states; it decides.
        deviation: marks by column → |ln(WIP ÷ (throughput × cycle time))| in the median; NaN: not
            known.

    Raises:
        InvalidInput: a column proves two marks, or nothing tells a column's mark; the sentence
            has both readings and the field that chooses.
    """
    if stated:
        return dict.fromkeys(evidence, stated)
    for name, each in evidence.items():
        if len(each.proofs) > 1:
            raise _mixed(name, each)
    marks = {name: next(iter(each.proofs), None) for name, each in evidence.items()}
    undecided = [name for name, each in evidence.items() if each.is_open]
    if undecided:
        chosen = _chosen(evidence, undecided, marks, deviation)
        marks |= dict.fromkeys(undecided, chosen)
    return {name: mark or "." for name, mark in marks.items()}


def _chosen(
    evidence: dict[str, Evidence],
    undecided: list[str],
    marks: dict[str, Mark | None],
    deviation: Callable[[dict[str, Mark]], float],
) -> Mark:
    """The mark of the undecided columns, which have one format."""
    proven = {mark for mark in marks.values() if mark}
    votes = {evidence[name].by_size for name in undecided} - {None}
    votes |= proven if len(proven) == 1 else set()
    known = {name: mark or "." for name, mark in marks.items()}
    readings: dict[Mark, dict[str, Mark]] = {
        mark: known | dict.fromkeys(undecided, mark) for mark in FORMATS.values()
    }
    law = {mark: deviation(reading) for mark, reading in readings.items()}
    best = min(FORMATS.values(), key=lambda mark: law[mark])
    if law[best] < _POSSIBLE and law[_OTHER[best]] - law[best] > _FAR:
        votes.add(best)
    if len(votes) != 1:
        raise _undecided(undecided[0], evidence[undecided[0]].left_open)
    return votes.pop()  # type: ignore[return-value]  # None is taken out


def _undecided(name: str, text: str) -> InvalidInput:
    readings = (
        f"{form} reads {parsed(pa.array([text]), mark)[0]:g}" for form, mark in FORMATS.items()
    )
    rule = f"must be given, as {text!r} in the column {name} has two readings: " + "; ".join(
        readings
    )
    return InvalidInput(
        f"numberFormat: {rule}",
        [Detail("numberFormat", rule, None), Detail(name, "has two readings", text)],
    )


def _mixed(name: str, evidence: Evidence) -> InvalidInput:
    a, b = evidence.proofs.values()
    rule = f"mixes two number formats: {a!r} and {b!r}; numberFormat states one"
    return InvalidInput(f"{name}: {rule}", [Detail(name, rule, b), Detail("numberFormat", rule)])


def valid(texts: pa.Array, mark: Mark) -> pa.Array:
    """Return which texts are numbers with a decimal mark; of nulls null."""
    fits = pc.match_substring_regex(texts, _VALID[mark])
    return pc.and_not(fits, pc.match_substring_regex(texts, _PRICE))


def parsed(texts: pa.Array, mark: Mark) -> Floats:
    """Return the numbers of texts that are `valid`, NaN for nulls."""
    signs = rf"[{_SPACES}{_APOSTROPHES}{_OTHER[mark]}+]"
    texts = pc.replace_substring_regex(texts, signs, "")
    texts = pc.replace_substring_regex(texts, r"^(.*\d)-$", r"-\1")
    texts = pc.replace_substring(texts, _MINUS, "-")
    if mark == ",":
        texts = pc.replace_substring(texts, ",", ".")
    numbers: Floats = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    return numbers
