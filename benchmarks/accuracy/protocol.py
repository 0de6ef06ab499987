"""Evaluation protocol: a method is fitted before the cut and forecasts from all origins after."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.datasets import DataSet, until
from models.series.panel import Panel

Floats = NDArray[np.float64]

LEVELS = (80, 95)  # % of an interval


@dataclass(frozen=True)
class Forecast:
    """Values in units and, if the method has them, intervals by level and sample paths.

    Attributes:
        values: [series, horizon, 3].
        lower, upper: bounds of the same shape, by level.
        totals: lower and upper bounds of the sums over the horizon, [series, 3] each, by level.
        paths: futures drawn at random, [series, n, horizon, 3].
        weights: of the members of a combination, [horizon, 3] each.
    """

    values: Floats
    lower: dict[int, Floats]
    upper: dict[int, Floats]
    totals: dict[int, tuple[Floats, Floats]] = field(default_factory=dict)
    paths: Floats | None = None
    weights: dict[str, Floats] = field(default_factory=dict)


class Method(Protocol):
    """A forecasting method: fits a panel and forecasts all of its series."""

    @property
    def settings(self) -> dict[str, Any] | None:
        """Whatever its forecasts depend on beside the data and its code; None: never cache."""

    def fit(self, train: Panel, horizon: int) -> None:
        """Learn from a panel, to forecast up to `horizon` steps ahead."""

    def forecast(self, past: Panel) -> Forecast:
        """Forecast what follows a panel of the same series, which may go on beyond `train`."""


@dataclass(frozen=True)
class Run:
    """All forecasts of a method on a data set, with a first axis of origins, and their cost."""

    values: Floats
    lower: dict[int, Floats]
    upper: dict[int, Floats]
    fit_seconds: float
    forecast_seconds: float  # of all series, per origin
    totals: dict[int, tuple[Floats, Floats]] = field(default_factory=dict)
    paths: Floats | None = None
    weights: dict[str, Floats] = field(default_factory=dict)


def run(method: Method, data: DataSet) -> Run:
    """Fit before the cut, forecast from every origin.

    Raises:
        ValueError: a forecast is not of the panel's series and the horizon asked for.
    """
    began = time.perf_counter()
    method.fit(data.train, data.pace.horizon)
    fitted = time.perf_counter()
    forecasts = [method.forecast(until(data.panel, int(origin))) for origin in data.origins]
    ended = time.perf_counter()
    expected = (len(data.panel.series_keys), data.pace.horizon, 3)
    shapes = {a.shape for f in forecasts for a in (f.values, *f.lower.values(), *f.upper.values())}
    if shapes != {expected}:
        raise ValueError(f"Forecasts must have the shape {expected}; got {sorted(shapes)}.")
    paths = [f.paths for f in forecasts if f.paths is not None]
    return Run(
        np.stack([f.values for f in forecasts]),
        {level: np.stack([f.lower[level] for f in forecasts]) for level in forecasts[0].lower},
        {level: np.stack([f.upper[level] for f in forecasts]) for level in forecasts[0].upper},
        fitted - began,
        (ended - fitted) / len(forecasts),
        {level: _bounds([f.totals[level] for f in forecasts]) for level in forecasts[0].totals},
        np.stack(paths) if paths else None,
        forecasts[0].weights,
    )


def _bounds(found: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    return np.stack([lower for lower, _ in found]), np.stack([upper for _, upper in found])


class Cache:
    """Runs kept in a folder, each an .npz by data set, method and a digest of both.

    Only a method's code is not looked at: empty the folder when that changes.

    Its arrays: `origins` [O] step numbers, `values` and, where the method gives intervals,
    `lower80`, `upper80`, `lower95`, `upper95`, all [O, S, H, 3]; `totals80`, `totals95`
    [2, O, S, 3] and `paths` [O, S, n, H, 3] likewise; `seconds` to fit and to forecast.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, name: str, method: Method, data: DataSet) -> Run:
        """Return the cached result of a run, or run and cache it."""
        if method.settings is None:
            return run(method, data)
        path = (
            self._folder / f"{_slug(data.name)}--{_slug(name)}--{_digest(name, method, data)}.npz"
        )
        if path.exists():
            return _load(path)
        found = run(method, data)
        self._folder.mkdir(parents=True, exist_ok=True)
        arrays = {"origins": data.origins, "values": found.values}
        arrays |= {f"lower{level}": bound for level, bound in found.lower.items()}
        arrays |= {f"upper{level}": bound for level, bound in found.upper.items()}
        arrays |= {f"totals{level}": np.stack(bounds) for level, bounds in found.totals.items()}
        arrays |= {} if found.paths is None else {"paths": found.paths}
        unfinished = path.with_suffix(f".{os.getpid()}.tmp")
        with unfinished.open("wb") as file:
            np.savez_compressed(file, seconds=[found.fit_seconds, found.forecast_seconds], **arrays)
        unfinished.replace(path)
        return found


def _load(path: Path) -> Run:
    with np.load(path, allow_pickle=False) as file:
        levels = [level for level in LEVELS if f"lower{level}" in file]
        return Run(
            file["values"],
            {level: file[f"lower{level}"] for level in levels},
            {level: file[f"upper{level}"] for level in levels},
            *file["seconds"].tolist(),
            {n: tuple(file[f"totals{n}"]) for n in LEVELS if f"totals{n}" in file},
            file.get("paths"),
        )


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() or c in ".-" else "_" for c in name)


def _digest(name: str, method: Method, data: DataSet) -> str:
    panel = data.panel
    stated = [name, method.settings, data.cut, data.pace, panel.series_keys, str(panel.calendar)]
    digest = hashlib.blake2b(json.dumps(stated, sort_keys=True).encode(), digest_size=6)
    for array in (panel.values, panel.offsets, panel.first, data.origins):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
