"""Removal of what a job that gave no model would leave behind."""

from __future__ import annotations

import contextlib

from models.jobs.arguments import JobArguments, TrainArguments
from models.registry.registry import CHECKPOINT
from utils.errors import NotFound
from utils.storage.artifact_store import ArtifactStore


def remove_leftovers(
    models: ArtifactStore, datasets: ArtifactStore, job_id: str, arguments: JobArguments
) -> None:
    """Remove the checkpoint of a job, and the data set that was stored for it alone."""
    models.drop(job_id, CHECKPOINT)
    if isinstance(arguments, TrainArguments) and arguments.owns_data:
        with contextlib.suppress(NotFound):  # somebody deleted it before
            datasets.delete(arguments.dataset_id)
