"""`python run.py import`: a model of the earlier implementation."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from utils import logs, process_limits
from utils.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("import")
@click.argument("model", type=_FILE)
@click.option("--scalers", type=_FILE, help="Its pickled scalers and encoders.")
@click.option("--history", type=_FILE, help="A table of the series that it knows.")
@click.option("--features", help="Names of its features in their order, separated by commas.")
@click.option("--day-zero", type=click.DateTime(["%Y-%m-%d"]), help="Date of its day 0.")
@click.pass_obj
def import_model(
    chosen: Settings,
    model: Path,
    scalers: Path | None,
    history: Path | None,
    features: str | None,
    day_zero: datetime | None,
) -> None:
    """Import a legacy MODEL (.keras or .h5), with the scalers that it was trained with.

    The order of its features is that of its scalers, or else follows from their number.
    """
    from models.registry.model_store import model_store
    from utils.http import audit

    process_limits.cap_memory(chosen.worker_memory_mb, processes=1)  # a file may state any size
    with logs.without_chatter():
        from models.conversion import legacy_import

    document = legacy_import.import_model(
        model_store(chosen.model_location),
        model,
        scalers,
        history,
        [name.strip() for name in features.split(",")] if features else (),
        None if day_zero is None else day_zero.date(),
    )
    audit.by_command(chosen, "model.import", document.model_id)
    click.echo(f"Imported as {document.model_id}.")
    for warning in document.warnings:
        click.echo(f"  • {warning}")
