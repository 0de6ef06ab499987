"""`python run.py demo`: data, training, forecast and validation in one process."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

import click

from utils import logs
from utils.cli import forecast_output, terminal
from utils.cli.predict_command import largest_series
from utils.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from models.lstm_service import LSTMService

_TABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("table", required=False, type=_TABLE)
@click.option("--epochs", default=50, show_default=True, help="Epochs to train.")
@click.option("--days", default=30, show_default=True, help="Steps to forecast.")
@click.option(
    "--output", type=_FILE, default=forecast_output.DEFAULT, show_default=True,
    callback=forecast_output.check_file, help="File of the forecast: .png, .csv or .xlsx.",
)  # fmt: skip
@click.pass_obj
def demo(chosen: Settings, table: Path | None, epochs: int, days: int, output: Path) -> None:
    """Generate data, train on it, forecast and validate.

    With TABLE, on your own data. Nothing is kept but a picture of the forecast.
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
        dataset_id = _store_data(console, service, table)
        model_id = _train(console, service, dataset_id, epochs)
        request = largest_series(service, model_id, dataset_id, days)
        forecast_output.show(console, service, request, output)
    named = table or "FILE.csv"
    forecast_output.print_next(
        console,
        [
            "in a browser: python run.py, and open the address that it prints",
            f"forecast at once, without a training: python run.py predict {named}",
            f"train a model that is kept: python run.py train {named}",
        ],
    )


def _store_data(console: Console, service: LSTMService, table: Path | None) -> str:
    """Store a table, or generated data; return its id."""
    from utils.api.schemas.synthetic_data import GenerateRequest

    if table is None:
        made = service.generate(GenerateRequest.parse({"seed": 1}))
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
        f"{summary.total_points:,} rows: {summary.series} series, one {summary.step} apart, "
        f"{span.start} to {span.end}."
    )
    return dataset_id


def _train(console: Console, service: LSTMService, dataset_id: str, epochs: int) -> str:
    """Train in this process, with a progress bar; return the model's id."""
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
    return model_id
