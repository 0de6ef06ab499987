"""Fuzz a service of its own: `python -m benchmarks.fuzz [--examples N] [--seed N]`.

Every operation of the OpenAPI document, every check of Schemathesis. Rules that a schema cannot
express are in `hooks`, with the reason beside each. It ends with 0 if nothing was found.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.fuzz import run
from tests.support.running_service import start_service


@click.command()
@click.option("--examples", default=400, help="Most cases of each operation and phase.")
@click.option("--seed", default=1, help="Another seed makes other cases.")
@click.option("--only", multiple=True, help="Only operations whose path matches this.")
def main(examples: int, seed: int, only: tuple[str, ...]) -> None:
    """Fuzz a service of its own, and print the report."""
    with TemporaryDirectory() as folder:
        service = start_service(Path(folder), **run.SETTINGS)
        try:
            found = run.fuzz(service, examples, seed, only)
        finally:
            service.stop()
    print(found.report)
    sys.exit(found.code)


if __name__ == "__main__":
    main()
