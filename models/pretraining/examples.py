"""Training examples: inputs and true values of windows, cut from simulated lines.

Every line gives several windows. Half of them are cut short (a young line), and what is known of
the future is hidden from half of them. A chunk mixes days, weeks and months.

    >>> chunk = draw(np.random.default_rng(1), lines=16, windows=2)
    >>> chunk.targets.shape[1:]
    (28, 3)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecast.pretrained import INPUTS
from models.forecast.pretrained_inputs import FUTURE, HORIZON, SHAPES, Inputs
from models.pretraining import statistical
from models.pretraining.demand import Floats, Grid, Rng
from models.pretraining.observation import Records, record
from models.pretraining.simulator import simulate
from models.series.calendar import Step

FEWEST_ROWS = 10  # of a window that is cut short

_STEPS = 784  # simulated of each line
_LARGEST_TARGET = 500.0  # scaled truths beyond it are left out
# Kind of step, steps of the simulation in one, steps of the simulation in a year, share of the
# lines, and of these the share of plain statistical processes.
_KINDS = (
    (Step.DAY, 1, 365, 0.6, 0.25),
    (Step.WEEK, 4, 208, 0.08, 0.0),
    (Step.WEEK, 1, 52, 0.09, 0.5),
    (Step.MONTH, 4, 48, 0.08, 0.0),
    (Step.MONTH, 1, 12, 0.15, 0.7),
)


@dataclass(frozen=True)
class Examples:
    """Inputs of n windows, and the true values after them, scaled, [n, 28, 3]; NaN: unknown."""

    inputs: tuple[NDArray[np.float32], ...]
    targets: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.targets)

    def taken(self, places: NDArray[np.int64]) -> Examples:
        """Return the examples with these numbers."""
        return Examples(tuple(part[places] for part in self.inputs), self.targets[places])


def draw(rng: Rng, lines: int = 1024, windows: int = 12) -> Examples:
    """Return shuffled examples of freshly simulated lines.

    Args:
        lines: number of lines, about.
        windows: cut from each.
    """
    found = [
        _cut(rng, step, _records(rng, step, steps, year, round(lines * share), plain), windows)
        for step, steps, year, share, plain in _KINDS
    ]
    joined = Examples(
        tuple(np.concatenate(parts) for parts in zip(*(e.inputs for e in found), strict=True)),
        np.concatenate([e.targets for e in found]),
    )
    known = np.flatnonzero(~np.isnan(joined.targets).all(axis=(1, 2)))
    return joined.taken(rng.permutation(known))


def batches(rng: Rng, size: int, lines: int = 1024, windows: int = 12) -> Iterator[Examples]:
    """Yield batches without end, of lines that are simulated as they are needed.

    Every example comes twice, which halves the time that simulating takes.
    """
    while True:
        chunk = draw(rng, lines, windows)
        for _ in range(2):
            order = rng.permutation(len(chunk))
            for begin in range(0, len(chunk) - size + 1, size):
                yield chunk.taken(order[begin : begin + size])


def _records(rng: Rng, step: Step, steps: int, year: int, lines: int, plain: float) -> Records:
    """Records of simulated lines, and of plain statistical processes beside them."""
    flows, others = lines - round(lines * plain), round(lines * plain)

    def grid(count: int) -> Grid:
        return Grid(np.full(count, year), np.full(count, step is Step.DAY))

    made = record(rng, simulate(rng, grid(flows), _STEPS), steps)
    if not others:
        return made
    rows = statistical.draw(rng, grid(others), _STEPS)
    nothing = np.full((*rows.shape[:2], len(FUTURE)), np.nan)
    return Records.joined(made, Records(rows, rows, nothing))


def _cut(rng: Rng, step: Step, records: Records, windows: int) -> Examples:
    """The examples of some origins of each line."""
    n, length, _ = records.rows.shape
    look_back = SHAPES[step].look_back
    origins = rng.integers(FEWEST_ROWS, length - HORIZON + 1, (n, windows))
    place = origins[..., None] + np.arange(-look_back, 0)
    line = np.arange(n)[:, None, None]
    # Each target's values lie side by side in memory, as the inputs need them.
    by_target = np.ascontiguousarray(records.rows.swapaxes(1, 2))
    target = np.arange(3)[:, None]
    age = np.exp(rng.uniform(np.log(FEWEST_ROWS), np.log(look_back), (n, windows)))
    age = np.where(rng.random((n, windows)) < 0.5, age, look_back)
    young = np.arange(look_back, 0, -1) > age[..., None]
    rows = by_target[line[..., None], target, np.maximum(place, 0)[:, :, None]]
    rows = np.where(((place < 0) | young)[:, :, None], np.nan, rows)
    rows = rows.reshape(n * windows, 3, look_back).swapaxes(1, 2)
    ahead = origins[..., None] + np.arange(HORIZON)
    truth, future = records.truth[line, ahead], records.future[line, ahead]
    truth, future = (part.reshape(n * windows, HORIZON, 3) for part in (truth, future))
    inputs = Inputs.of(rows, step, _hidden(rng, future))
    unit = np.where(inputs.spread > 0, inputs.spread, np.nan)[:, None]
    targets = (truth - inputs.centre[:, None]) / unit
    targets[np.abs(targets) > _LARGEST_TARGET] = np.nan
    given = tuple(getattr(inputs, name) for name in INPUTS)
    return Examples(given, targets.astype(np.float32))


def _hidden(rng: Rng, future: Floats) -> Floats:
    """The known future: nothing of half of the windows, of others some of it."""
    n = len(future)
    shown = (rng.random((n, 1, 1)) < 0.5) & (rng.random((n, 1, len(FUTURE))) < 0.6)
    return np.where(shown, future, np.nan)
