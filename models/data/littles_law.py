"""Test of Little's Law in data of finite length, by windows: pass, inconclusive or fail.

For any window the law is exact once the units in process at its two ends are counted:

    ∫ WIP dt = Σ time in system of what leaves + ages at the end − ages at the start,

an age being the time that a unit in process has spent so far, the ages those of all units in
process together. (J. D. C. Little, "Little's Law as viewed on its 50th anniversary", Operations
Research 59 (2011); S.-H. Kim & W. Whitt, "Statistical analysis with Little's law", Operations
Research 61 (2013).) Mirrored in time: Σ time in system of what arrives + carry-in − overhang.

Rows tell both sums, Σ wip and Σ throughput × cycle_time. They do not tell the ages, but bound
them, from zero to

    WIP at the edge × (longest cycle time seen + steps since anything left + 1)
    + what has piled up since the data's start: it may be there since it came.

So true data keep Σ wip − Σ throughput × cycle_time between −(bound at the start) and +(bound at
the end), in every window. On top go

* what one value of WIP a step does not tell of its course within the step: four standard
  deviations of it, from how WIP changes from step to step, and half a step's difference of the
  stocks at the edges, as tables hold means of steps or stocks at their starts or ends;
* unknown cycle times: anything from zero to the longest seen;
* PRECISION, for rounding and for stocks that are counted at odd hours.

The verdict:

* fail: a window deviates by more than that. No order of service explains it, unless some units
  are older than any cycle time seen: where WIP is too high, it may hold units that never leave.
* pass: none does, and in the sharpest window no deviation above DETECTED could have hidden.
* inconclusive: none does, but larger deviations could have hidden: the data is short for its
  cycle times, WIP piles up, or cycle times are not known.

As all rests on the longest cycle time seen, windows shorter than it are not judged, and fewer
than LEAST steps with a known one are inconclusive. Within a step the longest cycle time exceeds
the mean, which is what rows state; in a line that serves first come, first served, by less than
the one step that is added.

Example, 400 steps of WIP 40, throughput 20 and cycle time 2: `judge` returns the verdict "pass";
with WIP 60 throughout, "fail".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.littles_law_flow import EDGES, Edges, Flow
from models.data.littles_law_windows import WindowBounds
from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DETECTED = 0.20  # a pass means that no larger deviation can have hidden
LEAST = 10  # steps with a known cycle time
SERIES_PER_BLOCK = 64

PASS, INCONCLUSIVE, FAIL = "pass", "inconclusive", "fail"
VERDICTS = (PASS, INCONCLUSIVE, FAIL)


@dataclass(frozen=True)
class Verdicts:
    """Little's Law of each series, [S] each. A deviation is a share of ΣWIP or, if larger, of
    Σ throughput × cycle time; positive where WIP is too high. NaN where there is no window.

    Attributes:
        verdict: one of VERDICTS.
        deviation: over the longest window, the whole series but for its outermost steps.
        allowance: what the edges of that window explain in the deviation's direction.
        detectable: the smallest deviation that could not have hidden from all windows.
        windows: number of windows judged.
        failed: number of them that fail.
        worst: first and last row of the window that exceeds its allowance by most, [S, 2].
        worst_deviation: the deviation over that window.
        worst_allowance: what its edges explain.
        known: steps with a known cycle time.
    """

    verdict: NDArray[np.str_]
    deviation: Floats
    allowance: Floats
    detectable: Floats
    windows: Ints
    failed: Ints
    worst: Ints
    worst_deviation: Floats
    worst_allowance: Floats
    known: Ints


def judge(panel: Panel) -> Verdicts:
    """Judge every series by all windows between EDGES of its boundaries.

    The boundaries are those with the least WIP in each of EDGES equal spans, where there is
    least to be unsure of.
    """
    flow = Flow.of(panel)
    edges = flow.edges(panel)
    parts = [
        _judge_block(flow, edges, slice(begin, begin + SERIES_PER_BLOCK))
        for begin in range(0, len(panel.series_keys), SERIES_PER_BLOCK)
    ]
    names = Verdicts.__dataclass_fields__
    return Verdicts(**{name: np.concatenate([part[name] for part in parts]) for name in names})


def counts(found: NDArray[np.str_], names: Sequence[str]) -> dict[str, int]:
    """Return the number of series with each verdict, in the order of `names`."""
    return {name: int((found == name).sum()) for name in names}


def _judge_block(flow: Flow, edges: Edges, block: slice) -> dict[str, NDArray[np.generic]]:
    """The fields of `Verdicts` for some of the series, by all pairs of their edges."""
    known = flow.known[block]
    w = WindowBounds.of(flow, edges, block)
    excess = np.where(w.valid, np.maximum(w.gap - w.end, -w.gap - w.begin), -np.inf)
    detectable = np.where(w.valid, (w.begin + w.end) / w.size, np.inf).min(axis=(1, 2))
    enough = (known >= LEAST) & w.valid.any(axis=(1, 2))
    failed = np.where(enough, (excess > 0).sum(axis=(1, 2)), 0)
    sharp = enough & (detectable <= DETECTED)
    series = np.arange(len(known))
    rows = edges.row[block]
    # The last valid edge; edges stand without holes from the first on.
    longest = (series, np.zeros_like(series), edges.valid[block].sum(axis=1) - 1)
    worst = (series, *np.divmod(excess.reshape(len(series), -1).argmax(axis=1), EDGES))
    deviation, allowance = w.at(longest)
    worst_deviation, worst_allowance = w.at(worst)
    nothing = np.where(enough, 0.0, np.nan)
    return {
        "verdict": np.where(failed > 0, FAIL, np.where(sharp, PASS, INCONCLUSIVE)),
        "deviation": deviation + nothing,
        "allowance": allowance + nothing,
        "detectable": detectable + nothing,
        "windows": np.where(enough, w.valid.sum(axis=(1, 2)), 0),
        "failed": failed,
        "worst": np.column_stack([rows[worst[:2]], rows[worst[0], worst[2]] - 1]),
        "worst_deviation": worst_deviation + nothing,
        "worst_allowance": worst_allowance + nothing,
        "known": known,
    }
