"""`python run.py verify`, `backup`, `restore`: checks, archives and their return."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from utils import logs, process_limits
from utils.cli import terminal
from utils.settings import Settings


@click.command()
@click.option("--repair", is_flag=True, help="Repair what can be repaired without a loss.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_obj
def verify(chosen: Settings, repair: bool, as_json: bool) -> None:
    """Check every model, data set, job and the database against each other.

    The service may run meanwhile. Exit code 0: nothing is wrong; 1: something is; 2: the check
    cannot be made.
    """
    from models.maintenance import verify

    logs.configure(chosen.log_format, "WARNING")
    if repair:
        process_limits.cap_memory(chosen.worker_memory_mb, processes=1)  # a file may state any size
    with terminal.working("Checking"):
        report = verify.verify(chosen, repair)
    click.echo(json.dumps(report, indent=2)) if as_json else terminal.print_report(report)
    sys.exit(0 if report["clean"] else 1)


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.pass_obj
def backup(chosen: Settings, target: Path) -> None:
    """Copy jobs, models and data into one archive, while the service runs.

    TARGET is a new file, or a folder to create one in. It may hold hashes of API keys; only you
    can read it. Exit code 1: something was damaged, and is copied as it is.
    """
    from models.maintenance.backup import back_up

    logs.configure(chosen.log_format, "WARNING")
    with terminal.working("Copying"):
        path, manifest = back_up(chosen, target)
    size = path.stat().st_size / 1e6
    click.echo(f"{path}: {terminal.counted(manifest.counts)}; {size:,.1f} MB.")
    _name_damaged(manifest.damaged)


@click.command()
@click.argument("source", metavar="FROM", type=click.Path(True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Move what is there out of the way, and keep it.")
@click.pass_obj
def restore(chosen: Settings, source: Path, replace: bool) -> None:
    """Put a backup in place, of a service that is stopped.

    Exit code 1: something was damaged when it was backed up.
    """
    from models.maintenance.backup import restore as put_back

    logs.configure(chosen.log_format, "WARNING")
    with terminal.working("Unpacking"):
        manifest, replaced = put_back(chosen, source, replace)
    click.echo(f"Restored {terminal.counted(manifest.counts)}.")
    for folder in replaced:
        click.echo(f"What was there before is in {folder}.")
    _name_damaged(manifest.damaged)


def _name_damaged(names: list[str]) -> None:
    for name in names:
        click.echo(f"Damaged, and copied as it is: {name}", err=True)
    if names:
        sys.exit(1)
