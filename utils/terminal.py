"""What the command line prints of a forecast: a small table and a plot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import plotext
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from utils.replies import PredictReply

_FIRST_STEPS = 7


def forecast_table(reply: PredictReply, step: str) -> Table:
    """A short forecast whole; of a longer one the first steps, then every seventh.

    Args:
        step: what a row of the data is: "day", "week" or "month".
    """
    table = Table(title="Forecast")
    for heading in (step, "date", "WIP", "throughput", "cycle time", "confidence"):
        table.add_column(heading, justify="right")
    whole = len(reply.predictions) <= 2 * _FIRST_STEPS
    for day in reply.predictions:
        if whole or day.day <= _FIRST_STEPS or day.day % 7 == 0:
            table.add_row(
                str(day.day),
                day.date,
                f"{day.predicted_wip:,.2f}",
                f"{day.predicted_throughput:,.2f}",
                f"{day.predicted_cycle_time:,.3f}",
                f"{day.confidence:.0%}",
            )
    return table


def plot(past: Sequence[float], future: Sequence[float], title: str, width: int) -> str:
    """The recent past and the forecast of a quantity, as text."""
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(min(width, 100), 15)
    plotext.plot(range(1 - len(past), 1), past, label="past", marker="dot")
    plotext.plot(range(1, len(future) + 1), future, label="forecast", marker="braille")
    plotext.title(title)
    return str(plotext.build())


def say_law(console: Console, reply: PredictReply) -> None:
    """What Little's Law makes of a forecast."""
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
    """A progress bar of a training; the function that it gives is told of every epoch."""
    columns = (
        TextColumn("Training"),
        BarColumn(),
        TextColumn("epoch {task.completed}/{task.total}  {task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=epochs)

        def show(epoch: dict[str, Any]) -> None:
            figures = (
                f"loss {epoch['loss']:.4f}  val_loss {epoch['val_loss']:.4f}  "
                f"mae {epoch['mae']:.4g}  r2 {epoch['r2_score']:.3f}"
            )
            progress.update(bar, completed=epoch["epoch"], description=figures)

        yield show


def say_errors(console: Console, metrics: dict[str, Any], warnings: Sequence[str]) -> None:
    """How far off a model was on the held-back end, beside repeating the last value."""
    for target, figures in metrics["per_target"].items():
        if figures["mae"] is not None:
            console.print(
                f"Held back: {target} off by {figures['mae']:,.3g} a step ahead on average "
                f"({figures['last_value_mae']:,.3g} by repeating the last value)."
            )
    for warning in warnings:
        console.print(f"  • {warning}")
