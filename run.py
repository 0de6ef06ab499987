"""The command line: `python run.py` serves; see `python run.py --help`."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.request import urlopen
from uuid import uuid4

import click

if TYPE_CHECKING:
    from rich.console import Console

    from models.lstm_service import LSTMService
    from models.series.panel import Panel
from utils import logs, process_limits, settings
from utils.auth import exposure
from utils.cli import key_commands, maintenance_commands
from utils.errors import ServiceError, SettingsError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_HERE = click.Path(path_type=Path)  # not followed: renewed certificates are links that change


class _Commands(click.Group):
    """Commands whose help ends with the table of settings."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the settings below the commands."""
        with formatter.section("Settings (environment variables)"):
            formatter.write_dl([(n, f"{h} [{d}]") for n, d, h in settings.table()])


@click.group(cls=_Commands, invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """The LSTM Backend Service. Without a command: serve."""
    chosen = context.obj = settings.read()
    logs.configure(chosen.log_format, chosen.log_level)
    if context.invoked_subcommand is None:
        context.invoke(serve)


@main.command()
@click.option("--cert", type=_HERE, help="Serve HTTPS with this certificate (TLS_CERT).")
@click.option("--key", type=_HERE, help="Its private key (TLS_KEY).")
@click.pass_obj
def serve(chosen: settings.Settings, cert: Path | None = None, key: Path | None = None) -> None:
    """Run the web server and the training workers until Ctrl-C."""
    from utils.server import supervisor
    from utils.server.certificate import check_certificate

    chosen = replace(
        chosen,
        tls_cert=str(cert.absolute()) if cert else chosen.tls_cert,
        tls_key=str(key.absolute()) if key else chosen.tls_key,
    )
    if chosen.tls_files:
        check_certificate(*chosen.tls_files)
    _expect_free(chosen)
    exposure.expect_access_control(chosen, [chosen.host])
    this = [sys.executable, str(settings.ROOT / "run.py")]
    name = chosen.worker_id or socket.gethostname()
    programs = [
        supervisor.Program(
            "web",
            [sys.executable, "-m", "gunicorn", "app:app"],
            {"TLS_CERT": chosen.tls_cert, "TLS_KEY": chosen.tls_key},
            vital=True,
        ),
        *(
            supervisor.Program(f"worker {i}", [*this, "worker"], {"WORKER_ID": f"{name}-{i}"})
            for i in range(1, chosen.workers + 1)
        ),
    ]
    sys.exit(supervisor.run(programs, lambda: _is_ready(chosen), chosen.drain_seconds))


def _expect_free(chosen: settings.Settings) -> None:
    """Refuse a port that is taken, in one line."""
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((chosen.host, chosen.port))
        except OSError as error:
            advice = f"Choose another port: PORT={chosen.port + 1} python run.py"
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                advice = "HOST must be an address of this machine."
            raise click.ClickException(
                f"Cannot listen on {chosen.host}:{chosen.port}: {error.strerror}. {advice}"
            ) from error


def _is_ready(chosen: settings.Settings) -> bool:
    """Announce where the service listens, once it does."""
    everywhere = chosen.host in ("0.0.0.0", "::")  # noqa: S104  # nosec B104  # compared
    address = "127.0.0.1" if everywhere else chosen.host
    scheme, ours = ("https", _any_certificate()) if chosen.tls_files else ("http", None)
    url = f"{scheme}://{address}:{chosen.port}"
    live = f"{url}/health/live"
    try:
        with urlopen(live, timeout=1, context=ours):  # noqa: S310  # nosec B310  # our own
            click.echo(f"Listening on {url} (docs: {url}/api/docs/). Try:")
            key = "" if exposure.is_local(chosen) else " -H 'Authorization: Bearer KEY'"
            click.echo(f"  curl -X POST{key} {url}/api/data/generate")
            return True
    except OSError:
        return False


def _any_certificate() -> ssl.SSLContext:
    """To ask ourselves whether we are up: ours is for another name than an address."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@main.command()
@click.pass_obj
def worker(chosen: settings.Settings) -> None:
    """Run one training worker, on this or another machine."""
    process_limits.use_threads(chosen.training_threads)
    process_limits.use_system_allocator()
    from models.jobs import worker as training_worker

    training_worker.run(chosen)


@main.command()
@click.argument("table", required=False, type=_FILE)
@click.option("--epochs", default=50, show_default=True, help="Epochs to train.")
@click.option("--days", default=30, show_default=True, help="Steps to forecast.")
@click.pass_obj
def demo(chosen: settings.Settings, table: Path | None, epochs: int, days: int) -> None:
    """Go the whole way once: data, training, forecast, validation.

    With TABLE, on your own data. Nothing is kept.
    """
    with TemporaryDirectory() as folder:
        quiet = replace(
            chosen,
            model_store=f"{folder}/models",
            data_store=f"{folder}/data",
            database_url=f"sqlite:///{folder}/jobs.sqlite",
        )
        logs.configure(chosen.log_format, "WARNING")
        _demo(quiet, table, epochs, days)


def _demo(chosen: settings.Settings, table: Path | None, epochs: int, days: int) -> None:
    from rich.console import Console

    from models.lstm_service import LSTMService
    from utils.api import schemas
    from utils.cli import terminal

    console, service = Console(), LSTMService(chosen)
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
    model_id, past = _train_shown(console, service, dataset_id, epochs)
    known = set(service.registry.summary(model_id).series_keys)
    number = next(s for s, key in enumerate(past.series_keys) if key in known)
    key = past.series_keys[number]
    reply = service.predict(
        schemas.PredictRequest.parse(
            {"model_id": model_id, "plant": key[0], "application": key[1], "panelSize": key[2]}
            | {"predictionDays": days}
        )
    )
    console.print(f"Series: {' / '.join(key)}")
    console.print(terminal.forecast_table(reply, summary.step))
    recent = past.select([number]).values[-60:, 0].tolist()
    click.echo(terminal.plot(recent, reply, f"WIP by {summary.step}", console.width))
    terminal.say_law(console, reply)


def _train_shown(
    console: Console, service: LSTMService, dataset_id: str, epochs: int
) -> tuple[str, Panel]:
    """Train in this process, with a progress bar; returns the model's id and its data."""
    from utils.cli import terminal

    panel = service.datasets.load(dataset_id)
    model_id = str(uuid4())
    with console.status("Loading the trainer (TensorFlow) …"), logs.without_chatter():
        from models.registry.hyperparameters import Hyperparameters
        from models.training import train
        from models.training.fit import Alone, Epoch
    with terminal.training_bar(console, epochs) as show:

        class Shown(Alone):
            def on_epoch(self, epoch: Epoch) -> None:
                show(asdict(epoch))

        hyper = Hyperparameters(epochs=epochs)
        document = train.train(
            panel, hyper, 1, service.registry.store, model_id, {"source": "demo"}, Shown()
        )
    terminal.say_errors(console, document.metrics.model_dump(), document.warnings)
    return model_id, panel


@main.command()
@click.argument("table", type=_FILE)
@click.option("--epochs", type=int, help="Epochs to train (default: 50).")
@click.option("--seed", type=int, help="The same seed and table give the same model.")
@click.option("--preset", type=click.Choice(["auto"]), help="Learning settings by the data.")
@click.pass_obj
def train(
    chosen: settings.Settings,
    table: Path,
    epochs: int | None,
    seed: int | None,
    preset: str | None,
) -> None:
    """Train a model on TABLE, for this service to forecast with.

    Its job runs in a worker of the running service, or else in one started for it. Ctrl-C
    cancels it.
    """
    from rich.console import Console

    from models.lstm_service import LSTMService
    from utils.api import schemas
    from utils.cli import terminal
    from utils.http import audit

    logs.configure(chosen.log_format, "WARNING")
    console, service = Console(), LSTMService(chosen)
    dataset_id = service.upload(table).dataset_id
    asked = schemas.TrainRequest.parse(
        {"datasetId": dataset_id, "epochs": epochs, "seed": seed, "preset": preset}
    )
    with _worker_at_hand(chosen, service, console):
        job_id = service.trainings.start(asked, None)
        audit.by_command(chosen, "model.train", job_id)
        try:
            with terminal.training_bar(console, asked.epochs) as show:
                for message in service.trainings.follow(job_id, None):
                    if message is not None and message.kind == "epoch":
                        show(message.data)
        except KeyboardInterrupt:
            service.trainings.cancel(job_id)
            console.print("Cancelled.")
            sys.exit(130)
        service.jobs.wait(job_id)
    document = service.registry.summary(job_id)
    terminal.say_errors(console, document.metrics.model_dump(), document.warnings)
    console.print(f"Model {job_id}, of data set {dataset_id}.")


@contextlib.contextmanager
def _worker_at_hand(
    chosen: settings.Settings, service: LSTMService, console: Console
) -> Iterator[None]:
    """Have a worker: one that runs, or one of our own as long as it is needed."""
    if service.jobs.workers_alive():
        yield
        return
    name = f"{socket.gethostname()}-train-{os.getpid()}"
    started = subprocess.Popen(  # noqa: S603  # nosec B603  # our own program
        [sys.executable, str(settings.ROOT / "run.py"), "worker"],
        env=os.environ | {"WORKER_ID": name, "LOG_LEVEL": "WARNING"},
        start_new_session=True,
    )
    try:
        with console.status("Starting a worker …"):
            while not service.jobs.workers_alive() and started.poll() is None:
                time.sleep(0.1)
        yield
    finally:
        started.terminate()
        started.wait()


@main.command("import")
@click.argument("model", type=_FILE)
@click.option("--scalers", type=_FILE, help="Its pickled scalers and encoders.")
@click.option("--history", type=_FILE, help="A table of the series that it knows.")
@click.pass_obj
def import_model(
    chosen: settings.Settings, model: Path, scalers: Path | None, history: Path | None
) -> None:
    """Bring in a legacy MODEL.h5, with the scalers that it was trained with."""
    from models.registry.registry import model_store
    from utils.http import audit

    process_limits.cap_memory(chosen.worker_memory_mb, workers=1)  # a file may state any size
    with logs.without_chatter():
        from models.conversion import legacy_import

    document = legacy_import.import_model(
        model_store(chosen.model_location), model, scalers, history
    )
    audit.by_command(chosen, "model.import", document.model_id)
    click.echo(f"Imported as {document.model_id}.")
    for warning in document.warnings:
        click.echo(f"  • {warning}")


main.add_command(key_commands.keys)
main.add_command(maintenance_commands.verify)
main.add_command(maintenance_commands.backup)
main.add_command(maintenance_commands.restore)


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Say what is wrong in one line, as people expect of a command."""
    try:
        yield
    except (ServiceError, SettingsError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with _plain_errors():
        main()
