"""The columns of a table → the known columns, by their names or as the request states them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from models.data.reading.column_names import (
    KNOWN,
    NUMBERS,
    SHIFT,
    Header,
    date_rank,
    folded,
    is_of_shifts,
    resembles,
    title_rank,
)
from models.series.known_inputs import MOST_DRIVERS
from models.series.panel import SERIES_FIELDS, TARGETS
from utils.api.parsing import unknown
from utils.errors import Detail, InvalidInput

ALL = "all"  # the name of the application or panel size where there is no such column
NEEDED = ("date", *SERIES_FIELDS, "wip", "throughput")
_SHORTEST = 3  # letters of a shortened name
_LISTED = 3  # names that may be meant
_FROM_UNITS = (
    " WIP can be had from starts and finishes: units started so far less units finished so far, at "
    "the end of each step."
)


@dataclass(frozen=True)
class Mapping:
    """The places of the known columns in a table.

    Attributes:
        places: known column → places in the table; the texts of several are joined.
        units: known column → unit in its header.
        filled: columns of names that the table lacks: the name in every row is ALL.
        ignored: places of the columns that are not read.
        warnings: sentences about columns that are not read but seem to be needed.
    """

    places: dict[str, list[int]]
    units: dict[str, str] = field(default_factory=dict)
    filled: list[str] = field(default_factory=list)
    ignored: list[int] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        stated: dict[str, list[str]],
        strict: bool = False,
        declared: Sequence[str] = (),
        with_shift: bool = False,
    ) -> Mapping:
        """Return the mapping of the columns of a table.

        Args:
            names: of the columns, as they are written.
            stated: known column → names in the table, as the request states them; [] for one that
                is not to be read.
            strict: refuse unknown columns.
            declared: names of further columns, taken as they are, which must be there.
            with_shift: True for a table by shifts, in which a column may name the shift.

        Raises:
            InvalidInput: a stated column is not there, a needed one is missing, one is given twice,
                or, if strict, one is unknown.
        """
        every = (*KNOWN, SHIFT) if with_shift else KNOWN
        places = {
            _known(known, every): _stated_places(names, given) for known, given in stated.items()
        }
        places |= {name: _stated_places(names, [name], "known") for name in declared}
        taken = {place for found in places.values() for place in found}
        headers = {i: Header.of(name) for i, name in enumerate(names) if i not in taken}
        for known in every:
            if known not in places and (found := _meant(known, headers)):
                if len(found) > 1:
                    raise _twice(known, [names[i] for i in found])
                places[known] = found
        unread = {known for known, found in places.items() if not found}
        places = {known: found for known, found in places.items() if found}
        used = {place for found in places.values() for place in found}
        ignored = [i for i, name in enumerate(names) if i not in used and name.strip()]
        odd = [names[i] for i in ignored if headers[i].meaning not in unread]
        if strict and odd:
            raise _unknown(odd)
        if "date" in places:
            places.pop("day", None)
        places.pop("littles_law_compliance", None)
        filled = [name for name in ("application", "panel_size") if name not in places]
        _check_needed(places, filled, [names[i] for i in ignored], unread)
        units = {
            known: unit
            for known, found in places.items()
            if len(found) == 1 and (unit := Header.of(names[found[0]]).unit)
        }
        warnings = _similar(names, ignored, {*places, *unread})
        recognised = [(known, names[i]) for known in NUMBERS for i in places.get(known, [])]
        warnings += [
            f"The column {written!r} is read as {known}, and {remark!r} is not taken for a unit."
            for known, written in recognised
            if known not in stated and (remark := Header.of(written).remark)
        ]
        return cls(places, units, filled, ignored, warnings)

    def written(self, names: Sequence[str]) -> dict[str, str | list[str]]:
        """Return known column → name in the table, or names if several are joined."""
        found = {known: [names[i] for i in places] for known, places in self.places.items()}
        return {known: each[0] if len(each) == 1 else each for known, each in found.items()}


def check_declared(declared: Sequence[str]) -> None:
    """Raise InvalidInput for names of known-ahead columns that are not allowed."""
    if len(declared) > MOST_DRIVERS:
        rule = f"must name at most {MOST_DRIVERS} columns"
        raise InvalidInput.of("known", rule, len(declared))
    exact = {folded(known) for known in KNOWN}
    taken = next((name for name in declared if folded(name) in {*exact, ""}), None)
    if taken is not None:
        rule = "must name columns of your own; those of the service are known without that"
        raise InvalidInput.of("known", rule, taken)
    if len(set(declared)) < len(declared):
        twice = next(name for name in declared if declared.count(name) > 1)
        raise InvalidInput.of("known", "must name each column once", twice)


def _known(name: str, every: Sequence[str]) -> str:
    """The known column, of some, that the request states by its own name."""
    found = {folded(known): known for known in every}.get(folded(name))
    if found is None and folded(name) == SHIFT:
        raise InvalidInput.of("columns", "may have shift with step=shift only", name)
    if found is None:
        raise InvalidInput.of("columns", f"{name} {unknown(name, set(every))}", name)
    return found


def _stated_places(names: Sequence[str], given: list[str], option: str = "columns") -> list[int]:
    places = []
    for name in given:
        found = [i for i, written in enumerate(names) if written.strip() == name]
        if len(found) != 1:
            count = "several columns" if found else "no column"
            rule = f"has {count} of that name; the columns are {', '.join(names[:30])}"
            raise InvalidInput.of(option, rule, name)
        places += found
    return places


def _meant(known: str, headers: dict[int, Header]) -> list[int]:
    """The places of the headers that mean a known column best."""
    if known == SHIFT:
        found = [i for i, header in headers.items() if is_of_shifts(header.written)]
    else:
        found = [i for i, header in headers.items() if header.meaning == known]
    if known == "date":
        found = _best(found, headers, date_rank)
    if exact := [i for i in found if headers[i].is_exact]:
        return exact
    return _best(found, headers, title_rank) if known in SERIES_FIELDS else found


def _best(found: list[int], headers: dict[int, Header], rank: Callable[[str], int]) -> list[int]:
    """The places with the lowest rank of their names."""
    ranks = [rank(headers[i].written) for i in found]
    return [i for i, own in zip(found, ranks, strict=True) if own == min(ranks)]


def _twice(known: str, names: list[str]) -> InvalidInput:
    rule = f"is given by two columns, {names[0]!r} and {names[1]!r}; `columns` chooses"
    return InvalidInput.of(known, rule)


def _unknown(names: list[str]) -> InvalidInput:
    return InvalidInput(
        f"Row field {names[0]} {unknown(names[0], set(KNOWN))}",
        [Detail(name, unknown(name, set(KNOWN))) for name in names],
    )


def _check_needed(
    places: dict[str, list[int]], filled: list[str], ignored: list[str], unread: set[str]
) -> None:
    has = {*places, *filled, *(["date"] if "day" in places else [])}
    missing = [name for name in NEEDED if name not in has]
    if not missing:
        return
    if missing[0] in unread:
        raise InvalidInput.of("columns", f"must not leave out {missing[0]}, which is needed")
    near = [name for name in ignored if resembles(name, missing[0])]
    near = near[:_LISTED] or difflib.get_close_matches(missing[0], ignored, n=1)
    hint = f"; is it {' or '.join(map(repr, near))}?" if near else "."
    derived = _FROM_UNITS if "wip" in missing and "throughput" in places else ""
    raise InvalidInput(
        f"The column {missing[0]} is missing{hint} Needed are {', '.join(NEEDED)} (day instead of "
        f"date will do); `columns` names others.{derived}",
        [Detail(name, "is required") for name in missing],
    )


def _similar(names: Sequence[str], ignored: list[int], settled: set[str]) -> list[str]:
    """Warnings about columns that are not read though they resemble one that is lacking."""
    lacking = [name for name in (*TARGETS, "application", "panel_size") if name not in settled]
    found = []
    for place in ignored:
        words = names[place].lower().replace("_", " ")
        for known in lacking:
            near = difflib.SequenceMatcher(None, words, known.replace("_", " ")).ratio() > 0.75
            near |= len(words) >= _SHORTEST and known.startswith(words)  # App
            if near or resembles(names[place], known):
                found.append(
                    f"The column {names[place]!r} was not read; it resembles {known}, which is "
                    f"missing: `columns` takes it for {known}."
                )
    return found
