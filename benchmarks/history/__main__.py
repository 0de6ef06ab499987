"""A cluster under faults, its history recorded and checked: `python -m benchmarks.history`.

Two machines (web server and worker each) and a third worker share PostgreSQL and an S3 server
through proxies. Five clients submit trainings, delete models, forecast and list, and write down
each request with its reply. Meanwhile processes are paused and killed, connections to the database
and the store are cut, stall or are half-open, workers start again under one name, the clock of a
machine jumps, and its temporary disk is full. Afterwards the history is checked:

- every accepted job has ended exactly once, by success or by a cancellation that was asked for: a
  job that was seen to have ended never has another status;
- a model is published once: its `created_at` never changes;
- the data that was stored for a job that succeeded is there: only an owner removes;
- what was deleted is not seen again, but for forecasts of models that a process has open: those may
  come for some seconds, and for as long as the process or its store does not answer;
- no reply was wrong: a forecast of one model never changes, an error is a 503 with `Retry-After`, a
  404 of something deleted, or a 409.

A seed gives the same requests and the same faults at the same times.
"""

from __future__ import annotations

import sys
from collections import Counter

import click
from rich.console import Console
from rich.table import Table

from benchmarks.history.run import run


@click.command()
@click.option("--minutes", default=60.0, help="Minutes of faults.")
@click.option("--seed", default=1, help="Seed of the requests and the faults.")
@click.option("--longest", default=120.0, help="Seconds that a fault lasts at most.")
def main(minutes: float, seed: int, longest: float) -> None:
    """Run and check; show the counts."""
    found = run(minutes, seed, longest)
    replies = Counter(f"{o.kind} {o.status or 'no reply'}" for o in found.operations)
    table = Table(title=f"History of {minutes:g} minutes, seed {seed}")
    for heading in ("what", "figure"):
        table.add_column(heading)
    faults = ", ".join(f"{count} × {name}" for name, count in sorted(found.faults.items()))
    table.add_row("faults", faults)
    table.add_row("operations", f"{len(found.operations):,}")
    table.add_row("replies", ", ".join(f"{name}: {n:,}" for name, n in sorted(replies.items())))
    table.add_row("all jobs ended after", f"{found.seconds_to_settle:.0f} s")
    table.add_row("wrong", "\n".join(found.wrong[:20]) or "nothing")
    Console(width=110).print(table)
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
