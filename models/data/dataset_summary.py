"""Summaries of data sets, as documents and replies state them: names, dates, numbers of rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from models.series.calendar import Calendar, Step
from models.series.day_parts import time_texts
from models.series.months import MonthRule
from models.series.panel import SERIES_FIELDS, Panel, SeriesKey


def summary_of(panel: Panel, more: int = 0) -> dict[str, Any]:
    """Return the summary of a panel: see `summarize`.

    Args:
        more: rows of closed days, which are no steps of the panel.
    """
    first = int(panel.calendar.days(panel.dated_first).min())
    last = int(panel.calendar.days(panel.dated_first + panel.lengths - 1).max())
    rows = len(panel.values) + more
    return summarize(panel.series_keys, rows, panel.calendar, first, last)


def summarize(
    series_keys: Iterable[SeriesKey], rows: int, calendar: Calendar, first: int, last: int
) -> dict[str, Any]:
    """Return the names, the step, the dates and the numbers of rows and series, JSON-ready.

    Args:
        first, last: the earliest and the latest day of the calendar.
    """
    plants, applications, sizes = (sorted(set(names)) for names in zip(*series_keys, strict=True))
    start, end = calendar.texts(np.array([first, last]))
    shifts = {"shifts": time_texts(calendar.begins)} if calendar.step is Step.SHIFT else {}
    return {
        "total_points": rows,
        "plants": plants,
        "applications": applications,
        "panel_sizes": sizes,
        "series": len(set(series_keys)),
        "step": calendar.step.value,
        **shifts,
        "date_range": {"start": start, "end": end},
    }


def calendar_of(document: dict[str, Any]) -> Calendar:
    """Return the calendar of a stored data set."""
    summary = document["summary"]
    step, shifts = Step(summary["step"]), summary.get("shifts")
    if parts := Calendar.of_parts(step, shifts and ",".join(shifts)):
        return parts
    rule = MonthRule(document.get("month_rule", MonthRule.SAME_DAY))
    return Calendar(step, document.get("anchor", 0), rule=rule)


def products_by_plant(series_keys: Iterable[SeriesKey]) -> dict[str, tuple[list[str], list[str]]]:
    """Return the applications and the panel sizes of each plant's series, sorted.

    >>> products_by_plant([("North", "TV", "Large"), ("North", "Car", "Large")])
    {'North': (['Car', 'TV'], ['Large'])}
    """
    found: dict[str, tuple[set[str], set[str]]] = {}
    for plant, application, size in series_keys:
        applications, sizes = found.setdefault(plant, (set(), set()))
        applications.add(application)
        sizes.add(size)
    return {
        plant: (sorted(names), sorted(sizes)) for plant, (names, sizes) in sorted(found.items())
    }


def names_of_series(series_keys: Iterable[SeriesKey]) -> dict[str, Any]:
    """Return the names in some series, sorted, and the products of each plant, JSON-ready."""
    keys = list(series_keys)
    names = [sorted({key[place] for key in keys}) for place in range(len(SERIES_FIELDS))]
    return dict(zip(("plants", "applications", "panel_sizes"), names, strict=True)) | {
        "made": products_by_plant(keys)
    }
