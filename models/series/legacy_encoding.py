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

from models.series import legacy_features
from models.series.calendar import Calendar, Step
from models.series.legacy_features import FEATURES, STOCKS
from models.series.panel import SERIES_FIELDS, TARGETS, SeriesKey

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_SERIES = 1_000_000


@dataclass(frozen=True, eq=False)
class LegacyEncoding:
    """The scaling of the features and the outputs of a legacy network.

    The features of a row are those of `legacy_features`; its names are numbered as by a label
    encoder, by their place in the list of names. The network's outputs are the scaled levels of the
    `targets` of the next row.

    Attributes:
        calendar: step of the series.
        window: rows of a window.
        names: plants, applications and panel sizes by their numbers.
        features: names of the features, in the order of the network's inputs.
        mean, scale: of each feature, for all series, [F].
        targets: names of the network's outputs.
        target_mean, target_scale: of each output, [T].
        day_zero: day that features count from, since 1970-01-01.

    Raises:
        ValueError: the parts do not fit each other.
    """

    calendar: Calendar
    window: int
    names: tuple[tuple[str, ...], ...]
    features: tuple[str, ...]
    mean: Floats
    scale: Floats
    targets: tuple[str, ...]
    target_mean: Floats
    target_scale: Floats
    day_zero: int = 0

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
        if self.window < 1:
            raise ValueError("sequence_length must be at least 1")

    @classmethod
    def of(
        cls,
        calendar: Calendar,
        window: int,
        names: tuple[tuple[str, ...], ...],
        features: tuple[str, ...],
        scaling: tuple[Floats, Floats] | None = None,
        target_scaling: tuple[Floats, Floats] | None = None,
        day_zero: int = 0,
    ) -> LegacyEncoding:
        """Return an encoding of all three targets; missing scalings have defaults.

        Args:
            scaling: mean and scale of the features; None: they are not scaled.
            target_scaling: mean and scale of the targets; those of the features by default.
        """
        mean, scale = np.zeros(len(features)), np.ones(len(features))
        if scaling is not None:
            if len(scaling[0]) != len(features):
                raise ValueError(
                    f"{len(scaling[0])} features are scaled, but the model takes {len(features)}"
                )
            mean, scale = scaling
        if target_scaling is None:
            own = {f: (m, s) for f, m, s in zip(features, mean, scale, strict=True)}
            pairs = np.array([own.get(target, (0.0, 1.0)) for target in TARGETS])
            target_scaling = pairs[:, 0], pairs[:, 1]
        scalings = mean, scale, TARGETS, *target_scaling
        return cls(calendar, window, names, features, *scalings, day_zero)

    @property
    def lead(self) -> int:
        """Rows before a row that its features depend on."""
        return legacy_features.lead(self.features)

    @property
    def length(self) -> int:
        """Rows that a forecast needs: those of a window, and those before that it depends on."""
        return self.window + self.lead

    @cached_property
    def series_keys(self) -> tuple[SeriesKey, ...]:
        """The series: all combinations of the known names."""
        return tuple((plant, use, size) for plant, use, size in product(*self.names))

    def encode(
        self, values: Floats, time: Ints, series: Ints, stocks: Floats
    ) -> NDArray[np.float32]:
        """Return the scaled features of rows, [n, m − lead, F]; those not known are at their mean.

        Args:
            values: in units, oldest first, [n, m, 3].
            time: step number of each row, [n, m].
            series: number of the series of each n, [n].
            stocks: finished and semi-finished goods of each row, NaN where unknown, [n, m, 2].
        """
        days = self.calendar.days(time[:, self.lead :])
        columns: dict[str, Any] = {
            **legacy_features.of_days(days - self.day_zero),
            **legacy_features.of_dates(days),
            **{name: stocks[:, self.lead :, i] for i, name in enumerate(STOCKS)},
            **{name: code[:, None] for name, code in self._codes(series).items()},
        }
        computed = legacy_features.of_values(values, self.lead)
        result = np.zeros((*days.shape, len(self.features)), np.float32)
        for i, feature in enumerate(self.features):
            column = computed[feature]() if feature in computed else columns[feature]
            result[..., i] = (column - self.mean[i]) / self.scale[i]
        return np.nan_to_num(result, copy=False, nan=0.0)

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
            "sequence_length": self.window,
            "day_zero": self.day_zero,
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
            window=int(document["sequence_length"]),
            day_zero=int(document.get("day_zero", 0)),
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


def _check_names(what: str, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    if not names or len(set(names)) < len(names) or not set(names) <= set(known):
        raise ValueError(f"{what} must be some of {', '.join(known)}, each once")


def _check_scaling(what: str, width: int, mean: Floats, scale: Floats) -> None:
    if mean.shape != (width,) or scale.shape != (width,):
        raise ValueError(f"each of the {width} {what} needs a mean and a scale")
    if not np.isfinite([mean, scale]).all() or (scale <= 0).any():
        raise ValueError(f"the scaling of the {what} must be finite, and its scale positive")
