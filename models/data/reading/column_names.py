"""Names of columns as people write them → the known columns, by meaning, and the units in them.

>>> Header.of("Durchlaufzeit (Std.)")
Header(written='Durchlaufzeit (Std.)', meaning='cycle_time', unit='hours')
>>> Header.of("remark").meaning is None
True
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

from models.data.reading.column_synonyms import SYNONYMS, UNITS
from models.series.known_inputs import (
    CAPACITY,
    PLANNED_RELEASES,
    PLANNED_THROUGHPUT,
    RELEASES,
)
from models.series.panel import SERIES_FIELDS, TARGETS

OPTIONAL = (
    "finished_goods",
    "semi_finished_goods",
    RELEASES,
    PLANNED_RELEASES,
    CAPACITY,
    PLANNED_THROUGHPUT,
)
NUMBERS = (*TARGETS, *OPTIONAL)
_AMOUNTS = {*NUMBERS} - {"cycle_time"}
KNOWN = ("date", "day", *SERIES_FIELDS, *NUMBERS, "littles_law_compliance")
SHIFT = "shift"  # a column beside the date, of tables by shifts
_SHIFTS = {"shift", "shiftname", "shiftno", "shiftnumber", "shiftcode", "shiftid", "schicht"}
_SHIFTS |= {"schichtname", "schichtnr", "schichtnummer", "schichtkurzel", "班次", "班別", "班别"}
_SHIFTS |= {"班", "勤務", "勤務帯", "シフト", "直"}

_EXTRA = {"in", "the", "of", "avg", "average", "mean", "total", "daily", "weekly", "monthly"}
_EXTRA |= {
    "mittl",
    "ø",
    "mittlere",
    "mittlerer",
    "durchschnittliche",
    "durchschn",
    "tägl",
    "per",
    "pro",
    "je",
}
_AVERAGES = re.compile(r"^(?:平均|期末|当日|當日|每日|日均)(?=.)")  # what _EXTRA is without spaces
# What may follow the name of a plant, application or size: the rank of each, best first.
_TITLES = {"name": 1, "bezeichnung": 1, "description": 1, "desc": 1, "text": 1, "id": 2, "code": 2}
_TITLES |= {"cd": 2, "no": 2, "nr": 2, "number": 2, "nummer": 2, "key": 2}
_LONGEST = 200  # characters of a name
_WORDS = 8  # of a name that are looked at
# Names of parts of dates, that stand beside a date in many tables: the finer one is taken.
_WEEKS = {"week", "weekno", "woche", "kalenderwoche", "kw", "cw", "wk", "calendarweek", "isoweek"}
_WEEKS |= {
    "yearweek",
    "jahrwoche",
    "calendaryearweek",
    "calyearweek",
    "kalenderjahrwoche",
    "yyyyww",
}
_WEEKS |= {"周", "週", "年周", "年週"}
_MONTHS = {"month", "monat", "月", "月份", "年月", "yearmonth", "jahrmonat", "monatjahr", "yyyymm"}
_MONTHS |= {"calendaryearmonth", "calyearmonth", "kalenderjahrmonat", "period", "periode"}
_TIMES = {"time", "時間", "时间"}
YEARS = {"year", "jahr", "calendaryear", "kalenderjahr", "年", "年度"}
# What pivot tables and queries put before a name: Sum of WIP, AVG(cycle_time).
_SUMS, _MEANS = "sum|summe|total", "avg|average|mean|mittelwert|durchschnitt"
_OF_PIVOT = re.compile(rf"(?:({_SUMS})|{_MEANS})\s*(?:\b(?:of|von)\s+(.+)|\(([^()]+)\))")
# Table[Column] and table.column
_OF_TABLE = re.compile(r"[^\[\]]*\[([^\[\]]+)\]|(?:\w+\.)+(\w+)")
_BRACKETS = re.compile(r"[(\[（【{]([^)\]）】}]*)[)\]）】}]")


@dataclass(frozen=True)
class Header:
    """The name of a column: as it is written, the known column that it means, the unit in it.

    Attributes:
        meaning: a name of KNOWN; None: none of them.
        unit: of UNITS, or with `per` before it (`per hours`); "": none is given.
    """

    written: str
    meaning: str | None
    unit: str = ""

    @classmethod
    @lru_cache(10_000)
    def of(cls, written: str) -> Header:
        """Return the header that is meant by a name."""
        if len(written) > _LONGEST:
            return cls(written, None)
        text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", written))
        text, amounts_only = _without_function(text.casefold().strip())
        found = _meant(text)
        if inner := _OF_TABLE.fullmatch(text):
            name = inner[1] or inner[2]
            own = (None, "") if is_unit(name) else _meant(name)
            found = own if own[0] else found
        meaning = None if amounts_only and found[0] not in _AMOUNTS else found[0]
        unit = found[1].removeprefix("per ") if meaning == "cycle_time" else found[1]  # CT/h
        return cls(written, meaning, unit)

    @property
    def remark(self) -> str:
        """The text in brackets that is no unit and no column: EUR of WIP (EUR); "": none."""
        inner = " ".join(_BRACKETS.findall(unicodedata.normalize("NFKC", self.written))).strip()
        known = is_unit(inner.casefold()) or unit_of(inner) or _meant(inner.casefold())[0]
        return "" if known else inner

    @property
    def is_exact(self) -> bool:
        """Return true if it is the known name itself, whatever its case, spaces and signs."""
        return folded(self.written) == folded(self.meaning or "")


def canonical_name(name: str) -> str | None:
    """Return the known column that a name means, in any of its languages and spellings.

    >>> canonical_name("Panel Size"), canonical_name("Bestand"), canonical_name("remark")
    ('panel_size', 'wip', None)
    """
    return Header.of(str(name)).meaning


def is_unit(text: str) -> bool:
    """Return true if a text is a unit and no more: (pcs), days.

    >>> is_unit("(pcs)"), is_unit("Plant_A")
    (True, False)
    """
    words = re.findall(r"[^\W_]+|%", unicodedata.normalize("NFKC", text).casefold())
    return bool(words) and all(word in _unit_words() or word in _EXTRA for word in words)


def is_word(text: str) -> bool:
    """Return true if a text may be a name: it has a letter.

    >>> is_word("Größe 2"), is_word("2024-01-31")
    (True, False)
    """
    return any(map(str.isalpha, text))


def folded(text: str) -> str:
    """Return a text without case, accents, spaces and signs."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(sign for sign in text if sign.isalnum())


