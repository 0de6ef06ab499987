"""The roll-out: many steps ahead, each from the ones before it, forecasts included.

All values here are scaled (`models.series.scaling`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Autoregression, Shape
from models.series.encoding import FARTHEST, Encoding
from models.series.features import last_averages
from models.series.legacy_encoding import LegacyEncoding
from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Network = Callable[[NDArray[np.float32], NDArray[np.int32] | None], NDArray[np.float32]]

_ROOM = 0.25  # of the range that a series has shown, beyond it on both sides


@dataclass(frozen=True)
class LookBack:
    """What n roll-outs start from.

    `scaled` [n, look_back, 3] are the last rows; as many of them, at the end, as `known` [n] says
    are rows of the series, the others their mean. `last` [n] is the step number of the last one,
    `series` [n] the series' numbers, `lowest` and `highest` [n, 3] the bounds of the forecast.
    """

    scaled: Floats
    known: Ints
    last: Ints
    series: Ints
    lowest: Floats
    highest: Floats

    @classmethod
    def of_rows(
        cls,
        rows: Floats,
        known: NDArray[np.bool_],
        last: Ints,
        series: Ints,
        shown: tuple[Floats, Floats] | None = None,
    ) -> LookBack:
        """From recent rows, [n, look_back, 3], of series that have shown values from, to, [n, 3].

        Args:
            known: which rows there are, [n, look_back]; the last ones of each series.
        """
        scaled = padded(rows, known)
        low, high = scaled.min(axis=1), scaled.max(axis=1)
        if shown is not None:
            low, high = np.minimum(low, shown[0]), np.maximum(high, shown[1])
        room = _ROOM * (high - low)
        return cls(scaled, known.sum(axis=1), last, series, low - room, high + room)

    @classmethod
    def of(
        cls,
        panel: Panel,
        scaled: Floats,
        shape: Shape,
        series: Ints,
        origin: int | Ints,
        shown: tuple[Floats, Floats] | None = None,
        least: int = 0,
    ) -> LookBack:
        """The rows of some series of a panel before step `origin` (one for all, or one each).

        As many as an anchor of that shape looks at, but at least `least`.
        """
        begins, ends = panel.offsets[series], panel.offsets[series + 1]
        end = np.clip(origin - panel.first[series] + begins, begins + 1, ends)
        rows = end[:, None] - np.arange(max(shape.look_back, least), 0, -1)
        return cls.of_rows(
            scaled[np.maximum(rows, 0)],
            rows >= begins[:, None],
            panel.first[series] + end - begins - 1,
            series,
            shown and (shown[0][series], shown[1][series]),
        )


def padded(rows: Floats, known: NDArray[np.bool_]) -> Floats:
    """Rows [n, look_back, 3] with unknown ones, [n, look_back], at the mean of the others."""
    if known.all():
        return rows
    known = known[..., None]
    mean = np.where(known, rows, 0.0).sum(axis=1, keepdims=True)
    return np.where(known, rows, mean / np.maximum(known.sum(axis=1, keepdims=True), 1))


class Correction:
    """What the network adds to the anchor's changes, step by step of a roll-out.

    Args:
        size: [3], the unit of what the network says; zero where it is not heard.
    """

    def __init__(
        self, network: Network, encoding: Encoding, size: Floats, past: LookBack, steps: int
    ) -> None:
        if past.scaled.shape[1] < encoding.look_back:
            raise ValueError(f"takes {encoding.look_back} rows of the past: {past.scaled.shape[1]}")
        self._size = size
        self._length, self._first = encoding.length, encoding.shown_width
        around = _by_time(past.last, 1 - self._length, steps, encoding.ahead)
        count, rows, width = around.shape
        self._rows = np.empty((count, rows, self._first + width), np.float32)
        self._rows[:, :, self._first :] = around
        self._rows[:, : self._length, : self._first] = _shown(encoding, past)
        # What the moving averages of later rows are made of, from before the last row on.
        self._averaged, self._known = encoding.averaged, past.known
        self._longest = max(self._averaged, default=1)
        before = past.scaled[:, past.scaled.shape[1] + 1 - self._longest :]
        self._values = np.empty((count, self._longest - 1 + steps, 3))
        self._values[:, : self._longest - 1] = np.clip(before, -FARTHEST, FARTHEST)
        self._window = np.empty((count, self._length, self._rows.shape[2]), np.float32)
        self._say = _bound(network, self._window, encoding.identities(past.series))
        # The forecast keeps within its bounds: often nothing of it lies farther than is shown.
        self._may_be_far = bool(max(past.highest.max(), -past.lowest.min()) > FARTHEST)

    def at(self, step: int, now: Floats) -> Floats:
        """The correction of the change after `now`, [n, 3], the row `step` steps ahead."""
        end = self._length + step
        if step:
            near = np.clip(now, -FARTHEST, FARTHEST) if self._may_be_far else now
            self._rows[:, end - 1, :3] = near
            if self._averaged:
                self._rows[:, end - 1, 3 : self._first] = self._averages(step, near)
        self._window[...] = self._rows[:, step:end]
        return self._say() * self._size

    def _averages(self, step: int, near: Floats) -> Floats:
        """The moving averages of the row `step` steps ahead, of which the values are `near`."""
        end = self._longest - 2 + step
        self._values[:, end] = near
        recent = self._values[:, end + 1 - self._longest : end + 1]
        return last_averages(recent, self._known + step, self._averaged)


def _bound(
    network: Network, windows: NDArray[np.float32], identities: NDArray[np.int32]
) -> Callable[[], NDArray[np.float32]]:
    """What a network says of windows that are written to between calls."""
    bind = getattr(network, "bind", None)  # not every one is served
    return bind(windows, identities) if bind else partial(network, windows, identities)


def _shown(encoding: Encoding, past: LookBack) -> NDArray[np.float32]:
    """The window of the last rows as a network is shown it, [n, length, shown width]."""
    count, look_back = past.scaled.shape[0], encoding.look_back
    scaled = past.scaled[:, -look_back:]
    position = np.arange(look_back) - np.maximum(look_back - past.known, 0)[:, None]
    shown = encoding.shown(scaled.reshape(-1, 3), np.maximum(position, 0).ravel())
    return shown.reshape(count, look_back, -1)[:, -encoding.length :]


def roll_linear(anchor: Autoregression, past: LookBack, steps: int) -> Floats:
    """The anchor alone, rolled out: [n, steps, 3]."""
    return roll_out(anchor, past, steps, None)


def roll_out(
    anchor: Autoregression, past: LookBack, steps: int, correction: Correction | None
) -> Floats:
    """Forecast `steps` steps of n series at once, each fed back as input of the next.

    The forecast stays within what the series has shown, and a quarter of that range around it.

    Returns: [n, steps, 3].
    """
    weights, ahead = anchor.shape.expand(anchor.coefficients(past.series))
    weights, ahead = weights * anchor.change[:, None], ahead * anchor.change[:, None]
    count, look_back = len(past.last), anchor.shape.look_back
    calendar = _by_time(past.last, 0, steps, anchor.shape.ahead)
    drift = np.matmul(calendar, np.swapaxes(ahead, 1, 2))
    values = np.empty((count, look_back + steps, 3))
    values[:, :look_back] = past.scaled[:, -look_back:]
    flat = values.reshape(count, -1, 1)
    now = values[:, look_back - 1]
    for step in range(steps):
        change = np.matmul(weights, flat[:, 3 * step : 3 * (step + look_back)])[..., 0]
        change += drift[:, step]
        if correction is not None:
            change += correction.at(step, now)
        change += now
        now = values[:, look_back + step]
        np.maximum(change, past.lowest, out=change)
        np.minimum(change, past.highest, out=now)
    return values[:, look_back:]


def _by_time(last: Ints, begin: int, end: int, features: Callable[[Ints], Any]) -> Any:
    """Features of the steps last + begin to last + end − 1 of n roll-outs, [n, end − begin, width].

    Roll-outs from the same step, as most are, share them.
    """
    if (last == last[0]).all():
        shared = features(last[0] + np.arange(begin, end))
        return np.broadcast_to(shared, (len(last), *shared.shape))
    ends, place = np.unique(last, return_inverse=True)
    time = ends[:, None] + np.arange(begin, end)
    return features(time.ravel()).reshape(*time.shape, -1)[place]


def roll_levels(
    network: Network,
    encoding: LegacyEncoding,
    context: Floats,
    last: Ints,
    series: Ints,
    steps: int,
) -> Floats:
    """The roll-out of a legacy network, which says levels, in units: [n, steps, 3].

    Args:
        context: the recent past in units, [n, length, 3].
        last: step number of its last row, [n].
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
    result = np.empty((count, steps, 3))
    value = context[:, -1]
    for step in range(steps):
        value = encoding.decode(network(rows[:, step : step + length], None), value, series)
        result[:, step] = value
        if step + 1 < steps:
            rows[:, step + length] = encoding.rows(value, around[:, step + length], series)
    return result
