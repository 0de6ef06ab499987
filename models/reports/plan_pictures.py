"""Pictures of plans: the curve of a line, finish dates of orders, plans side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from numpy.typing import NDArray

from utils import palette

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]

_RATE, _TIME = palette.TARGETS["throughput"], palette.TARGETS["cycle_time"]
_GREY = palette.REFERENCE
_ORDERS_DRAWN = 8


def draw_curve(title: str, curve: dict[str, Any]) -> bytes:
    """Return a PNG of throughput and cycle time over WIP, with where the line stands.

    Args:
        curve: the fields of the reply about a curve.
    """
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    figure.suptitle(title, fontsize=11, parse_math=False)
    if not curve["points"]:
        figure.text(0.5, 0.5, f"No curve. {curve['reason']}", ha="center", wrap=True)
        return _png(figure)
    left, right = figure.subplots(1, 2)
    names = ("wip", "throughput", "throughput_lower", "throughput_upper", "cycle_time")
    wip, rate, low, high, time = (
        np.array([point[name] for point in curve["points"]], float) for name in names
    )
    today = curve["today"]
    left.fill_between(wip, low, high, color=_RATE, alpha=0.15, linewidth=0, label="80 % interval")
    left.plot(wip, rate, color=_RATE, label="throughput")
    left.axhline(curve["capacity"]["value"], color=_GREY, linestyle="--", label="capacity")
    left.axvline(curve["critical_wip"]["value"], color=_GREY, linestyle=":", label="critical WIP")
    left.plot(today["wip"], today["throughput"], "o", color=palette.ACTUAL, label="today")
    _labelled(left, "units per worked step")
    right.plot(wip, time, color=_TIME, label="cycle time")
    if today["cycle_time"] is not None:
        right.plot(today["wip"], today["cycle_time"], "o", color=palette.ACTUAL, label="today")
    _labelled(right, "worked steps")
    for axes in (left, right):
        for begin, end in _spans(wip, [point["extrapolated"] for point in curve["points"]]):
            axes.axvspan(begin, end, color=_GREY, alpha=0.1, linewidth=0)
    figure.supxlabel("WIP in units; grey: beyond the history", fontsize=9)
    return _png(figure)


def draw_finish(title: str, names: Sequence[str], days: Sequence[Dates], due: list[Any]) -> bytes:
    """Return a PNG of the probability that orders are finished by each date.

    Args:
        names: of the orders.
        days: finish dates of each on all paths, NaT beyond the horizon.
        due: date that each is due, or None.
    """
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=11, parse_math=False)
    for place, (name, own) in enumerate(zip(names, days, strict=True)):
        if place == _ORDERS_DRAWN:
            axes.plot([], [], " ", label=f"and {len(names) - place} more")
            break
        colour = palette.SERIES[place % len(palette.SERIES)]
        known = np.sort(own[~np.isnat(own)])
        share = np.arange(1, len(known) + 1) / len(own)
        axes.step(known, share, where="post", color=colour, label=name)
        if due[place] is not None:
            axes.axvline(date2num(np.datetime64(due[place])), color=colour, linestyle=":")
    for level in (0.5, 0.8, 0.95):
        axes.axhline(level, color=_GREY, linewidth=0.6, alpha=0.5)
    axes.set_ylim(0, 1.01)
    axes.set_ylabel("probability to be finished; dotted: due")
    _dated(axes)
    return _png(figure)


def draw_plans(title: str, days: Dates, plans: Sequence[dict[str, Any]]) -> bytes:
    """Return a PNG of plans: WIP, cumulated output, and the spread of the output in all.

    Args:
        days: of the steps.
        plans: entries of the reply that compares them.
    """
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    figure.suptitle(title, fontsize=11, parse_math=False)
    wip, output, total = figure.subplots(1, 3)
    for place, plan in enumerate(plans):
        colour = palette.SERIES[place % len(palette.SERIES)]
        wip.plot(days, plan["wip_by_step"], color=colour, label=plan["name"])
        output.plot(days, np.cumsum(plan["throughput_by_step"]), color=colour, label=plan["name"])
        spread = plan["output"]
        total.plot([spread["p10"], spread["p90"]], [place, place], color=colour, linewidth=6)
        total.plot(spread["p50"], place, "|", color="white", markersize=12)
    wip.set_title("WIP at the end of the step, median", fontsize=10)
    output.set_title("output so far, median", fontsize=10)
    total.set_title("output in all, 10 % to 90 %", fontsize=10)
    total.set_yticks(range(len(plans)), [plan["name"] for plan in plans], parse_math=False)
    total.invert_yaxis()
    total.grid(alpha=0.3)
    for axes in (wip, output):
        axes.set_ylim(bottom=0)
        _dated(axes)
    return _png(figure)


def _spans(at: Floats, flags: list[bool]) -> list[tuple[float, float]]:
    """Begin and end of the runs of points with a flag."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    last = len(at) - 1
    return [
        (float(at[begin]), float(at[min(end, last)]))
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]


def _labelled(axes: Axes, label: str) -> None:
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9)


def _dated(axes: Axes) -> None:
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.grid(alpha=0.3)
    legend = axes.legend(fontsize=9)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=90)
    return out.getvalue()
