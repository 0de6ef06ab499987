"""The picture of docs/plans.md, a capacity loss and a ramp-up: `python -m docs.plan_figures`.

The lines are those of the generator, run again with the plan to show what really comes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.data_generator import PlantSpec, generate
from models.series.calendar import Calendar
from models.series.known_inputs import CAPACITY, RELEASES, KnownInputs
from models.series.line_simulation import Intervention
from models.series.panel import TARGETS, Panel
from models.services.zero_shot import of_panel
from utils import palette

Floats = NDArray[np.float64]

TARGET = Path(__file__).parent / "images" / "plans.png"
_ROWS, _STEPS, _SHOWN = 400, 28, 28
_SPEC = PlantSpec(("North",), ("TV",), ("Large",), _ROWS + _STEPS, 100, 50, 0.2, 0.1, 4)
_LABELS = ("WIP, units", "throughput, units a day", "cycle time, days")
_LOSS = np.where((np.arange(_STEPS) >= 7) & (np.arange(_STEPS) < 14), 0.5, 1.0)
_RISE = np.linspace(1.0, 1.25, _STEPS)


def main() -> None:
    """Draw the picture."""
    figure = Figure(figsize=(12, 7.5), layout="constrained")
    axes = figure.subplots(3, 2, sharex=True, sharey="row")
    usual = _simulated(np.ones(_STEPS), np.ones(_STEPS))
    releases = usual[RELEASES][-_STEPS:]
    plans = {
        "Half of the capacity on days 8 to 14": (np.ones(_STEPS), _LOSS),
        "Releases rise by a quarter": (_RISE, np.ones(_STEPS)),
    }
    for column, (title, (factors, shares)) in enumerate(plans.items()):
        truth = _simulated(factors, shares)
        plan = {RELEASES: factors * releases, CAPACITY: shares}
        without, planned = (_forecast(usual, known) for known in ({}, plan))
        axes[0, column].set_title(title)
        axes[-1, column].set_xlabel("days from the last actual row")
        for row, (target, label) in enumerate(zip(TARGETS, _LABELS, strict=True)):
            past = truth[target][: len(truth[target]) - _STEPS]
            lines = past, truth[target][-_STEPS:], without[:, row], planned[:, row]
            _draw(axes[row, column], lines, palette.TARGETS[target])
            axes[row, column].set_ylabel(label if column == 0 else "")
            if shares.min() < 1:
                axes[row, column].axvspan(7.5, 14.5, color=palette.REFERENCE, alpha=0.15, lw=0)
    axes[0, 0].legend(loc="upper left", frameon=False)
    with mpl.rc_context({"svg.hashsalt": "plans"}):
        figure.savefig(TARGET, dpi=100, metadata={"Software": None})


def _simulated(factors: Floats, shares: Floats) -> dict[str, Floats]:
    """The rows of the line with a plan for the last steps."""
    usual = Intervention.none(_SPEC.days)
    ahead = [np.append(np.ones(_ROWS), part) for part in (factors, shares)]
    changed = replace(usual, releases=ahead[0], capacity=ahead[1])
    return {name: own[0] for name, own in next(generate(_SPEC, changed)).columns.items()}


def _forecast(rows: dict[str, Floats], known: dict[str, Floats]) -> Floats:
    """The forecast of the last steps with a plan, [steps, 3]."""
    values = np.stack([rows[name][:_ROWS] for name in TARGETS], axis=-1)
    key = ("North", "TV", "Large")
    panel = Panel(Calendar(), (key,), np.array([0, _ROWS]), np.array([19_723]), values)
    panel = replace(panel, known={RELEASES: rows[RELEASES][:_ROWS]})
    forecaster = of_panel(panel, what_if=False)
    history = forecaster.recent_history(key)
    if history is None:
        raise ValueError("The forecaster keeps the rows of the series.")
    planned = history._replace(ahead=KnownInputs(known))
    return forecaster.forecast(planned, _STEPS).values[0]


def _draw(axis: Axes, lines: tuple[Floats, Floats, Floats, Floats], color: str) -> None:
    past, truth, without, planned = lines
    ahead = np.arange(1, _STEPS + 1)
    axis.plot(np.arange(1 - _SHOWN, 1), past[-_SHOWN:], color=palette.REFERENCE, label="history")
    axis.plot(ahead, without, color=palette.REFERENCE, ls=":", label="forecast without a plan")
    axis.plot(ahead, planned, color=color, label="forecast with the plan")
    axis.plot(ahead, truth, color="black", ls="--", lw=1, label="the line, run with the plan")
    axis.set_ylim(bottom=0)
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
