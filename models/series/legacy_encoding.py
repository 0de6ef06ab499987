"""The encoding of models from before this service: levels in, levels out, one scale for all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Calendar, Step
from models.series.panel import SERIES_FIELDS, TARGETS, SeriesKey

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CALENDAR_FEATURES = ("day_of_week", "month", "day_of_year")
FEATURES = (*TARGETS, *SERIES_FIELDS, *CALENDAR_FEATURES)
_MOST_SERIES = 1_000_000


def feature_order(width: int) -> tuple[str, ...]:
    """The features of a model that says no more than how many it has.

    Raises:
        ValueError: there is no usual order of so many.
    """
    if not len(TARGETS) <= width <= len(FEATURES):
        raise ValueError(f"a legacy model has {len(TARGETS)} to {len(FEATURES)} features")
    return FEATURES[:width]


@dataclass(frozen=True, eq=False)
class LegacyEncoding:
    """Units ↔ what an old network sees and says.

    A row's features are, in a stated order, its values, the numbers of its names (a label
    encoder's: the place in the list of them) and its own date. Each feature has one mean and
    scale for all series. The network says the scaled levels of the next row's `targets`.

    Raises:
        ValueError: the parts do not fit each other.
    """

    calendar: Calendar
    length: int
    names: tuple[tuple[str, ...], ...]  # of plants, applications and panel sizes, by code
    features: tuple[str, ...]
    mean: Floats  # [F]
    scale: Floats  # [F]
    targets: tuple[str, ...]
    target_mean: Floats  # [T]
    target_scale: Floats  # [T]

    kind = "levels"

    def __post_init__(self) -> None:
        _check_names("features", self.features, FEATURES)
        _check_names("targets", self.targets, TARGETS)
        _check_scaling("features", len(self.features), self.mean, self.scale)
        _check_scaling("targets", len(self.targets), self.target_mean, self.target_scale)
        if len(self.names) != len(SERIES_FIELDS):
            raise ValueError(f"names must be given of each of {', '.join(SERIES_FIELDS)}")
        if prod(len(names) for names in self.names) > _MOST_SERIES:
            raise ValueError(f"the names form more than {_MOST_SERIES:,} series")
        if self.length < 1:
            raise ValueError("sequence_length must be at least 1")

    @classmethod
    def of(
        cls,
        calendar: Calendar,
        length: int,
        names: tuple[tuple[str, ...], ...],
        features: tuple[str, ...],
        scaling: tuple[Floats, Floats] | None = None,
        target_scaling: tuple[Floats, Floats] | None = None,
    ) -> LegacyEncoding:
        """An encoding of all three targets; unstated scalings follow from what is stated.

        Args:
            scaling: mean and scale of the features; those beyond its end go in as they are.
            target_scaling: mean and scale of the targets; the features' own by default.
        """
        mean, scale = np.zeros(len(features)), np.ones(len(features))
        if scaling is not None:
            width = len(scaling[0])
            if width > len(features):
                raise ValueError(f"{width} features are scaled, but there are {len(features)}")
            mean[:width], scale[:width] = scaling
        if target_scaling is None:
            own = {f: (m, s) for f, m, s in zip(features, mean, scale, strict=True)}
            pairs = np.array([own.get(target, (0.0, 1.0)) for target in TARGETS])
            target_scaling = pairs[:, 0], pairs[:, 1]
        return cls(calendar, length, names, features, mean, scale, TARGETS, *target_scaling)

    @cached_property
    def series_keys(self) -> tuple[SeriesKey, ...]:
        """The series: all combinations of the known names."""
        return tuple((plant, use, size) for plant, use, size in product(*self.names))

    def context_features(self, time: Ints, series: Ints) -> NDArray[np.float32]:
        """Features of a row beside its values, scaled: names and its own date, [n, c]."""
        columns = self._codes(series) | self._dates(time)
        scaled = [
            (columns[feature] - mean) / scale
            for feature, mean, scale in zip(self.features, self.mean, self.scale, strict=True)
            if feature not in TARGETS
        ]
        return np.array(scaled, np.float32).reshape(-1, len(time)).T

    def rows(
        self, values: Floats, context_features: NDArray[np.float32], series: Ints
    ) -> NDArray[np.float32]:
        """Features of rows, [n, 3] in units → [n, F], in the stated order."""
        result = np.empty((len(values), len(self.features)), np.float32)
        beside = iter(context_features.T)
        for i, feature in enumerate(self.features):
            if feature in TARGETS:
                value = values[:, TARGETS.index(feature)]
                result[:, i] = (value - self.mean[i]) / self.scale[i]
            else:
                result[:, i] = next(beside)
        return result

    def decode(self, said: NDArray[np.float32], last: Floats, series: Ints) -> Floats:
        """The values, [n, 3] in units, never negative.

        WIP and throughput that the network does not say stay as they were; such a cycle time
        follows by Little's Law.
        """
        levels = np.maximum(said * self.target_scale + self.target_mean, 0.0)
        values = np.array(last, float)
        for i, target in enumerate(self.targets):
            values[:, TARGETS.index(target)] = levels[:, i]
        if "cycle_time" not in self.targets:
            wip, throughput, cycle_time = values.T
            np.divide(wip, throughput, out=cycle_time, where=throughput > 0)
        return np.maximum(values, 0.0)

    def to_document(self) -> dict[str, Any]:
        """A JSON-ready form that `from_document` turns back into an equal encoding."""
        return {
            "kind": self.kind,
            "step": self.calendar.step.value,
            "anchor": self.calendar.offset,
            "sequence_length": self.length,
            "names": {
                kind: list(names) for kind, names in zip(SERIES_FIELDS, self.names, strict=True)
            },
            "features": list(self.features),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "targets": list(self.targets),
            "target_mean": self.target_mean.tolist(),
            "target_scale": self.target_scale.tolist(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> LegacyEncoding:
        """The encoding that `to_document` described.

        Raises:
            KeyError, TypeError, ValueError: the document does not describe one.
        """
        numbers = {
            name: np.asarray(document[name], float)
            for name in ("mean", "scale", "target_mean", "target_scale")
        }
        return cls(
            calendar=Calendar(Step(document["step"]), int(document["anchor"])),
            length=int(document["sequence_length"]),
            names=tuple(tuple(map(str, document["names"][kind])) for kind in SERIES_FIELDS),
            features=tuple(document["features"]),
            targets=tuple(document["targets"]),
            **numbers,
        )

    def _codes(self, series: Ints) -> dict[str, Ints]:
        codes = np.unravel_index(series, [len(names) for names in self.names])
        return {
            kind: code.astype(np.int64) for kind, code in zip(SERIES_FIELDS, codes, strict=True)
        }

    def _dates(self, time: Ints) -> dict[str, Ints]:
        """Monday is 0; months and days of the year count from 1, as pandas has it."""
        days = self.calendar.days(np.asarray(time, np.int64))
        dates = days.astype("datetime64[D]")
        months = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
        of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64) + 1
        return dict(zip(CALENDAR_FEATURES, ((days + 3) % 7, months, of_year), strict=True))


def _check_names(what: str, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    if not names or len(set(names)) < len(names) or not set(names) <= set(known):
        raise ValueError(f"{what} must be some of {', '.join(known)}, each once")


def _check_scaling(what: str, width: int, mean: Floats, scale: Floats) -> None:
    if mean.shape != (width,) or scale.shape != (width,):
        raise ValueError(f"each of the {width} {what} needs a mean and a scale")
    if not np.isfinite([mean, scale]).all() or (scale <= 0).any():
        raise ValueError(f"the scaling of the {what} must be finite, and its scale positive")
