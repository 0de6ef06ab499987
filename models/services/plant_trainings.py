"""Trainings of one model per plant, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable

from models.jobs.jobs import Jobs
from models.jobs.states import Priority, Work, member_id
from models.registry.model_document import ModelDocument
from models.registry.registry import Registry
from models.services.submissions import Submission, Submissions
from models.services.waiting_requests import WaitingRequests
from utils.api.idempotency import undeleted_id_of
from utils.api.replies.training import ParallelReply, PlantResult
from utils.api.schemas.training import ParallelRequest
from utils.errors import Detail, InvalidInput, ServiceError
from utils.settings import Settings
from utils.shutdown import DRAIN


class PlantTrainings:
    """The groups of trainings of one service. Arguments as of `TrainingService`."""

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        registry: Registry,
        submissions: Submissions,
        waiting: WaitingRequests,
        on_job_submitted: Callable[[str], None],
    ) -> None:
        self._settings, self._jobs, self._registry = settings, jobs, registry
        self._submissions, self._waiting = submissions, waiting
        self._on_job_submitted = on_job_submitted

    def start(self, request: ParallelRequest, idempotency_key: str | None = None) -> dict[str, str]:
        """Submit a training per plant; return plant → id of its job.

        Raises:
            InvalidInput: the data has no such plant, or the idempotency key was used with another
                body.
            ServiceError: as `TrainingService.start`.
        """
        return self._submit(self._submissions.of(request, idempotency_key))

    def _submit(self, submission: Submission[ParallelRequest]) -> dict[str, str]:
        key, submissions = submission.idempotency_key, self._submissions
        group = submission.shared_id or undeleted_id_of(key, "plants", self._lost_a_model)
        if known := submissions.jobs_of_group(group):
            submissions.expect_same(known[0].job_id, submission)
            return {str(job.training.plant): job.job_id for job in known}
        self._jobs.expect_worker()
        self._registry.store.quota.expect()
        with submissions.stored(submission, group) as (document, arguments):
            plants = _plants(submission.request, document["summary"]["plants"])
            self._jobs.expect_place(len(plants), self._settings.max_queued_jobs)
        jobs = {plant: member_id(group, place) for place, plant in enumerate(plants)}
        for place, (plant, job_id) in enumerate(jobs.items()):
            member = {"plant": plant, "group_id": group, "group_size": len(jobs)}
            own = arguments.model_copy(update=member)
            self._jobs.enqueue(Work.TRAIN, job_id, own, Priority.GROUP.of(place))
            self._on_job_submitted(job_id)
        return jobs

    def _lost_a_model(self, group: str) -> bool:
        """Return whether a model of a group of trainings was deleted."""
        size = max(1, len(self._submissions.jobs_of_group(group)))
        ids = (member_id(group, place) for place in range(size))
        return any(self._registry.store.was_deleted(id) for id in ids)

    def train(self, request: ParallelRequest, idempotency_key: str | None = None) -> ParallelReply:
        """Train a model per plant, side by side, and wait for all; joins as one training does.

        Raises:
            ServiceError: as `start`; or the error of the first plant, where all failed.
        """
        began = time.monotonic()
        submission = self._submissions.of(request, idempotency_key)
        with self._waiting.place(), self._submissions.shared(submission) as shared:
            jobs = self._submit(shared)
            ended = {plant: self._plant_end(job_id) for plant, job_id in jobs.items()}
        seconds = time.monotonic() - began
        failures = {plant: end for plant, end in ended.items() if isinstance(end, ServiceError)}
        if len(failures) == len(ended):
            raise _all_failed(failures)
        results = {plant: _plant_result(jobs[plant], end) for plant, end in ended.items()}
        trained = [result.training_time for result in results.values() if result.training_time]
        return ParallelReply(
            dataset_id=self._jobs.get(next(iter(jobs.values()))).training.dataset_id,
            total_plants=len(results),
            successful_plants=len(results) - len(failures),
            failed_plants=list(failures),
            training_time=seconds,
            average_time_per_plant=sum(trained) / len(trained) if trained else 0.0,
            plant_results=results,
        )

    def _plant_end(self, job_id: str) -> ModelDocument | ServiceError:
        """Return the document of a job's model, or the error that the job failed with."""
        try:
            self._jobs.wait(job_id)
            return self._registry.summary(job_id)
        except ServiceError as error:
            if DRAIN.begun:
                raise
            return error


def _plants(request: ParallelRequest, known: list[str]) -> list[str]:
    """Return the plants to train on, of those that the data has.

    Raises:
        InvalidInput: the data has no such plant.
    """
    plants = request.plants if request.names_plants else known
    unknown = sorted(set(plants) - set(known))
    if unknown:
        rule = f"must be plants of the data: {', '.join(known)}"
        raise InvalidInput.of("plants", rule, unknown[0])
    return plants


def _plant_result(job_id: str, end: ModelDocument | ServiceError) -> PlantResult:
    if isinstance(end, ServiceError):
        return PlantResult(success=False, job_id=job_id, error=end.message)
    fields = end.model_dump(include={"metrics", "training_time", "data_points"}, exclude_unset=True)
    return PlantResult(success=True, job_id=job_id, model_id=job_id, **fields)


def _all_failed(failures: dict[str, ServiceError]) -> ServiceError:
    """Return the error of the first plant, with the message of each in the details."""
    first = next(iter(failures.values()))
    details = [Detail("plants", error.message, plant) for plant, error in failures.items()]
    return type(first)(f"No plant could be trained. {first.message}", details)
