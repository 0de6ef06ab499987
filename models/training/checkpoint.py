"""Checkpoints of a training: its whole state as NumPy's archive, without any pickle.

A checkpoint states which training it belongs to; `restored` ignores one of another training, and
one that was cut short, so that the training then starts over.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

_TRIAL_PATH = "trial_path"


@dataclass(frozen=True)
class TrainingState:
    """The state of a training after an epoch.

    Attributes:
        variables: of the network and its optimizer, in the learner's order.
        best: variables of the network after its best epoch; [] without early stopping.
        history: losses by epoch.
        elapsed: seconds spent so far.
        trial_path: forecasts of the network in the trials; None: there are none yet.
    """

    variables: list[NDArray[Any]]
    best: list[NDArray[Any]]
    history: dict[str, list[float]]
    elapsed: float
    trial_path: NDArray[np.float64] | None = None


def packed(state: TrainingState, identity: str) -> bytes:
    """Return a checkpoint.

    Args:
        identity: text that two runs share only if one can continue the other.
    """
    content = BytesIO()
    arrays = {f"v{i}": value for i, value in enumerate(state.variables)}
    arrays |= {f"best{i}": value for i, value in enumerate(state.best)}
    arrays |= {name: np.array(values) for name, values in state.history.items()}
    if state.trial_path is not None:
        arrays[_TRIAL_PATH] = state.trial_path
    np.savez(content, about=identity, elapsed=state.elapsed, **arrays)  # type: ignore[arg-type]
    return content.getvalue()


def restored(content: bytes, identity: str, curves: list[str]) -> TrainingState | None:
    """Return the state in a checkpoint; None if it is of another training, or cut short.

    Args:
        identity: as `packed` was given.
        curves: names of the losses in the history.
    """
    try:
        with np.load(BytesIO(content), allow_pickle=False) as archive:
            kept = dict(archive)
    except (ValueError, OSError, EOFError, BadZipFile):
        return None
    if str(kept.get("about")) != identity:
        return None
    return TrainingState(
        _numbered(kept, "v"),
        _numbered(kept, "best"),
        {name: kept[name].tolist() for name in curves},
        float(kept["elapsed"]),
        kept.get(_TRIAL_PATH),
    )


def _numbered(kept: dict[str, NDArray[Any]], prefix: str) -> list[NDArray[Any]]:
    """The arrays `prefix0`, `prefix1` and so on."""
    found: list[NDArray[Any]] = []
    while f"{prefix}{len(found)}" in kept:
        found.append(kept[f"{prefix}{len(found)}"])
    return found
