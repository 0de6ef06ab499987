"""The report of a model in one self-contained HTML file: figures, loss curves, forecasts."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader

from models.data.datasets import Datasets
from models.forecast.forecaster import Forecaster, History
from models.registry.model_document import ModelDocument
from models.registry.opening import open_forecaster
from models.reports import report_texts
from models.reports.pictures import HeldBack, Layer, draw_forecasts, draw_model
from models.series.panel import Panel
from models.series.windows import split_steps
from utils import palette
from utils.errors import DamagedFile, NotFound

_MOST_SERIES = 3  # whose forecasts are drawn
_MOST_STEPS = 60  # of the held-back end that are forecast


def write(
    document: ModelDocument, layers: Sequence[Layer], held_back: Sequence[HeldBack], path: Path
) -> None:
    """Write the report of a model.

    Args:
        document: the model's.
        layers: of its network.
        held_back: forecasts to show; none if its data is not stored any more.
        path: the file to write.
    """
    picture = io.BytesIO()
    draw_model(title_of(document), layers, document.training_history or {}, picture)
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
    )
    step = str(document.encoding.get("step", "day"))
    metrics = document.metrics.model_dump(exclude_unset=True)
    text = pages.get_template("report.html").render(
        title=title_of(document),
        colours=palette.variables(palette.TARGETS),
        facts=report_texts.facts(document),
        verdicts=report_texts.verdicts(document),
        errors=report_texts.errors(document, step),
        columns=report_texts.COLUMNS,
        names=report_texts.TARGET_NAMES,
        parameters=report_texts.parameters(document),
        warnings=document.warnings,
        horizon=metrics.get("horizon"),
        step=step,
        combination=(metrics.get("combination") or {}).get("sentence"),
        picture=_embedded(picture.getvalue()),
        forecasts=_embedded(draw_forecasts(held_back)) if held_back else None,
    )
    path.write_text(text, encoding="utf-8")


def title_of(document: ModelDocument) -> str:
    """Return the title of a model in pictures and reports."""
    return f"Model {document.model_id}"


def _embedded(png: bytes) -> str:
    return "data:image/png;base64," + b64encode(png).decode()


def held_back(document: ModelDocument, network: bytes, datasets: Datasets) -> list[HeldBack]:
    """Return forecasts from the first day of the held-back end, of the series with most output.

    The list is empty if the data that the model was trained on is not stored any more.

    Args:
        document: the model's.
        network: its ONNX file.
        datasets: the stored data sets.
    """
    dataset_id, split = document.dataset_id, document.config.get("train_test_split")
    if dataset_id is None or split is None:
        return []
    try:
        panel = datasets.load(dataset_id)
    except (NotFound, DamagedFile):
        return []
    keys = set(document.series_keys)
    plant = document.plant
    panel = panel.select([s for s, key in enumerate(panel.series_keys) if plant in (None, key[0])])
    (cut, _), forecaster = split_steps(panel, split), open_forecaster(document, network)
    length = forecaster.encoding.length
    begins = panel.offsets[:-1] + cut - panel.first
    known = [
        s
        for s, key in enumerate(panel.series_keys)
        if key in keys
        and begins[s] - panel.offsets[s] >= length
        and begins[s] < panel.offsets[s + 1]
    ]
    output = {
        s: np.nanmean(panel.values[panel.offsets[s] : panel.offsets[s + 1], 1]) for s in known
    }
    chosen = sorted(known, key=lambda s: -output[s])[:_MOST_SERIES]
    return [_forecast(forecaster, panel, s, int(begins[s]), cut) for s in chosen]


def _forecast(forecaster: Forecaster, panel: Panel, s: int, begin: int, cut: int) -> HeldBack:
    """The forecast of one series from row `begin`, whose step number is `cut`."""
    end = min(begin + _MOST_STEPS, int(panel.offsets[s + 1]))
    rows = panel.filled()[panel.offsets[s] : begin]
    calendar = panel.calendar_of(s)
    history = History(panel.series_keys[s], rows, cut - 1, calendar)
    forecast = forecaster.forecast(history, end - begin)
    return HeldBack(
        name=" / ".join(panel.series_keys[s]),
        dates=calendar.dates(np.arange(cut, cut + end - begin)),
        forecast=forecast.values[0],
        actual=panel.values[begin:end],
        lower={level: bound[0] for level, bound in forecast.lower.items()},
        upper={level: bound[0] for level, bound in forecast.upper.items()},
    )
