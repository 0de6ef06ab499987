"""`python run.py train`: a model of a table, trained by a worker of the service."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from utils import logs
from utils.cli import forecast_output, terminal
from utils.cli.predict_command import largest_series
from utils.cli.serve_command import worker_program
from utils.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from models.jobs.jobs import Jobs

_TABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_DAYS = 30  # of the forecast at the end
_INTERRUPTED = 130  # the exit code of a command that Ctrl-C ended
_STOPS_WITHIN = 15.0  # seconds


@click.command()
@click.argument("table", type=_TABLE)
@click.option("--epochs", type=int, help="Epochs to train (default: 50).")
@click.option("--seed", type=int, help="The same seed and table give the same model.")
@click.option("--preset", type=click.Choice(["auto"]), help="Learning settings by the data.")
@click.option(
    "--output", type=_FILE, default=forecast_output.DEFAULT, show_default=True,
    callback=forecast_output.check_file, help="File of the forecast: .png, .csv or .xlsx.",
)  # fmt: skip
@forecast_output.step_option
@forecast_output.shifts_option
@forecast_output.shift_names_option
@click.pass_obj
def train(
    chosen: Settings,
    table: Path,
    epochs: int | None,
    seed: int | None,
    preset: str | None,
    output: Path,
    step: str | None,
    shifts: str | None,
    shift_names: str | None,
) -> None:
    """Train a model on TABLE, for this service to forecast with.

    Its job runs in a worker of the running service, or else in one started for it. Ctrl-C
    cancels it.
    """
    from rich.console import Console

    from models.lstm_service import LSTMService
    from utils.api.schemas.training import TrainRequest
    from utils.http import audit

    logs.configure(chosen.log_format, "WARNING")
    console, service = Console(), LSTMService(chosen)
    options = forecast_output.upload_options(step, shifts, shift_names)
    dataset_id = service.upload(table, options).dataset_id
    request = TrainRequest.parse(
        {"datasetId": dataset_id, "epochs": epochs, "seed": seed, "preset": preset}
    )
    with _worker(service.jobs, console):
        job_id = service.trainings.start(request, None)
        audit.by_command(chosen, "model.train", job_id)
        try:
            with terminal.training_bar(console, request.epochs) as show:
                for message in service.trainings.follow(job_id, None):
                    if message is not None and message.kind == "epoch":
                        show(message.data)
        except KeyboardInterrupt:
            service.trainings.cancel(job_id)
            console.print("Cancelled.")
            sys.exit(_INTERRUPTED)
        service.jobs.wait(job_id)
    document = service.registry.summary(job_id)
    terminal.print_errors(console, document.metrics.model_dump(), document.warnings)
    console.print(f"Model {job_id}, of data set {dataset_id}.")
    largest = largest_series(service, job_id, dataset_id, _DAYS)
    forecast_output.show(console, service, largest, output)
    forecast_output.print_next(
        console,
        [
            f"another series: python run.py predict --model {job_id} --plant NAME",
            "in a browser: python run.py, and open the address that it prints",
        ],
    )


@contextlib.contextmanager
def _worker(jobs: Jobs, console: Console) -> Iterator[None]:
    """Start a worker that lives as long as the context, unless one is alive."""
    if jobs.workers_alive():
        yield
        return
    name = f"{socket.gethostname()}-train-{os.getpid()}"
    program = worker_program(name, LOG_LEVEL="WARNING")
    program.start()
    try:
        with console.status("Starting a worker …"):
            while not jobs.workers_alive() and not program.ended:
                time.sleep(0.1)
        yield
    finally:
        program.terminate()
        program.stop(time.monotonic() + _STOPS_WITHIN)
