"""Little's Law in data of finite length: pass, inconclusive or fail, by what windows' edges carry.

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
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DETECTED = 0.20  # a pass means that no larger deviation can have hidden
PRECISION = 0.02  # of a window's ΣWIP, for rounding and for stocks counted at odd hours
LEAST = 10  # steps with a known cycle time
EDGES = 32  # places in a series where windows begin and end
_DEVIATIONS = 4.0  # standard deviations of WIP's course within steps
_SERIES_PER_BLOCK = 64

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


@dataclass(frozen=True)
class _Edges:
    """Up to EDGES boundaries of each series, [S, EDGES]; amounts in units of its mean WIP.

    Boundary `row` lies before that row, between WIP `before` and `after`. `stock`, `service` and
    `untimed` are sums up to it, `low` is the lowest WIP up to the next boundary. `valid` is false
    where there is none, behind those that are.
    """

    valid: NDArray[np.bool_]
    row: Ints
    before: Floats
    after: Floats
    oldest: Floats
    stock: Floats
    service: Floats
    untimed: Floats
    low: Floats


def judge(panel: Panel) -> Verdicts:
    """Judge every series by all windows between EDGES of its boundaries.

    The boundaries are those with the least WIP in each of EDGES equal spans, where there is
    least to be unsure of.
    """
    flow = _Flow.of(panel)
    edges = flow.edges(panel)
    parts = [
        _judge_block(flow, edges, slice(begin, begin + _SERIES_PER_BLOCK))
        for begin in range(0, len(panel.keys), _SERIES_PER_BLOCK)
    ]
    names = Verdicts.__dataclass_fields__
    return Verdicts(**{name: np.concatenate([part[name] for part in parts]) for name in names})


def counts(found: NDArray[np.str_], names: Sequence[str]) -> dict[str, int]:
    """How many series have which verdict, those of none included."""
    return {name: int((found == name).sum()) for name in names}


def sums(panel: Panel, values: Floats) -> Floats:
    """Sum of each series' values, [rows] → [S]."""
    return np.add.reduceat(values, panel.offsets[:-1])


@dataclass(frozen=True)
class _Flow:
    """Rows in units of their series' mean WIP, [rows], and figures of each series, [S]."""

    wip: Floats
    service: Floats  # throughput × cycle time, the unknown by the mean of the known
    untimed: Floats  # throughput whose cycle time is not known
    departs: NDArray[np.bool_]
    longest: Floats  # [S], cycle time seen
    mean_time: Floats  # [S], cycle time of a unit
    jitter: Floats  # [S], standard deviation of a stock from the mean of its step
    known: Ints  # [S]

    @classmethod
    def of(cls, panel: Panel) -> _Flow:
        series, (wip, throughput, cycle_time) = panel.series, panel.values.T
        timed = (throughput > 0) & ~np.isnan(cycle_time)
        level = sums(panel, wip) / panel.lengths
        level = np.where(level > 0, level, 1.0)
        flow, spent = np.where(timed, throughput, 0.0), np.where(timed, cycle_time, 0.0)
        timed_flow = sums(panel, flow)
        mean = np.divide(
            sums(panel, flow * spent),
            timed_flow,
            out=np.full(len(level), np.nan),
            where=timed_flow > 0,
        )
        wip, throughput = wip / level[series], throughput / level[series]
        return cls(
            wip,
            throughput * np.where(timed, spent, mean[series]),
            np.where(timed, 0.0, throughput),
            throughput > 0,
            np.maximum.reduceat(spent, panel.offsets[:-1]),
            mean,
            _jitter(panel, wip),
            sums(panel, timed.astype(float)).astype(np.int64),
        )

    def edges(self, panel: Panel) -> _Edges:
        """Choose the boundary of least WIP in each span; the outermost steps are left out."""
        chosen = self._boundaries(panel)
        owner = np.searchsorted(panel.offsets, chosen, side="right") - 1
        number = np.arange(len(chosen)) - np.searchsorted(owner, owner)
        last_exit = np.maximum.accumulate(np.where(self.departs, np.arange(len(self.wip)), -1))
        idle = np.minimum(chosen - 1 - last_exit[chosen - 1], chosen - panel.offsets[owner])

        def table(values: NDArray[Any]) -> Floats:
            filled = np.zeros((len(panel.keys), EDGES))
            filled[owner, number] = values
            return filled

        def before(values: Floats) -> Floats:
            return table(np.nancumsum(values)[chosen - 1])

        return _Edges(
            valid=table(np.ones(len(chosen))) > 0,
            row=table(chosen).astype(np.int64),
            before=table(self.wip[chosen - 1]),
            after=table(self.wip[chosen]),
            oldest=table(self.longest[owner] + idle + 1),
            stock=before(self.wip),
            service=before(self.service),
            untimed=before(self.untimed),
            low=table(np.minimum.reduceat(self.wip, chosen)),
        )

    def _boundaries(self, panel: Panel) -> Ints:
        """The row after the boundary of least WIP in each span of each series, in order."""
        wip = np.maximum(self.wip, np.roll(self.wip, 1))
        wip[panel.offsets[:-1]] = np.inf  # what lies before a series is no boundary of it
        spans = (panel.lengths[:, None] - 1) * np.arange(1, EDGES)
        begins = panel.offsets[:-1, None] + 1 - spans // -EDGES  # rounded up
        begins = np.unique(np.column_stack([panel.offsets[:-1], begins]))
        begins = begins[begins < panel.offsets[-1]]
        least = np.minimum.reduceat(wip, begins)
        lowest = np.flatnonzero(wip == np.repeat(least, np.diff(begins, append=len(wip))))
        chosen = lowest[np.searchsorted(lowest, begins)]
        return chosen[least < np.inf]


