"""Removal of what a job that gave no model would leave behind."""

from __future__ import annotations

import contextlib

from models.jobs.arguments import JobArguments, TrainArguments
from models.jobs.job_log import Decision, JobLog
from models.jobs.states import member_id
from models.registry.model_store import CHECKPOINT
from utils.errors import NotFound
from utils.storage.artifact_store import ArtifactStore

_WITHOUT_MODEL = (Decision.FAIL, Decision.CANCEL)


def remove_leftovers(
    models: ArtifactStore,
    datasets: ArtifactStore,
    log: JobLog,
    job_id: str,
    arguments: JobArguments,
) -> None:
    """Remove the checkpoint of a job, and the data set that was stored for it or its group alone.

    The data of a group stays until all of its jobs ended without a model.
    """
    models.drop(job_id, CHECKPOINT)
    if not isinstance(arguments, TrainArguments) or not arguments.owns_data:
        return
    if all(log.decision(id) in _WITHOUT_MODEL for id in _others(job_id, arguments)):
        with contextlib.suppress(NotFound):  # somebody deleted it before
            datasets.delete(arguments.dataset_id)


def _others(job_id: str, arguments: TrainArguments) -> list[str]:
    """Return the ids of the other jobs of a group."""
    if arguments.group_id is None:
        return []
    ids = [member_id(arguments.group_id, place) for place in range(arguments.group_size)]
    return [id for id in ids if id != job_id]
