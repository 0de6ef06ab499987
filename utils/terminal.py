"""What the command line prints of a forecast: a small table and a plot."""

from __future__ import annotations

from collections.abc import Sequence

import plotext
from rich.console import Console
from rich.table import Table

from utils.schemas import PredictReply

_FIRST_DAYS = 7


def forecast_table(reply: PredictReply) -> Table:
    """A short forecast whole; of a longer one the first days, then every seventh."""
    table = Table(title="Forecast")
    for heading in ("day", "date", "WIP", "throughput", "cycle time", "confidence"):
        table.add_column(heading, justify="right")
    for day in reply.predictions:
        if len(reply.predictions) <= 2 * _FIRST_DAYS or day.day <= _FIRST_DAYS or day.day % 7 == 0:
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
