"""The scalers and label encoders in the pickles of old scikit-learn set-ups.

A file may hold one scaler, or nested dicts and lists of scalers and encoders; which is which is
told by the names that they have there.

Example: {"scaler_X": ..., "scaler_y": ..., "plant_encoder": ...} holds the scaler of the features,
that of the targets, and the encoder of the plants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from models.conversion.safe_pickle import (
    EstimatorState,
    LabelEncoderState,
    Scaling,
    StandardScalerState,
    is_plain,
    load,
    refused,
)
from models.series.panel import SERIES_FIELDS

_MOST_OBJECTS = 10_000
_DEEPEST = 5
_OF_TARGETS = re.compile(r"target|output|(?:^|[^a-z])y(?:[^a-z]|$)")
_OF_COLUMNS = re.compile(r"feature|column")
_HINTS = {"plant": ("plant", "factory"), "application": ("app",), "panel_size": ("size", "panel")}


@dataclass(frozen=True)
class Scalers:
    """The content of a file of scalers.

    Attributes:
        scaler: mean and scale of the features.
        target_scaler: those of the targets, if they have a scaler of their own.
        encoders: names by code, for each of `models.series.panel.SERIES_FIELDS` with an encoder.
        features: columns that the scaler was fitted on, if it, or a list beside it, names them.
    """

    scaler: Scaling
    target_scaler: Scaling | None
    encoders: dict[str, list[str]]
    features: tuple[str, ...] = ()


def read_scalers(path: Path) -> Scalers:
    """Return the content of a pickle of a scaler, or of nested scalers and label encoders.

    Raises:
        InvalidInput: the file names anything that is not accepted, is no pickle, or holds no
            scaler. Nothing in it was executed.
    """
    found = list(_walk(load(path), path.stem, count()))
    scalers = [(name, one) for name, one in found if isinstance(one, StandardScalerState)]
    encoders = [(name, one) for name, one in found if isinstance(one, LabelEncoderState)]
    of_features, of_targets = _by_role(scalers)
    listed = next((one for name, one in found if isinstance(one, _Columns)), _Columns())
    return Scalers(
        of_features.scaling(),
        None if of_targets is None else of_targets.scaling(),
        _by_kind(encoders),
        of_features.features() or tuple(listed),
    )


class _Columns(tuple[str, ...]):
    """Names of the features' columns, in their order."""


def _walk(
    held: Any, name: str, visited: Iterator[int], depth: int = 0
) -> Iterator[tuple[str, Any]]:
    """Yield (name, object) of all scalers and encoders in nested containers."""
    # Bounded, as a small file can hold one container very many times.
    if depth > _DEEPEST or next(visited) > _MOST_OBJECTS:
        raise refused("holds too many objects within each other")
    if isinstance(held, EstimatorState):
        yield name.lower(), held
        return
    if not isinstance(held, dict | list | tuple):
        return
    is_text = not isinstance(held, dict) and held and all(isinstance(one, str) for one in held)
    if is_text and _OF_COLUMNS.search(name.lower()) and not _OF_TARGETS.search(name.lower()):
        yield name.lower(), _Columns(held)
        return
    # The name of the file does not describe the parts of a container.
    before = f"{name}." if depth else ""
    parts = held.items() if isinstance(held, dict) else enumerate(held)
    for key, part in parts:
        yield from _walk(part, f"{before}{key}" if is_plain(key) else name, visited, depth + 1)


def _by_role(
    scalers: list[tuple[str, StandardScalerState]],
) -> tuple[StandardScalerState, StandardScalerState | None]:
    """The scaler of the features and that of the targets: by name, else the second one."""
    if len(scalers) > 2:
        names = ", ".join(name for name, _ in scalers[:20])
        raise refused("must hold one scaler of the features and at most one of the targets", names)
    targets = [one for name, one in scalers if _OF_TARGETS.search(name)]
    others = [one for name, one in scalers if not _OF_TARGETS.search(name)]
    if not others:
        raise refused("holds no StandardScaler of the features")
    return others[0], next(iter(targets or others[1:]), None)


def _by_kind(encoders: list[tuple[str, LabelEncoderState]]) -> dict[str, list[str]]:
    """The names of encoders by field: by the encoders' own names, the others in the usual order."""
    found: dict[str, list[str]] = {}
    unnamed = []
    for name, encoder in encoders:
        last = name.rsplit(".", 1)[-1]
        hits = [
            k for k in SERIES_FIELDS if k not in found and any(hint in last for hint in _HINTS[k])
        ]
        if hits:
            found[hits[0]] = encoder.classes()
        else:
            unnamed.append(encoder)
    left = [kind for kind in SERIES_FIELDS if kind not in found]
    found |= {kind: one.classes() for kind, one in zip(left, unnamed, strict=False)}
    return {kind: found[kind] for kind in SERIES_FIELDS if kind in found}