def _jitter(panel: Panel, wip: Floats) -> Floats:
    """Standard deviation of a step's mean WIP from the mean of the stocks at its ends, [S].

    In units of the changes from step to step, the variance is 1/12 for a WIP that wanders (a
    Brownian bridge) and 1/2 for one that is drawn anew each step; the changes' autocorrelation
    at lag one, 0 and −1/2, tells which.
    """
    changes = np.append(np.diff(wip), 0.0)
    changes[panel.offsets[1:] - 1] = 0.0
    variance = sums(panel, changes**2)
    together = sums(panel, np.append(changes[1:] * changes[:-1], 0.0))
    memory = np.divide(together, variance, out=np.zeros_like(variance), where=variance > 0)
    share = 1 / 12 + 5 / 6 * np.clip(-memory, 0, 0.5)
    return np.sqrt(share * variance / np.maximum(panel.lengths - 1, 1))


def _judge_block(flow: _Flow, edges: _Edges, block: slice) -> dict[str, NDArray[np.generic]]:
    """The fields of `Verdicts` for some of the series, by all pairs of their edges."""
    known = flow.known[block]
    w = _Windows.of(flow, edges, block)
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


@dataclass(frozen=True)
class _Windows:
    """All windows of some series, by first and last edge, [S, EDGES, EDGES].

    True data keep `gap` = Σ wip − Σ throughput × cycle time between −`begin` and `end`.
    """

    valid: NDArray[np.bool_]
    size: Floats
    gap: Floats
    begin: Floats
    end: Floats

    @classmethod
    def of(cls, flow: _Flow, edges: _Edges, block: slice) -> _Windows:
        valid, row, before, after, oldest, stock, service, untimed, low = (
            getattr(edges, name)[block] for name in _Edges.__dataclass_fields__
        )
        longest, mean, jitter = (
            values[block, None, None] for values in (flow.longest, flow.mean_time, flow.jitter)
        )
        stock, service, untimed = _between(stock), _between(service), _between(untimed)
        steps = np.maximum(_between(row.astype(float)), 0)
        size = np.maximum(stock, service)
        later = np.triu(np.ones((EDGES, EDGES), bool), 1)
        # Shorter than what passes through it, a window says nothing.
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
