"""Growth of cost: plots of times against sizes, each with its slope, in `benchmarks/`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.speed.contender import ONE_THREAD, Contender

TARGET = Path(__file__).resolve().parents[1]
_ROWS = (1_000, 10_000, 100_000, 1_000_000)
_UNITS = (16, 32, 64, 128, 256)
_BATCHES = (16, 32, 64, 128, 256, 512)
_HORIZONS = (7, 15, 30, 90, 180, 365)
_SERIES = (1, 2, 4, 9, 18, 36)


def plots(turns: int) -> list[str]:
    """Draw all plots; a line about each."""
    return [
        _drawn("rows", "training from data to model, 1 epoch of batches of 512", "s", _ROWS,
               lambda n: _times("pipelines", "seconds", 1, "trained", str(n))),
        _drawn("units", "epoch of the default job, by units of the first LSTM", "s", _UNITS,
               lambda n: _trained(turns, lstm_units1=n, lstm_units2=n // 2)),
        _drawn("batch", "epoch of the default job, by batch size", "s", _BATCHES,
               lambda n: _trained(turns, batch_size=n)),
        _drawn("horizon", "forecast of one series, by horizon", "ms", _HORIZONS,
               lambda n: _times("forecasters", "milliseconds", turns, "ours", f"steps={n}")),
        _drawn("series", "forecast of 30 days, by number of series", "ms", _SERIES,
               lambda n: _times("forecasters", "milliseconds", turns, "ours", f"series={n}")),
    ]  # fmt: skip


def _trained(turns: int, **hyper: int) -> float:
    given = [f"{name}={value}" for name, value in hyper.items()]
    return _times("trainers", "seconds", turns, "ours", *given)


def _times(module: str, figure: str, turns: int, *arguments: str) -> float:
    with Contender.of_module(module, *arguments, **ONE_THREAD) as contender:
        contender.work()
        return median(float(contender.work()[figure]) for _ in range(turns))


def _drawn(
    name: str, title: str, unit: str, sizes: Sequence[int], time_of: Callable[[int], float]
) -> str:
    from matplotlib.figure import Figure

    times = [time_of(size) for size in sizes]
    slope = float(np.polyfit(np.log(sizes), np.log(times), 1)[0])
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.loglog(sizes, times, "o-")
    for size, value in zip(sizes, times, strict=True):
        axes.annotate(f"{value:.3g}", (size, value), (0, 6), textcoords="offset points",
                      ha="center", fontsize=8)  # fmt: skip
    axes.set(title=f"{title}\nslope {slope:.2f}", xlabel=name, ylabel=unit)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], fontsize=8)
    axes.minorticks_off()
    axes.margins(y=0.2)
    axes.grid(alpha=0.3)
    figure.savefig(TARGET / f"speed-{name}.png", dpi=110)
    listed = ", ".join(f"{size:,}: {value:.3g}" for size, value in zip(sizes, times, strict=True))
    return f"{name} ({unit}): {listed}; slope {slope:.2f}"
