"""The inputs of a network: scaled values, calendar, engineered features and numbers of names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Calendar, Step
from models.series.features import averaged_rows, calendar_extras, moving_averages
from models.series.months import MonthRule
from models.series.panel import SERIES_FIELDS, Panel, SeriesKey
from models.series.scaling import Scaling
from models.series.working_calendar import WorkingCalendar

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FARTHEST = 6.0  # scaled values beyond ±6 standard deviations are clipped in a network's inputs


@dataclass(frozen=True)
class Encoding:
    """The scaling of series and the inputs of a network, fitted on the training span.

    A row of a window has the features of its values (`value_features`) and the calendar of the
    step after it (`ahead`).

    Attributes:
        calendar: step of the series.
        length: rows of a window.
        series_keys: the series, by number.
        scaling: between units and scaled values.
        lowest, highest: range of the scaled values in the training span, [S, 3].
        engineered: True if rows have the features of `models.series.features` too.
        lanes: number of the working calendar of each series, [S]; None: there is one at most.
    """

    calendar: Calendar
    length: int
    series_keys: tuple[SeriesKey, ...]
    scaling: Scaling
    lowest: Floats
    highest: Floats
    engineered: bool = False
    lanes: Ints | None = None

    kind = "anchored"

    @classmethod
    def fit(cls, panel: Panel, length: int, cut: int, engineered: bool = False) -> Encoding:
        """Return the encoding fitted on the rows of a panel before step `cut`."""
        is_early = (panel.time < cut)[:, None]
        early = np.where(is_early, panel.values, np.nan)
        # A target that is not known there is scaled by what stands in for it in the windows.
        known = np.logical_or.reduceat(~np.isnan(early), panel.offsets[:-1], axis=0)
        early = np.where(known[panel.series] | ~is_early, early, panel.filled())
        scaling = Scaling.fit(early, panel.offsets)
        scaled = np.clip(scaling.forward(early, panel.series), -FARTHEST, FARTHEST)
        low, high = (
            edge.reduceat(np.nan_to_num(scaled), panel.offsets[:-1], axis=0)
            for edge in (np.minimum, np.maximum)
        )
        keys, lanes = panel.series_keys, panel.lanes
        return cls(panel.calendar, length, keys, scaling, low, high, engineered, lanes)

    def calendar_of(self, number: int) -> Calendar:
        """Return the calendar of one series alone."""
        return self.calendar.of_lane(0 if self.lanes is None else int(self.lanes[number]))

    @property
    def names(self) -> list[list[str]]:
        """The known plants, applications and panel sizes, each sorted."""
        return [sorted({key[k] for key in self.series_keys}) for k in range(len(SERIES_FIELDS))]

    @property
    def averaged(self) -> tuple[int, ...]:
        """Lengths of the moving averages among the features of a row; () for none."""
        return averaged_rows(self.calendar) if self.engineered else ()

    @property
    def width(self) -> int:
        """Number of features of a row."""
        return self.value_width + self.ahead(np.zeros(1, np.int64)).shape[1]

    @property
    def value_width(self) -> int:
        """Number of features that are computed from the values."""
        return 3 * (1 + len(self.averaged))

    @property
    def look_back(self) -> int:
        """Number of rows that the features of a window are computed from."""
        return self.length + max(self.averaged, default=1) - 1

    def identities(self, series: Ints) -> NDArray[np.int32]:
        """Return the numbers of plant, application and panel size of series, [n] → [n, 3].

        One count runs through all: applications follow the plants, panel sizes the applications.
        """
        return self._identities[series]

    @cached_property
    def _identities(self) -> NDArray[np.int32]:
        every = [(k, name) for k, names in enumerate(self.names) for name in names]
        place = {kind_and_name: i for i, kind_and_name in enumerate(every)}
        table = [[place[k, name] for k, name in enumerate(key)] for key in self.series_keys]
        return np.asarray(table, np.int32).reshape(-1, len(SERIES_FIELDS))

    def rows(self, scaled: Floats, time: Ints, position: Ints) -> NDArray[np.float32]:
        """Return the features of rows, [n, width].

        Args:
            scaled: their values, [n, 3].
            time: their dated step numbers, [n].
            position: position of each row within its series, [n].
        """
        return np.hstack([self.value_features(scaled, position), self.ahead(time)])

    def value_features(self, scaled: Floats, position: Ints) -> NDArray[np.float32]:
        """Return the features of the values of rows, [n, 3] → [n, value_width].

        The values themselves, clipped at ±6, and their moving averages, if any.

        Args:
            scaled: values of whole series or of windows, one after the other, [n, 3].
            position: position of each row within its series, [n].
        """
        near = np.clip(scaled, -FARTHEST, FARTHEST)
        if self.averaged:
            near = np.hstack([near, moving_averages(near, position, self.averaged)])
        return near.astype(np.float32)

    def ahead(self, time: Ints, calendar: Calendar | None = None) -> NDArray[np.float32]:
        """Return the calendar features of the steps after `time`, [n] → [n, c].

        Args:
            time: dated step numbers.
            calendar: that they are of; by default the one that the encoding was fitted with.
        """
        calendar = calendar or self.calendar
        found = calendar.features(time + 1)
        if self.engineered:
            found = np.hstack([found, calendar_extras(calendar, time + 1)])
        return found

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form that `from_document` turns back into an equal encoding."""
        return {
            "kind": self.kind,
            "step": self.calendar.step.value,
            "anchor": self.calendar.offset,
            "sequence_length": self.length,
            "keys": [list(key) for key in self.series_keys],
            **self.scaling.to_document(),
            "lowest": self.lowest.tolist(),
            "highest": self.highest.tolist(),
            "engineered": self.engineered,
            "working": [own.to_document() for own in self.calendar.working],
            "origin": self.calendar.origin,
            "rule": self.calendar.rule.value,
            "begins": list(self.calendar.begins),
            "lanes": None if self.lanes is None else self.lanes.tolist(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Encoding:
        """Return the encoding that `to_document` described."""
        working = tuple(map(WorkingCalendar.from_document, document.get("working", ())))
        lanes = document.get("lanes")
        return cls(
            Calendar(
                Step(document["step"]),
                int(document["anchor"]),
                working,
                int(document.get("origin", 0)),
                MonthRule(document.get("rule", MonthRule.SAME_DAY)),
                tuple(document.get("begins", ())),
            ),
            int(document["sequence_length"]),
            tuple((key[0], key[1], key[2]) for key in document["keys"]),
            Scaling.from_document(document),
            np.asarray(document["lowest"], float).reshape(-1, 3),
            np.asarray(document["highest"], float).reshape(-1, 3),
            document.get("engineered", False),
            None if lanes is None else np.asarray(lanes, np.int64),
        )
