"""Output of the command line: forecasts, progress, reports."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from utils.api.replies.forecasting import Prediction, PredictReply

TARGETS = {"wip": "WIP", "throughput": "throughput", "cycle_time": "cycle time"}
_FIRST_STEPS = 7


def forecast_table(reply: PredictReply, step: str) -> Table:
    """Return a table of a forecast: a short one whole, of a longer one every seventh step.

    Args:
        reply: the forecast.
        step: the unit of a row: "day", "week" or "month".
    """
    table = Table(
        title="Forecast, and beneath it the 80 % interval",
        box=box.SIMPLE_HEAD,  # narrow enough for 80 columns
        show_edge=False,
        pad_edge=False,
    )
    for heading in (step, "date", "WIP", "throughput", "cycle time", "confidence"):
        table.add_column(heading, justify="right", overflow="fold")
    whole = len(reply.predictions) <= 2 * _FIRST_STEPS
    for day in reply.predictions:
        if whole or day.day <= _FIRST_STEPS or day.day % 7 == 0:
            amounts = [_amount(day, target) for target in TARGETS]
            table.add_row(str(day.day), day.date, *amounts, f"{day.confidence:.0%}")
    return table


def _amount(day: Prediction, target: str) -> str:
    """Return a forecast in four significant digits, above its interval."""
    value, low, high = (
        getattr(day, f"predicted_{target}{bound}") for bound in ("", "_lo80", "_hi80")
    )
    digits = max(0, 3 - math.floor(math.log10(value))) if value > 0 else 0
    text = f"{value:,.{digits}f}"
    return text if low is None else f"{text}\n{low:,.{digits}f}–{high:,.{digits}f}"


def plot(reply: PredictReply, target: str, width: int) -> str:
    """Return a plot, as text, of a target's history, its forecast and the 80 % interval."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(min(width, 100), 12)
    steps = range(1, len(reply.predictions) + 1)
    known = [getattr(row, target) for row in reply.history or []]
    past = [
        (place, value) for place, value in enumerate(known, 1 - len(known)) if value is not None
    ]
    if past:
        plotext.plot(*zip(*past, strict=True), label="history", marker="dot")
    bounds = [
        (getattr(day, f"predicted_{target}_lo80"), getattr(day, f"predicted_{target}_hi80"))
        for day in reply.predictions
    ]
    for edge in zip(*(pair for pair in bounds if None not in pair), strict=True):
        plotext.scatter(steps, edge, marker="·")
    future = [getattr(day, f"predicted_{target}") for day in reply.predictions]
    plotext.plot(steps, future, label="forecast (·: 80 %)", marker="braille")
    plotext.title(f"{TARGETS[target]} by {reply.step}")
    return str(plotext.build())


def print_littles_law(console: Console, reply: PredictReply) -> None:
    """Print the compliance of a forecast with Little's Law, its warnings and recommendations."""
    law = reply.little_law_analysis
    days = ", ".join(f"{count} {name}" for name, count in law.analysis.items() if count)
    console.print(
        f"Little's Law (WIP = throughput × cycle time): {law.average_compliance:.1%} compliance on "
        f"average; days: {days}."
    )
    verdict = "feasible" if reply.validation.is_valid else "not feasible as it stands"
    console.print(f"The forecast is {verdict}.")
    for sentence in [*reply.validation.warnings, *reply.validation.recommendations]:
        console.print(f"  • {sentence}")


@contextmanager
def training_bar(console: Console, epochs: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Show a progress bar of a training; it yields the function that shows an epoch."""
    columns = (
        TextColumn("Training"),
        BarColumn(bar_width=10),  # the whole line fits 80 columns
        TextColumn("epoch {task.completed}/{task.total}  {task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=epochs)

        def show(epoch: dict[str, Any]) -> None:
            figures = (
                f"loss {epoch['loss']:.4f}  val_loss {epoch['val_loss']:.4f}  "
                f"r2 {epoch['r2_score']:.3f}"
            )
            progress.update(bar, completed=epoch["epoch"], description=figures)

        yield show


def print_errors(console: Console, metrics: dict[str, Any], warnings: Sequence[str]) -> None:
    """Print the errors on the held-back end, beside those of repeating the last value."""
    for target, figures in metrics["per_target"].items():
        if figures["mae"] is not None:
            console.print(
                f"Held back: {target} off by {figures['mae']:,.3g} a step ahead on average "
                f"({figures['last_value_mae']:,.3g} by repeating the last value)."
            )
    if "combination" in metrics:
        console.print(metrics["combination"]["sentence"])
    for warning in warnings:
        console.print(f"  • {warning}")


@contextmanager
def working(verb: str) -> Iterator[None]:
    """Show on a terminal that something is being done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"{verb} …"):
        yield


def counted(counts: Mapping[str, int]) -> str:
    """Return counts in words: "1 model, 2 data sets"."""
    words = [f"{n:,} {noun.removesuffix('s') if n == 1 else noun}" for noun, n in counts.items()]
    return ", ".join(words) or "nothing"


def print_report(report: Mapping[str, Any]) -> None:
    """Print the findings of `verify` as a table, and the repairs."""
    console = Console()
    checked = {noun: n for noun, n in report["checked"].items() if noun != "bytes"}
    megabytes = report["checked"].get("bytes", 0) / 1e6
    console.print(f"Checked {counted(checked)} ({megabytes:,.1f} MB).", highlight=False)
    if report["findings"]:
        table = Table("finding", "advice", box=box.SIMPLE_HEAD, show_edge=False)
        table.columns[0].ratio, table.columns[1].ratio = 3, 2
        for finding in report["findings"]:
            repair = "\nOr: verify --repair" if finding["can_be_repaired"] else ""
            found = Text.assemble(
                (f"{finding['kind']}: {finding['subject']}\n", "bold"), finding["problem"]
            )
            table.add_row(found, Text(finding["advice"] + repair))
        console.print(table, overflow="fold")
    for sentence in report["repairs"]:
        console.print(Text(f"Repaired {sentence}"))
    console.print("All is well." if report["clean"] else "Not all is well.")
