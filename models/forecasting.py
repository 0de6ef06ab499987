"""The roll-out of a published model: many steps ahead, each from the ones before it."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from utils.errors import DamagedFile, InvalidInput
from utils.legacy import LevelsEncoding
from utils.series import KEYS, Calendar, Encoding, Key

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Network = Callable[[NDArray[np.float32], NDArray[np.int32] | None], NDArray[np.float32]]

CLOSE = 0.20  # a forecast this near the truth, relative to it, has landed
_NORMAL = NormalDist()


class AnyEncoding(Protocol):
    """What the roll-out needs of an encoding; see `utils.series.Encoding`."""

    @property
    def calendar(self) -> Calendar:
        """The step of the series."""

    @property
    def length(self) -> int:
        """Rows of a window."""

    @property
    def keys(self) -> tuple[Key, ...]:
        """The series that the model knows."""

    def identities(self, series: Ints) -> NDArray[np.int32] | None:
        """Numbers of the names, if the network takes them apart from the rows."""

    def surroundings(self, time: Ints, series: Ints) -> NDArray[np.float32]:
        """Features of a row beside its values."""

    def rows(
        self, values: Floats, surroundings: NDArray[np.float32], series: Ints
    ) -> NDArray[np.float32]:
        """Features of rows from their values in units and their surroundings."""

    def decode(self, said: NDArray[np.float32], last: Floats, series: Ints) -> Floats:
        """What the network said, in units."""


def roll_out(
    network: Network, encoding: AnyEncoding, context: Floats, last: Ints, series: Ints, steps: int
) -> Floats:
    """Forecast `steps` steps, each fed back as input of the next, for n series at once.

    Args:
        network: (windows [n, length, features], identities [n, 3]) → [n, 3].
        context: the recent past in units, [n, length, 3].
        last: step number of the context's last row, [n].
        series: number of each series in the encoding, [n].

    Returns: values in units, [n, steps, 3], never negative.
    """
    count, length = context.shape[:2]
    time = last[:, None] + np.arange(1 - length, steps)
    owner = np.repeat(series, time.shape[1])
    around = encoding.surroundings(time.ravel(), owner).reshape(count, time.shape[1], -1)
    past = encoding.rows(
        context.reshape(-1, 3),
        around[:, :length].reshape(count * length, -1),
        np.repeat(series, length),
    )
    rows = np.empty((count, length + steps, past.shape[1]), np.float32)
    rows[:, :length] = past.reshape(count, length, -1)
    identities = encoding.identities(series)
    result = np.empty((count, steps, 3))
    value = context[:, -1]
    for step in range(steps):
        said = network(rows[:, step : step + length], identities)
        value = encoding.decode(said, value, series)
        result[:, step] = value
        if step + 1 < steps:
            rows[:, step + length] = encoding.rows(value, around[:, step + length], series)
    return result


def open_network(content: bytes) -> Network:
    """The function that the content of an ONNX file is, on one thread.

    Raises:
        DamagedFile: the file is no ONNX network.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no class of their own
        raise DamagedFile(f"The ONNX file holds no usable network: {error}") from error
    window, *others = (given.name for given in session.get_inputs())

    def network(
        windows: NDArray[np.float32], identities: NDArray[np.int32] | None
    ) -> NDArray[np.float32]:
        feed = {window: windows} | dict.fromkeys(others, identities)
        return session.run(None, feed)[0]

    return network


class Forecaster:
    """A published model, ready to forecast. Safe to share between threads.

    Args:
        document: the model's document, as `training` or `importing` wrote it.
        content: of its ONNX file.

    Raises:
        DamagedFile: the document or the network does not hold together.
    """

    def __init__(self, document: dict[str, Any], content: bytes) -> None:
        self._network = open_network(content)
        try:
            kinds: dict[str, Any] = {Encoding.kind: Encoding, LevelsEncoding.kind: LevelsEncoding}
            stated = document["encoding"]
            self.encoding: AnyEncoding = kinds[stated["kind"]].from_document(stated)
            self.confidence = [float(share) for share in document.get("confidence") or []]
            self._series = {tuple(entry["key"]): entry for entry in document["series"]}
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFile(
                f"The document of the model lacks what a forecast needs: {error!r}. A legacy "
                "model is brought in with `python run.py import`."
            ) from error
        self._numbers = {key: i for i, key in enumerate(self.encoding.keys)}

    def check(self, key: Key) -> None:
        """Refuse a series that the model was not trained on.

        Raises:
            InvalidInput: naming what it was trained on.
        """
        if key in self._numbers:
            return
        for place, (kind, name) in enumerate(zip(KEYS, key, strict=True)):
            known = sorted({k[place] for k in self.encoding.keys})
            if name not in known:
                raise InvalidInput.of(
                    {"panel_size": "panelSize"}.get(kind, kind),
                    f"must be one that the model was trained on: {_listed(known)}",
                    name,
                )
        series = [" / ".join(k) for k in self.encoding.keys]
        raise InvalidInput.of(
            "plant",
            f"must form a series that the model was trained on: {_listed(series)}",
            " / ".join(key),
        )

    def recent(self, key: Key) -> tuple[Floats, int] | None:
        """The end of a series' data, [length, 3], and the step number of its last row."""
        entry = self._series.get(key)
        return entry and (np.asarray(entry["recent"], float), int(entry["last_step"]))

    def highest_throughput(self, key: Key) -> float:
        """The most that the series ever put out in a step; infinite if that is not known."""
        return float(self._series.get(key, {}).get("highest_throughput", math.inf))

    def forecast(self, key: Key, context: Floats, last: int, steps: int) -> Floats:
        """WIP, throughput and cycle time of the steps after `last`, [steps, 3] in units."""
        series, end = np.array([self._numbers[key]]), np.array([last])
        return roll_out(self._network, self.encoding, context[None], end, series, steps)[0]

    def confidences(self, steps: int) -> list[float]:
        """Share of held-back forecasts that landed, by horizon, for horizons 1 to `steps`."""
        return confidences(self.confidence, steps)


def confidences(measured: list[float], steps: int) -> list[float]:
    """The measured shares, carried on beyond the longest measured horizon.

    There the error is taken to grow as a random walk's does, with the root of the horizon: a
    share c of normal errors within a bound at horizon H becomes 2Φ(z √(H ÷ h)) − 1 at h > H,
    with z = Φ⁻¹((1 + c) ÷ 2). Without any measurement, 0: nothing is known.
    """
    if not measured:
        return [0.0] * steps
    longest = len(measured)
    z = _NORMAL.inv_cdf((1 + min(measured[-1], 0.9999)) / 2)
    beyond = [
        2 * _NORMAL.cdf(z * math.sqrt(longest / h)) - 1 for h in range(longest + 1, steps + 1)
    ]
    return [*measured[:steps], *(min(share, measured[-1]) for share in beyond)]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown
