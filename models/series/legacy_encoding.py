"""The inputs and outputs of legacy models: levels in one scale for all series.

    scaled feature = (feature − mean) ÷ scale
    level = output × target_scale + target_mean

Example: with the features `("wip", "month")`, means `(100, 6)` and scales `(10, 3)` a row of
March with a WIP of 120 is `[2, -1]`.
"""

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
    """Return the usual features of a model that states their number only.

    Raises:
        ValueError: no usual order has so many features.
    """
    if not len(TARGETS) <= width <= len(FEATURES):
        raise ValueError(f"a legacy model has {len(TARGETS)} to {len(FEATURES)} features")
    return FEATURES[:width]


@dataclass(frozen=True, eq=False)
class LegacyEncoding:
    """The scaling of the features and the outputs of a legacy network.

    The features of a row are its values, the numbers of its names (as of a label encoder: the
    place in the list of names) and its own date. The network's outputs are the scaled levels of
    the `targets` of the next row.

    Attributes:
        calendar: step of the series.
        length: rows of a window.
        names: plants, applications and panel sizes by their numbers.
        features: names of the features, in the order of the network's inputs.
        mean, scale: of each feature, for all series, [F].
        targets: names of the network's outputs.
        target_mean, target_scale: of each output, [T].

    Raises:
        ValueError: the parts do not fit each other.
    """

    calendar: Calendar
    length: int
    names: tuple[tuple[str, ...], ...]
    features: tuple[str, ...]
    mean: Floats
    scale: Floats
    targets: tuple[str, ...]
    target_mean: Floats
    target_scale: Floats

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
        """Return an encoding of all three targets; missing scalings have defaults.

        Args:
            scaling: mean and scale of the first features; further ones are not scaled.
            target_scaling: mean and scale of the targets; those of the features by default.
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
        """Return the scaled features of rows beside their values: names and date, [n, c].

        Args:
            time: step number of each row, [n].
            series: number of the series of each row, [n].
        """
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
        """Return the features of rows in the order of the network's inputs, [n, F].

        Args:
            values: in units, [n, 3].
            context_features: of `context_features`, [n, c].
        """
        result = np.empty((len(values), len(self.features)), np.float32)
        beside = iter(context_features.T)
        for i, feature in enumerate(self.features):
            if feature in TARGETS:
                value = values[:, TARGETS.index(feature)]
                result[:, i] = (value - self.mean[i]) / self.scale[i]
            else:
                result[:, i] = next(beside)
        return result

    def decode(self, output: NDArray[np.float32], last: Floats, series: Ints) -> Floats:
        """Return the values of the next row in units, never negative, [n, 3].

        WIP and throughput that the network does not forecast stay as they were; a cycle time
        that it does not forecast follows by Little's Law.

        Args:
            output: of the network, [n, T].
            last: values of the last row in units, [n, 3].
        """
        levels = np.maximum(output * self.target_scale + self.target_mean, 0.0)
        values = np.array(last, float)
        for i, target in enumerate(self.targets):
            values[:, TARGETS.index(target)] = levels[:, i]
        if "cycle_time" not in self.targets:
            wip, throughput, cycle_time = values.T
            np.divide(wip, throughput, out=cycle_time, where=throughput > 0)
        return np.maximum(values, 0.0)

    def calendar_of(self, number: int) -> Calendar:
        """Return the calendar of one series."""
        return self.calendar

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form that `from_document` turns back into an equal encoding."""
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
        """Return the encoding that `to_document` described.

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
        """Weekday from Monday 0, month and day of the year from 1, as pandas counts them."""
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
