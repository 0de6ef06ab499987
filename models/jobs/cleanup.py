"""What a job that gave no model would leave behind, removed."""

from __future__ import annotations

import contextlib
from typing import Any

from models.registry.registry import CHECKPOINT
from utils.errors import NotFound
from utils.storage.artifact_store import ArtifactStore


def tidy(
    models: ArtifactStore, datasets: ArtifactStore, job_id: str, arguments: dict[str, Any]
) -> None:
    """Remove the checkpoint of a job, and the data that was stored for it alone."""
    models.drop(job_id, CHECKPOINT)
    if arguments.get("owns_data"):
        with contextlib.suppress(NotFound):  # somebody deleted it before
            datasets.delete(arguments["dataset_id"])
