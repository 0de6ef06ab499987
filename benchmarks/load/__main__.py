"""A service under load, for a minute or half an hour: `python -m benchmarks.load`.

Clients forecast over kept connections, models train, event streams are followed; every reply is
compared with the right one. Exit code 1 if anything fell short. Unless `--rate` says how many
forecasts are due a second, each client asks again as soon as it has its reply: the times are then
those of a queue as long as there are clients, and say little of what one user would feel.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.load import report
from benchmarks.load.run import Load, run
from benchmarks.speed.over_http import service


@click.command()
@click.option("--clients", type=int, help="Kept connections [200].")
@click.option("--seconds", type=float, help="How long [60].")
@click.option("--streams", type=int, help="Event streams that are kept open [50].")
@click.option("--trainings", type=int, help="Models that train at a time [2].")
@click.option("--rate", type=float, help="Forecasts that are due a second, of all clients.")
@click.option("--soak", is_flag=True, help="Half an hour at half of that.")
@click.option("--json", "path", type=click.Path(dir_okay=False, path_type=Path))
def main(soak: bool, path: Path | None, **given: float | None) -> None:
    """Put a service under load, and say what fell short."""
    usual = {"clients": 100, "seconds": 1800, "streams": 25, "trainings": 1} if soak else {}
    load = Load(**usual | {name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    with TemporaryDirectory() as folder, service(Path(folder), WORKERS="2") as served:
        found = report.document(run(served, load))
    if path:
        path.write_text(json.dumps(found, indent=2))
    click.echo(f"{datetime.now(UTC):%Y-%m-%d}\n\n{report.text(found)}")
    sys.exit(1 if found["short"] else 0)


if __name__ == "__main__":
    main()
