"""All windows between the boundaries of series: their deviation, and what their ends allow.

See `littles_law` for the bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.littles_law_flow import EDGES, Edges, Flow

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRECISION = 0.02  # of a window's ΣWIP, for rounding and for stocks counted at odd hours
_DEVIATIONS = 4.0  # standard deviations of WIP's course within steps


@dataclass(frozen=True)
class WindowBounds:
    """All windows of some series, by first and last edge, [S, EDGES, EDGES].

    True data keep `gap` = Σ wip − Σ throughput × cycle time between −`begin` and `end`.
    """

    valid: NDArray[np.bool_]
    size: Floats
    gap: Floats
    begin: Floats
    end: Floats

    @classmethod
    def of(cls, flow: Flow, edges: Edges, block: slice) -> WindowBounds:
        """Return the windows of some of the series."""
        valid, row, before, after, oldest, stock, service, untimed, low = (
            getattr(edges, name)[block] for name in Edges.__dataclass_fields__
        )
        longest, mean, jitter = (
            values[block, None, None] for values in (flow.longest, flow.mean_time, flow.jitter)
        )
        stock, service, untimed = _between(stock), _between(service), _between(untimed)
        steps = np.maximum(_between(row.astype(float)), 0)
        size = np.maximum(stock, service)
        later = np.triu(np.ones((EDGES, EDGES), bool), 1)
        # A window shorter than the longest cycle time is not judged.
        valid = later & valid[:, :, None] & valid[:, None, :] & (size > 0) & (steps > longest)
        size = np.where(valid, size, 1.0)
        unseen = _DEVIATIONS * jitter * np.sqrt(steps) + PRECISION * size
        # Stocks at the steps' starts or ends instead of means: half a step's stock at each edge.
        unseen += np.maximum(abs(_between(before)), abs(_between(after))) / 2
        wip = np.maximum(before, after)
        ages = wip * oldest
        begin = ages[:, :, None] + unseen + untimed * mean
        end = ages[:, None, :] + unseen + untimed * (longest - mean) + _piled_up(row, wip, low)
        return cls(valid, size, stock - service, begin, end)

    def at(self, place: tuple[Ints, ...]) -> tuple[Floats, Floats]:
        """Deviation and, in its direction, allowance of a window of each series; shares."""
        deviation = self.gap[place] / self.size[place]
        allowed = np.where(deviation > 0, self.end[place], self.begin[place])
        return deviation, allowed / self.size[place]


def _between(values: Floats) -> Floats:
    """Differences of what later and earlier edges have, [S, EDGES] → [S, EDGES, EDGES]."""
    return values[:, None, :] - values[:, :, None]


def _piled_up(row: Ints, wip: Floats, low: Floats) -> Floats:
    """Most that units which have come in since the data's start, and stay, spent in a window.

    Of what is there at its end, at most the least WIP since a moment can have been there since
    that moment; what stands above the least WIP since the data's start has come in since. The
    integral of that over the window, from above, [S, EDGES, EDGES].
    """
    later = np.triu(np.ones((EDGES, EDGES), bool), 1)
    lows = np.where(later, low[:, :, None], np.inf)
    least = np.minimum(np.minimum.accumulate(lows[:, ::-1], axis=1)[:, ::-1], wip[:, None, :])
    # The least WIP since the end of each span between two edges, up to the window's end.
    since = np.concatenate([least[:, 1:], least[:, -1:]], axis=1)
    spans = np.diff(row, axis=1, append=row[:, -1:])[:, :, None]
    area = np.where(later, spans * since, 0.0)
    total = np.cumsum(area[:, ::-1], axis=1)[:, ::-1]
    return np.maximum(total - np.maximum(_between(row.astype(float)), 0) * least[:, :1], 0.0)
