"""The picture of docs/plans.md, a capacity loss and a ramp-up: `python -m docs.plan_figures`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from models.data_generator import PlantSpec, generate
from models.forecast.forecaster import History
from models.series.calendar import Calendar
from models.series.known_inputs import CAPACITY, RELEASES, KnownInputs
from models.series.panel import TARGETS, Panel
from models.services.zero_shot import of_panel

TARGET = Path(__file__).parent / "images" / "plans.png"
_STEPS, _SHOWN = 28, 42
_LABELS = ("WIP, units", "throughput, units a day", "cycle time, days")
_COLOURS = ("#777777", "#c1462f", "#2b6ca3")


def main() -> None:
    """Draw the picture."""
    spec = PlantSpec(("North",), ("TV",), ("Large",), 400, 100, 50, 0.2, 0.1, 4)
    columns = next(generate(spec)).columns
    values = np.stack([columns[name][0] for name in TARGETS], axis=-1)
    key, first = ("North", "TV", "Large"), np.array([19_723])
    panel = Panel(Calendar(), (key,), np.array([0, len(values)]), first, values)
    panel = replace(panel, known={RELEASES: columns[RELEASES][0]})
    forecaster, days = of_panel(panel, what_if=False), np.arange(_STEPS)
    history = forecaster.recent_history(key)
    if history is None:
        raise ValueError("The forecaster keeps the rows of the series.")
    usual = float(panel.known[RELEASES][-56:].mean())
    plans = {
        "without a plan": {},
        "half of the capacity on days 8 to 14": {
            CAPACITY: np.where((days >= 7) & (days < 14), 0.5, 1.0)
        },
        "releases rise by a quarter": {RELEASES: usual * np.linspace(1.0, 1.25, _STEPS)},
    }
    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    for i, (axis, label) in enumerate(zip(axes, _LABELS, strict=True)):
        axis.plot(np.arange(-_SHOWN, 0), values[-_SHOWN:, i], color="black", lw=1)
        axis.set_ylabel(label)
        axis.axvline(-0.5, color="#bbbbbb", lw=0.8)
    for (name, known), colour in zip(plans.items(), _COLOURS, strict=True):
        planned: History = history._replace(ahead=KnownInputs(known))
        forecast = forecaster.forecast(planned, _STEPS).values[0]
        for i, axis in enumerate(axes):
            axis.plot(days, forecast[:, i], color=colour, label=name)
    axes[0].legend(loc="upper left")
    axes[-1].set_xlabel("days from the last actual row")
    with mpl.rc_context({"svg.hashsalt": "plans"}):
        figure.savefig(TARGET, dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    main()
