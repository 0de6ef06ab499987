"""Send broken HTTP to a service: `python -m benchmarks.raw_requests --requests 100000 --seed 1`.

Each request is a valid one of which a few parts or bytes were changed, with a harmless one behind
it on the same connection. h11 reads what is sent, too: the service may answer no request that h11
does not find, least of all the harmless one after framing that is broken. It ends with 1 if
anything was found.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.table import Table

from benchmarks.raw_requests import run
from tests.support.running_service import start_service

_SHOWN = 20


@click.command()
@click.option("--requests", default=100_000, help="Mutated requests.", show_default=True)
@click.option("--seed", default=1, help="Another seed makes others.", show_default=True)
@click.option("--first", default=0, help="Number of the first, to repeat one.", show_default=True)
def main(requests: int, seed: int, first: int) -> None:
    """Send mutated requests to a service of its own, and print the statuses and findings."""
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        service = start_service(Path(folder), **run.SETTINGS)
        try:
            found = run.run(service, range(first, first + requests), seed)
        finally:
            service.stop()
    lasted = f"{time.monotonic() - began:.0f} s"
    table = Table("reply", "times", title=f"{requests:,} mutated requests, seed {seed}, {lasted}")
    for status, times in sorted(found.statuses.items()):
        table.add_row(status, f"{times:,}")
    console = Console(width=120)
    console.print(table)
    for finding in found.findings[:_SHOWN]:
        console.print(finding, markup=False, highlight=False)
    console.print(f"findings: {len(found.findings)}")
    sys.exit(bool(found.findings))


if __name__ == "__main__":
    main()
