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

_SYNONYMS = {
    "date": "datum, tag, stichtag, arbeitstag, produktionstag, produktionsdatum, buchungsdatum, "
    "zeitpunkt, zeitstempel, timestamp, datetime, date time, time, period, periode, month, "
    "monat, week, woche, kalenderwoche, calendar day, calendar week, production date, "
    "posting date, ds, 日期, 日付, 年月日, 日, 時間, 时间, 日時, 月, 月份, 年月, 週, 周, "
    "生産日, 生产日期, 生產日期, kw, cw, wk, week no, iso week, year week, year month, jahr woche, "
    "jahr monat, monat jahr, calendar year month, calendar year week, cal year month, "
    "cal year week, kalenderjahr monat, kalenderjahr woche, yyyymm, yyyyww, 年周, 年週",
    "plant": "factory, fab, site, mill, location, facility, werk, betrieb, fabrik, standort, "
    "plant name, site name, 工厂, 工廠, 工場, 廠別, 厂别, 廠區, 厂区, 廠, 厂, プラント, 事業所, "
    "拠点",
    "application": "product, product family, product group, product line, product type, family, "
    "segment, category, sku, item, article, material, produkt, produktgruppe, produktfamilie, "
    "artikel, artikelgruppe, anwendung, warengruppe, 应用, 應用, 用途, 产品, 產品, 製品, 品目, "
    "機種, 机种, 品種, 品种, 產品別, 产品别, 品名, アプリケーション",
    "panel_size": "size, panel, dimension, format, variant, variante, größe, groesse, "
    "panelgröße, panelgroesse, abmessung, zoll, inch, 尺寸, 面板尺寸, 規格, 规格, サイズ, "
    "パネルサイズ",
    "wip": "work in process, work in progress, in process, units in process, inventory, stock, "
    "inventory level, stock level, on hand, queue length, bestand, bestände, bestaende, "
    "umlaufbestand, umlaufbestände, werkstattbestand, lagerbestand, ware in arbeit, in arbeit, "
    "in bearbeitung, 在制品, 在製品, 在制, 在製, 在制品数量, 在製品數量, 在制品库存, "
    "在製品庫存, 库存, 庫存, 仕掛, 仕掛品, 仕掛かり, 仕掛り, 仕掛かり品, 仕掛数, 仕掛在庫, "
    "仕掛品在庫, 在庫",
    "throughput": "th, tp, output, outs, out, production, produced, completed, completions, "
    "finished units, units finished, output quantity, production quantity, production volume, "
    "good quantity, units out, departures, ausstoß, ausstoss, ausbringung, ausbringungsmenge, "
    "durchsatz, produktion, produktionsmenge, gutmenge, fertigmeldungen, fertiggestellt, "
    "abgang, 产出, 產出, 产量, 產量, 产出量, 產出量, 完工数, 完工數, 生産数, 生産量, 出来高, "
    "完成数, アウトプット, スループット",
    "cycle_time": "ct, lead time, leadtime, throughput time, flow time, turnaround time, tat, "
    "time in system, time in process, length of stay, durchlaufzeit, dlz, liegezeit, "
    "mittlere durchlaufzeit, 周期, 週期, 周期时间, 週期時間, 生产周期, 生產週期, 前置时间, "
    "前置時間, 交期, リードタイム, サイクルタイム, 通過時間",
    "finished_goods": "fg, finished goods stock, finished goods inventory, fertigwaren, "
    "fertigerzeugnisse, fertigwarenbestand, 成品, 成品库存, 成品庫存, 完成品, 完成品在庫, "
    "製品在庫",
    "semi_finished_goods": "sfg, semi finished, semifinished, semifinished goods, "
    "halbfabrikate, halbfertigerzeugnisse, halbfertigwaren, 半成品, 半製品",
    "releases": "release, starts, started, input, inputs, arrivals, units released, "
    "units started, wafer starts, einlastung, einlastungen, freigaben, freigabe, zugang, "
    "zugänge, 投入, 投入量, 投入数, 投入數, 投料, 投料量",
}
_UNITS = {
    "seconds": "s, sec, secs, second, seconds, sek, sekunden, 秒",
    "minutes": "min, mins, minute, minutes, minuten, 分, 分钟, 分鐘",
    "hours": "h, hr, hrs, hour, hours, std, stunde, stunden, 小时, 小時, 時間, 时",
    "days": "d, day, days, tag, tage, tagen, at, kt, arbeitstage, kalendertage, 天, 日",
    "weeks": "w, wk, week, weeks, woche, wochen, 周, 週",
    "months": "month, months, monat, monate, 月",
    "percent": "%, percent, prozent, pct",
    "pieces": "pcs, pc, piece, pieces, unit, units, ea, each, stk, st, stück, stueck, panels, "
    "lots, lot, wafers, qty, quantity, count, number, anzahl, menge, 片, 個, 个, 件, 台, 枚, "
    "数量, 數量",
    "steps": "periods, period, steps, perioden",
}
_EXTRA = {"in", "the", "of", "avg", "average", "mean", "total", "daily", "weekly", "monthly"}
_EXTRA |= {"mittlere", "mittlerer", "durchschnittliche", "durchschn", "tägl", "per", "pro", "je"}
_LONGEST = 200  # characters of a name
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
        unit: of _UNITS, or with `per` before it (`per hours`); "": none is given.
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
        return cls(written, meaning, found[1])

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
    return None, unit


@cache
def _meanings() -> dict[str, str]:
    found = {
        folded(name): known for known, names in _SYNONYMS.items() for name in names.split(", ")
    }
    return found | {folded(known): known for known in KNOWN}


@cache
def _unit_words() -> dict[str, str]:
    return {word: unit for unit, words in _UNITS.items() for word in words.split(", ")}


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
