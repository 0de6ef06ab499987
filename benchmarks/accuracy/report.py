"""Scores as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.accuracy.datasets import DataSet
from benchmarks.accuracy.protocol import LEVELS
from models.series.panel import TARGETS

Scores = Mapping[str, Mapping[str, Any]]  # by method

_SHORT = dict(zip(TARGETS, ("WIP", "TH", "CT"), strict=True))


def document(data: DataSet, scores: Scores) -> str:
    """The errors of all methods on a data set, then the intervals of those that give any."""
    panel, pace = data.panel, data.pace
    about = (
        f"{len(panel.series_keys)} series, {panel.lengths.max()} {panel.calendar.step}s, held back "
        f"from {panel.calendar.dates(data.origins[:1])[0]} on; {len(data.origins)} origins, "
        f"horizon {pace.horizon}, season {pace.season}."
    )
    tables = [_markdown(_errors(scores)), _markdown(_intervals(scores))]
    return "\n\n".join([f"## {data.name}", about, *tables])


def _markdown(table: Table) -> str:
    console = Console(file=StringIO(), width=1000)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().strip().splitlines())


def _errors(scores: Scores) -> Table:
    some = next(iter(scores.values()))
    columns = [(t, band) for t in some["wape"] for band in some["wape"][t] if band != "all"]
    headings = [f"{_SHORT[t]} {band}" for t, band in columns]
    headings += [f"MASE {_SHORT[t]}" for t in some["mase"]] + ["fit s", "s/origin"]
    table = _table("WAPE, %", *headings)
    for name, score in scores.items():
        cells = [f"{100 * score['wape'][t][band]:.2f}" for t, band in columns]
        cells += [f"{score['mase'][t]:.3f}" for t in some["mase"]]
        cells += [f"{score['fit_seconds']:.1f}", f"{score['forecast_seconds']:.2f}"]
        table.add_row(name, *cells)
    return table


def _intervals(scores: Scores) -> Table:
    """Coverage over all horizons (in brackets the least and most of a band), width, Winkler."""
    columns = [f"{level}: {what}" for level in LEVELS for what in ("covers", "width", "Winkler")]
    table = _table("intervals, %", "of", *columns)
    for name, score in scores.items():
        for target, by_level in score["intervals"].items():
            if by_level:
                cells = [cell for level in LEVELS for cell in _interval(by_level[str(level)])]
                table.add_row(name, _SHORT[target], *cells)
    return table


def _interval(found: Mapping[str, Any]) -> list[str]:
    bands = [100 * share for band, share in found["coverage"].items() if band != "all"]
    return [
        f"{100 * found['coverage']['all']:.1f} ({min(bands):.0f}–{max(bands):.0f})",
        f"{100 * found['width']:.1f}",
        f"{100 * found['winkler']:.1f}",
    ]


def _table(first: str, *headings: str) -> Table:
    table = Table(box=box.MARKDOWN)
    table.add_column(first, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
