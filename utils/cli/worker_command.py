"""`python run.py worker`: one training worker."""

from __future__ import annotations

import click

from utils import process_limits
from utils.server import start_checks
from utils.settings import Settings


@click.command()
@click.pass_obj
def worker(chosen: Settings) -> None:
    """Run one training worker, on this or another machine."""
    start_checks.expect_usable(chosen)
    process_limits.use_threads(chosen.training_threads)
    process_limits.use_system_allocator()
    from models.jobs import worker as training_worker  # after the limits, as it imports NumPy

    training_worker.run(chosen)
