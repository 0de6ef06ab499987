"""`python run.py verify`, `backup`, `restore`: what keeps the things of the service whole."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from utils import logs, process_limits
from utils.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--repair", is_flag=True, help="Mend what can be mended without a loss.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_obj
def verify(chosen: Settings, repair: bool, as_json: bool) -> None:
    """Check every model, data set, job and the database against each other.

    The service may run meanwhile. Exit code 0: all is well; 1: not all; 2: it cannot be told.
    """
    from models.maintenance import verify
    from utils.cli import terminal

    logs.configure(chosen.log_format, "WARNING")
    with terminal.working("Checking") as tell:
        report = verify.verify(chosen, tell)
    if repair:
        process_limits.cap_memory(chosen.worker_memory_mb, workers=1)  # a file may state any size
        with terminal.working("Mending") as tell:
            report.repair(tell)
    document = report.to_document()
    click.echo(json.dumps(document, indent=2)) if as_json else terminal.say_report(document)
    sys.exit(0 if report.is_clean else 1)


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.pass_obj
def backup(chosen: Settings, target: Path) -> None:
    """Copy jobs, models and data into one archive, while the service runs.

    TARGET is a new file, or a folder to make one in. It may hold hashes of API keys; only you can
    read it. Exit code 1: something was damaged, and is copied as it is.
    """
    from models.maintenance.backup import back_up
    from utils.cli import terminal

    logs.configure(chosen.log_format, "WARNING")
    with terminal.working("Copying") as tell:
        made = back_up(chosen, target, tell)
    size = made.path.stat().st_size / 1e6
    click.echo(f"{made.path}: {terminal.counted(made.counts)}; {size:,.1f} MB.")
    _say_damaged(made.damaged)


@click.command()
@click.argument("source", metavar="FROM", type=_FILE)
@click.option("--replace", is_flag=True, help="Move what is there out of the way, and keep it.")
@click.pass_obj
def restore(chosen: Settings, source: Path, replace: bool) -> None:
    """Put a backup in place, of a service that is stopped.

    Exit code 1: something was damaged when it was backed up.
    """
    from models.maintenance import restore
    from utils.cli import terminal

    logs.configure(chosen.log_format, "WARNING")
    with terminal.working("Unpacking") as tell:
        done = restore.restore(chosen, source, replace, tell)
    click.echo(f"Restored {terminal.counted(done.counts)}.")
    for folder in done.replaced:
        click.echo(f"What was there before is in {folder}.")
    _say_damaged(done.damaged)


def _say_damaged(names: list[str]) -> None:
    """Name what was damaged; the command has not gone well then."""
    for name in names:
        click.echo(f"Damaged, and copied as it is: {name}", err=True)
    if names:
        sys.exit(1)
