"""The series of a data set as lists show them: names, dates, means; a page at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.data.datasets import Datasets
from models.series.calendar import Step
from models.series.panel import SERIES_FIELDS, Panel
from models.series.rounding import significant
from utils.bounded_cache import BoundedCache

_MOST_KEPT = 200_000  # series of all lists that are kept; they take some 100 MB
_DIGITS = 6

Fields = list[dict[str, Any]]


class SeriesPage(NamedTuple):
    """Series in the order of the data set.

    Attributes:
        shown: fields of each.
        total: number of those that match, on all pages.
        last: number of the last one shown and an empty text, if there are more.
    """

    step: Step
    shown: Fields
    total: int
    last: tuple[int, str] | None


class SeriesLists:
    """The lists of series of the data sets that were asked for last.

    Args:
        datasets: the stored data sets.
    """

    def __init__(self, datasets: Datasets) -> None:
        self._datasets = datasets
        self._kept = BoundedCache[str, tuple[Step, Fields]](_MOST_KEPT)

    def page(
        self, id: str, search: str | None, after: tuple[Any, str] | None, limit: int
    ) -> SeriesPage:
        """Return the series that contain a text in their names, after a number.

        Raises:
            NotFound: there is no such data set.
            DamagedFile: its file is not what was stored.
        """
        digest = self._datasets.digest(id)  # it may have been deleted or changed since
        step, fields = self._kept.get(digest, lambda: self._list(id), lambda kept: len(kept[1]))
        numbers = range(len(fields))
        if search is not None:
            wanted = search.casefold()
            numbers = [n for n in numbers if wanted in _name(fields[n])]  # type: ignore[assignment]
        start = -1 if after is None else int(after[0])
        rest = [n for n in numbers if n > start]
        chosen = rest[:limit]
        last = (chosen[-1], "") if len(rest) > limit else None
        return SeriesPage(step, [fields[n] for n in chosen], len(numbers), last)

    def _list(self, id: str) -> tuple[Step, Fields]:
        panel = self._datasets.load(id)
        return panel.calendar.step, figures_of(panel)


def _name(fields: dict[str, Any]) -> str:
    return " / ".join(fields[name] for name in SERIES_FIELDS).casefold()


def figures_of(panel: Panel) -> Fields:
    """Return names, number of rows, first and last date, and means of each series."""
    lengths = panel.lengths
    first = panel.calendar.dates(panel.dated_first)
    last = panel.calendar.dates(panel.dated_first + lengths - 1)
    means = [_means(panel, column) for column in (0, 1)]
    return [
        dict(zip(SERIES_FIELDS, key, strict=True))
        | {"steps": steps, "first_date": begin, "last_date": end}
        | {"mean_wip": wip, "mean_throughput": throughput}
        for key, steps, begin, end, wip, throughput in zip(
            panel.series_keys, lengths.tolist(), first, last, *means, strict=True
        )
    ]


def _means(panel: Panel, column: int) -> list[float | None]:
    """The mean of a target in each series; None where no value is known."""
    values: NDArray[np.float64] = panel.values[:, column]
    known = ~np.isnan(values)
    sums = np.add.reduceat(np.where(known, values, 0.0), panel.offsets[:-1])
    counts = np.add.reduceat(known.astype(float), panel.offsets[:-1])
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return [None if np.isnan(m) else m for m in significant(means, _DIGITS).tolist()]