def date_rank(name: str) -> int:
    """Return 0 for the name of a date, more for those of weeks, months and times, in that order.

    >>> [date_rank(name) for name in ("Datum", "KW", "Monat")]
    [0, 1, 2]
    """
    kinds = (_WEEKS, _MONTHS, _TIMES)
    return next((i for i, names in enumerate(kinds, 1) if folded(name) in names), 0)


def is_of_shifts(name: str) -> bool:
    """Return true for the name of a column of shifts."""
    return folded(name) in _SHIFTS


def title_rank(name: str) -> int:
    """Return 0 for a name as it is, more for what is called a name of it, or a code.

    >>> [title_rank(name) for name in ("Plant", "Plant name", "Plant ID")]
    [0, 1, 2]
    """
    words = re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold())
    return _TITLES.get(words[-1], 0) if words else 0


def is_of_weeks(name: str) -> bool:
    """Return true for the name of a column of weeks."""
    return date_rank(name) == 1


def _without_function(text: str) -> tuple[str, bool]:
    """A name without what a pivot table put before it, and true if only an amount can be meant."""
    found = _OF_PIVOT.fullmatch(text)
    return (found[2] or found[3], bool(found[1])) if found else (text, False)


def _meant(text: str) -> tuple[str | None, str]:
    """The known column that a name means, and the unit in it."""
    if exact := _meanings().get(folded(text)):
        return exact, "percent" if "%" in text else ""
    if (rest := _AVERAGES.sub("", text)) != text:
        return _meant(rest)
    inner = " ".join(_BRACKETS.findall(text))
    words = re.findall(r"[^\W_]+|%|/", _BRACKETS.sub(" ", text))
    unit = unit_of(inner)
    if "/" in words[1:]:  # WIP/pcs, output/day
        place = words.index("/", 1)
        unit = unit or unit_of(" ".join(words[place:]))
        words = words[:place]
    while words:
        if meaning := _meanings().get(folded("".join(words))):
            return meaning, unit
        if words[-1] in _EXTRA or words[-1] in _unit_words():
            unit = unit or unit_of(words[-1])
            words.pop()
        elif words[0] in _EXTRA or _unit_words().get(words[0]) == "pieces":
            words.pop(0)
        else:
            break
    return _entitled(words), unit


def _entitled(words: list[str]) -> str | None:
    """The column of names that words mean whose last one is as in plant ID, product name."""
    if len(words) < 2 or words[-1] not in _TITLES or words[:-1] == ["item"]:
        return None
    known = _meanings().get(folded("".join(words[:-1])))
    return known if known in SERIES_FIELDS else None


@cache
def _meanings() -> dict[str, str]:
    found = {folded(name): known for known, names in SYNONYMS.items() for name in names.split(", ")}
    return found | {folded(known): known for known in KNOWN}


@cache
def _unit_words() -> dict[str, str]:
    return {word: unit for unit, words in UNITS.items() for word in words.split(", ")}


def resembles(name: str, known: str) -> bool:
    """Return true if words of a name, or a part of one without spaces, mean a known column.

    >>> resembles("Output actual", "throughput"), resembles("remark", "wip")
    (True, False)
    """
    words = name.lower().replace("_", " ").split()
    if len(words) <= _WORDS and any(
        canonical_name(" ".join(words[i:j])) == known
        for i in range(len(words))
        for j in range(i + 1, len(words) + 1)
    ):
        return True
    text = folded(name)[:_LONGEST]
    return any(
        known == meaning and len(part) > 1 and not part.isascii() and part in text
        for part, meaning in _meanings().items()
    )


def unit_of(text: str) -> str:
    """Return the unit that a text states; "" if none, or pieces: amounts have no other unit.

    >>> unit_of("Std."), unit_of("pcs/day"), unit_of("Stk")
    ('hours', 'per days', '')
    """
    parts = re.findall(r"[^\W_]+|%|/", unicodedata.normalize("NFKC", text).casefold())
    is_rate = any(part in ("/", "per", "pro", "je") for part in parts)
    units = [_unit_words()[part] for part in parts if part in _unit_words()]
    times = [unit for unit in units if unit != "pieces"]
    if not times:
        return ""
    return f"per {times[-1]}" if is_rate else times[-1]
