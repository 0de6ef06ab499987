"""`python run.py demo`: data, training, forecast and validation in one process."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

import click

from utils import logs
from utils.cli import terminal
from utils.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from models.lstm_service import LSTMService
    from models.series.panel import Panel
    from utils.api.replies import DataSummary

_TABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHOWN = 60  # steps of the history in the plot


@click.command()
@click.argument("table", required=False, type=_TABLE)
@click.option("--epochs", default=50, show_default=True, help="Epochs to train.")
@click.option("--days", default=30, show_default=True, help="Steps to forecast.")
@click.pass_obj
def demo(chosen: Settings, table: Path | None, epochs: int, days: int) -> None:
    """Generate data, train on it, forecast and validate.

    With TABLE, on your own data. Nothing is kept.
    """
    from rich.console import Console

    from models.lstm_service import LSTMService

    logs.configure(chosen.log_format, "WARNING")
    with TemporaryDirectory() as folder:
        temporary = replace(
            chosen,
            model_store=f"{folder}/models",
            data_store=f"{folder}/data",
            database_url=f"sqlite:///{folder}/jobs.sqlite",
        )
        console, service = Console(), LSTMService(temporary)
        dataset_id, summary = _store_data(console, service, table)
        model_id, panel = _train(console, service, dataset_id, epochs)
        _forecast(console, service, model_id, panel, summary.step, days)


def _store_data(
    console: Console, service: LSTMService, table: Path | None
) -> tuple[str, DataSummary]:
    """Store a table, or generated data; return its id and its summary."""
    from utils.api import schemas

    if table is None:
        made = service.generate(schemas.GenerateRequest.parse({"seed": 1}))
        dataset_id, summary = made.dataset_id, made.summary
        console.print("Generated a plant's data.")
    else:
        read = service.upload(table)
        dataset_id, summary = read.dataset_id, read.summary
        console.print(f"Read {table.name}.")
        blanks = {name: n for name, n in read.quality["blanks"].items() if n}
        console.print(f"Blanks: {blanks or 'none'}; gaps: {read.quality['gaps']['steps']} steps.")
    span = summary.date_range
    console.print(
        f"{summary.total_points:,} rows: {summary.series} series, a {summary.step} apart, "
        f"{span.start} to {span.end}."
    )
    return dataset_id, summary


def _train(
    console: Console, service: LSTMService, dataset_id: str, epochs: int
) -> tuple[str, Panel]:
    """Train in this process, with a progress bar; return the model's id and its data."""
    panel = service.datasets.load(dataset_id)
    model_id = str(uuid4())
    with console.status("Loading the trainer (TensorFlow) …"), logs.without_chatter():
        from models.registry.hyperparameters import Hyperparameters
        from models.training import train
        from models.training.control import Epoch, NoControl
    with terminal.training_bar(console, epochs) as show:

        class Shown(NoControl):
            def on_epoch(self, epoch: Epoch) -> None:
                show(asdict(epoch))

        document = train.train(
            panel,
            Hyperparameters(epochs=epochs),
            1,
            service.registry.store,
            model_id,
            {"source": "demo"},
            Shown(),
        )
    terminal.print_errors(console, document.metrics.model_dump(), document.warnings)
    return model_id, panel


def _forecast(
    console: Console, service: LSTMService, model_id: str, panel: Panel, step: str, days: int
) -> None:
    """Forecast the first series that the model knows, and print it."""
    from utils.api import schemas

    known = set(service.registry.summary(model_id).series_keys)
    number = next(s for s, series_key in enumerate(panel.series_keys) if series_key in known)
    series_key = panel.series_keys[number]
    names = dict(zip(("plant", "application", "panelSize"), series_key, strict=True))
    reply = service.predict(
        schemas.PredictRequest.parse({"model_id": model_id, "predictionDays": days} | names)
    )
    console.print(f"Series: {' / '.join(series_key)}")
    console.print(terminal.forecast_table(reply, step))
    recent = panel.select([number]).values[-_SHOWN:, 0].tolist()
    click.echo(terminal.plot(recent, reply, f"WIP by {step}", console.width))
    terminal.print_littles_law(console, reply)
