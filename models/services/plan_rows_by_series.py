"""Rows of a plan by the series that they name; a row without names is of every series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.series.panel import SERIES_FIELDS, SeriesKey
from utils.errors import InvalidInput

_SPELLINGS = {"panelSize": "panel_size"}


def rows_of(rows: Sequence[Mapping[str, Any]], key: SeriesKey) -> list[Mapping[str, Any]]:
    """Return the rows of a plan that are of a series."""
    own = dict(zip(SERIES_FIELDS, key, strict=True))
    return [row for row in rows if _names(row).items() <= own.items()]


def expect_known_series(rows: Sequence[Mapping[str, Any]], keys: Sequence[SeriesKey]) -> None:
    """Refuse a row of a series that does not exist: it would have no effect.

    Raises:
        InvalidInput: there is one.
    """
    for place, row in enumerate(rows):
        if not any(rows_of([row], key) for key in keys):
            raise InvalidInput.of(
                f"plan.{place}",
                "must be of a series that the model knows",
                " / ".join(map(str, _names(row).values())),
            )


def _names(row: Mapping[str, Any]) -> dict[str, Any]:
    spelled = {_SPELLINGS.get(name, name): value for name, value in row.items()}
    return {name: spelled[name] for name in SERIES_FIELDS if spelled.get(name) is not None}
