"""Public holidays of countries and their subdivisions, by the package `holidays`.

>>> name_of_country("germany")
'DE'
>>> christmas = 20_812  # 2026-12-25
>>> christmas in days_of("DE", None, 2026, 2026)[0]
True
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from utils.errors import InvalidInput

_EPOCH = date(1970, 1, 1).toordinal()
_FEWEST_HOLIDAYS = 6  # that show a country
_CLOSED_HOLIDAYS = 0.85  # share of the holidays of a country that must be closed
_LEAST_FIT = 0.75
_LOOKED_INTO = 8  # countries, by the holidays of the whole country
_CLEARLY = 0.03  # better than the second best country
_INDUSTRIAL = (
    *("AT", "BE", "BR", "CA", "CH", "CN", "CZ", "DE", "DK", "ES", "FI", "FR", "GB", "HU", "IE"),
    *("IN", "IT", "JP", "KR", "MX", "MY", "NL", "PL", "PT", "RO", "SE", "SG", "SK", "TH", "TR"),
    *("TW", "US", "VN"),
)
_NAMES_AT_MOST = 20  # subdivisions that a message lists


def check(
    country: str | None, subdivision: str | None, field: str
) -> tuple[str | None, str | None]:
    """Return the codes of a country and a subdivision as the package has them.

    Args:
        country: its code ("DE", "DEU") or English name; None: none.
        subdivision: its code; None: the holidays of the whole country only.
        field: of the request, for errors.

    Raises:
        InvalidInput: one of them is not known; the nearest known one is named.
    """
    if country is None:
        if subdivision is not None:
            rule = "needs the country that it belongs to (country)"
            raise InvalidInput.of(f"{field}.subdivision", rule, subdivision)
        return None, None
    code = name_of_country(country)
    if code is None:
        near = _nearest(country, [*_by_name(), *_subdivisions()])
        hint = f"; did you mean {_by_name().get(near, near)}?" if near else ""
        rule = f"must be a country that the package holidays knows, such as DE{hint}"
        raise InvalidInput.of(f"{field}.country", rule, country)
    known = {name.lower(): name for name in _subdivisions()[code]}
    if subdivision is not None and subdivision.lower() not in known:
        near = _nearest(subdivision, list(known))
        hint = f"did you mean {known[near]}?" if near else _listed(list(known.values()))
        raise InvalidInput.of(
            f"{field}.subdivision", f"must be a subdivision of {code}; {hint}", subdivision
        )
    return code, None if subdivision is None else known[subdivision.lower()]


def name_of_country(text: str) -> str | None:
    """Return the two-letter code of a country's code or English name; None: it is not known."""
    return _by_name().get(_folded(text))


@lru_cache(maxsize=512)
def days_of(
    country: str, subdivision: str | None, first_year: int, last_year: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the holidays of some years, and the days of weekends worked in place of others.

    Both in days since 1970-01-01.
    """
    import holidays  # half a second, which most processes never need

    found = holidays.country_holidays(
        country, subdiv=subdivision, years=range(first_year, last_year + 1)
    )
    substitutes: Iterable[date] = getattr(found, "weekend_workdays", ())
    return _numbers(found), _numbers(substitutes)


def country_of(closed: frozenset[int], worked: frozenset[int]) -> tuple[str, str | None] | None:
    """Return the country, and its part, whose public holidays are closed; None: it is not clear.

    Nearly all of its holidays must be closed, and it must fit better than any other country.

    Args:
        closed: closed days of weekdays that are worked, since 1970-01-01.
        worked: days with output.
    """
    if len(closed) < _FEWEST_HOLIDAYS:
        return None
    days = closed | worked
    years = tuple(date.fromordinal(_EPOCH + day).year for day in (min(days), max(days)))

    def fit(country: str, subdivision: str | None) -> float:
        own = set(days_of(country, subdivision, *years)[0])
        hits, missed = len(own & closed), len(own & worked)
        if hits < _FEWEST_HOLIDAYS or hits < _CLOSED_HOLIDAYS * (hits + missed):
            return 0.0
        return 2 * hits / (hits + missed + len(closed))

    national = sorted(_INDUSTRIAL, key=lambda code: -fit(code, None))
    found: dict[str, tuple[float, str | None]] = {}
    for country in national[:_LOOKED_INTO]:
        parts = {part: fit(country, part) for part in (None, *_subdivisions()[country])}
        most = max(parts.values())
        alike = [part for part, own in parts.items() if own == most]
        # Parts with the same holidays are as good as each other.
        distinct = {days_of(country, part, *years)[0] for part in alike}
        found[country] = most, alike[0] if len(distinct) == 1 else None
    best, second = sorted(found, key=lambda code: -found[code][0])[:2]
    if found[best][0] < _LEAST_FIT or found[best][0] - found[second][0] < _CLEARLY:
        return None
    return best, found[best][1]


def _numbers(dates: Iterable[date]) -> tuple[int, ...]:
    return tuple(sorted(day.toordinal() - _EPOCH for day in dates))


@lru_cache(maxsize=1)
def _subdivisions() -> dict[str, list[str]]:
    import holidays

    return holidays.list_supported_countries()


@lru_cache(maxsize=1)
def _by_name() -> dict[str, str]:
    """Two-letter code by folded code or English name."""
    from holidays.registry import COUNTRIES

    found: dict[str, str] = {}
    for module, (_, code, *others) in COUNTRIES.items():
        found |= {_folded(name): code for name in (module, code, *others)}
    return found


def _folded(name: str) -> str:
    return name.strip().lower().replace("_", " ")


def _nearest(name: str, known: list[str]) -> str | None:
    near = difflib.get_close_matches(_folded(name), known, n=1, cutoff=0.5)
    return near[0] if near else None


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMES_AT_MOST
    shown = ", ".join(names[:_NAMES_AT_MOST]) or "it has none"
    return f"{shown} and {more} more" if more > 0 else shown
