"""Trainings as clients see them: submitted, followed, waited for, cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from models.data.datasets import Datasets
from models.jobs.arguments import TrainArguments
from models.jobs.cleanup import remove_leftovers
from models.jobs.event_feed import EventFeed, Stream
from models.jobs.jobs import Jobs
from models.jobs.states import JOBS, Job, JobState, Priority, Work, member_id
from models.registry.model_document import ModelDocument
from models.registry.registry import Registry
from models.services.job_replies import job_fields
from models.services.synthetic_data import plant_spec
from models.services.waiting_requests import WaitingRequests
from utils.api import replies, request_limits, schemas, urls
from utils.api.idempotency import fingerprint, id_of, seed_of, undeleted_id_of, used_key
from utils.auth.caller import caller
from utils.errors import Conflict, Detail, InvalidInput, NotFound, ServiceError
from utils.settings import Settings
from utils.shutdown import DRAIN

# Fields of a model's document that the reply of its training repeats.
_REPLIED = {
    "architecture",
    "dataset_id",
    "data_points",
    "training_history",
    "metrics",
    "training_time",
    "model_summary",
    "warnings",
}


class TrainingService:
    """The trainings of one service.

    Args:
        waiting: the places of requests that wait for a job.
        on_job_submitted: called with the id of each job that a request submits or joins.
    """

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        datasets: Datasets,
        registry: Registry,
        waiting: WaitingRequests,
        on_job_submitted: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._jobs, self._datasets, self._registry = jobs, datasets, registry
        self._waiting, self._on_job_submitted = waiting, on_job_submitted
        self._streams = request_limits.Streams(settings)
        self._feed = EventFeed(jobs)

    # --- submission ---------------------------------------------------------------------------

    def start(self, request: schemas.TrainRequest, idempotency_key: str | None) -> str:
        """Submit a training; return the id of its job, which its model will have too.

        Args:
            idempotency_key: two submissions with the same one give one job.

        Raises:
            Unavailable: no worker is alive.
            InvalidInput: more epochs or units than allowed; or the idempotency key was used with
                another body.
            TooLarge: the stored models take all of the space that they may (MAX_MODELS_MB).
            TooManyRequests: too many jobs of the caller wait (MAX_QUEUED_JOBS).
            ServiceError: the data cannot be used.
        """
        request_limits.check_training(request, self._settings)
        self._jobs.expect_worker()
        mark = fingerprint(request)
        job_id = undeleted_id_of(idempotency_key, "train", self._registry.store.was_deleted)
        if idempotency_key is None or not self._is_known(job_id, mark, idempotency_key):
            self._registry.store.quota.expect()
            self._jobs.expect_place(1, self._settings.max_queued_jobs)
            seed = seed_of(request.seed, idempotency_key)
            data_id = id_of(idempotency_key, f"data {mark}")
            with self._data(request, seed, data_id) as (document, owned):
                arguments = TrainArguments(
                    dataset_id=document["dataset_id"],
                    owns_data=owned,
                    config=request.to_config(),
                    left_open=request.left_open,
                    architecture=request.architecture,
                    seed=seed,
                    keep_optimizer=request.keep_optimizer,
                    fingerprint=mark,
                )
                self._jobs.enqueue(Work.TRAIN, job_id, arguments, Priority.SINGLE.of(0))
                self._expect_same(job_id, mark, idempotency_key)  # two may have come at once
        self._expect_same(job_id, mark, idempotency_key)
        self._on_job_submitted(job_id)
        return job_id

    def _is_known(self, job_id: str, mark: str, idempotency_key: str) -> bool:
        """Return whether the job of an idempotency key exists.

        Where the job is forgotten but its model is there, a job is submitted that finds the model.

        Raises:
            InvalidInput: the key was used with another body.
        """
        if self._jobs.states([job_id]):
            return True
        try:
            published = self._registry.summary(job_id)
        except NotFound:
            return False
        if published.fingerprint != mark:
            raise used_key(idempotency_key)
        arguments = TrainArguments(dataset_id=published.dataset_id or "", fingerprint=mark)
        self._jobs.enqueue(Work.TRAIN, job_id, arguments, Priority.SINGLE.of(0))
        return True

    def _expect_same(self, job_id: str, mark: str, idempotency_key: str | None) -> None:
        """Raise InvalidInput if the job of an idempotency key was submitted with another body."""
        if idempotency_key is not None and self._jobs.fingerprint_of(job_id) != mark:
            raise used_key(idempotency_key)

    @contextmanager
    def _data(
        self, request: schemas.TrainRequest, seed: int, data_id: str
    ) -> Iterator[tuple[dict[str, Any], bool]]:
        """Yield the data set to train on, and whether it was stored for this training alone.

        A data set that was stored for a job which then cannot be submitted is removed again.
        """
        if request.dataset_id is not None:
            yield self._datasets.store.document(request.dataset_id), False
            return
        try:
            document = self._stored(request, seed, data_id)
        except Conflict:  # a request with the same key came at the same time, and stored it first
            yield self._datasets.store.document(data_id), True
            return
        try:
            yield document, True
        except ServiceError:
            self._datasets.store.delete(data_id)
            raise

    def _stored(self, request: schemas.TrainRequest, seed: int, data_id: str) -> dict[str, Any]:
        if request.training_data is not None:
            return self._datasets.add_rows(request.training_data, data_id)
        return self._datasets.generate(plant_spec(request, seed, self._settings), data_id)

    def train(
        self, request: schemas.TrainRequest, idempotency_key: str | None
    ) -> replies.TrainReply:
        """Train and wait for the end. If the client disconnects, the job goes on.

        A request equal to one that waits already joins it: a page whose user presses the button
        again gets the model that is being trained.

        Raises:
            Unavailable: no worker is alive, or too many requests wait already.
            Conflict: the job was cancelled.
            ServiceError: the data cannot be used or the training fails.
        """
        with self._waiting.place():
            running = None if idempotency_key else self._alike(request)
            job_id = self._joined(running) if running else self.start(request, idempotency_key)
            self._jobs.wait(job_id)
        document = self._registry.document(job_id)
        return replies.TrainReply(
            model_id=job_id,
            enhanced_features=document.engineered_features,
            beside=self._registry.others_of(document),
            **document.model_dump(include=_REPLIED, exclude_unset=True),
        )

    def _joined(self, running: Job) -> str:
        self._on_job_submitted(running.job_id)
        return running.job_id

    def _alike(self, request: schemas.TrainRequest) -> Job | None:
        """Return the job of an equal request that has not ended, if there is one."""
        mark = fingerprint(request)
        unfinished = self._jobs.unfinished()
        return next((j for j in unfinished if j.arguments.fingerprint == mark), None)

    # --- a model per plant --------------------------------------------------------------------

    def start_plants(
        self, request: schemas.ParallelRequest, idempotency_key: str | None = None
    ) -> dict[str, str]:
        """Submit a training per plant; return plant → id of its job.

        Raises:
            InvalidInput: the data has no such plant, or the idempotency key was used with another
                body.
            ServiceError: as `start`.
        """
        request_limits.check_training(request, self._settings)
        self._jobs.expect_worker()
        self._registry.store.quota.expect()
        group = undeleted_id_of(idempotency_key, "plants", self._lost_a_model)
        mark = fingerprint(request)
        if idempotency_key is not None and (known := self._jobs_of_group(group)):
            self._expect_same(known[0].job_id, mark, idempotency_key)
            return {str(job.training.plant): job.job_id for job in known}
        seed = seed_of(request.seed, idempotency_key)
        data_id = id_of(idempotency_key, f"data {mark}")
        with self._data(request, seed, data_id) as (document, _):
            known = document["summary"]["plants"]
            plants = request.plants if request.names_plants else known
            unknown = sorted(set(plants) - set(known))
            if unknown:
                raise InvalidInput.of(
                    "plants", f"must be plants of the data: {', '.join(known)}", unknown[0]
                )
            self._jobs.expect_place(len(plants), self._settings.max_queued_jobs)
        jobs = {plant: member_id(group, place) for place, plant in enumerate(plants)}
        for place, (plant, job_id) in enumerate(jobs.items()):
            arguments = TrainArguments(
                dataset_id=document["dataset_id"],
                config=request.to_config(),
                left_open=request.left_open,
                architecture=request.architecture,
                seed=seed,
                keep_optimizer=request.keep_optimizer,
                plant=plant,
                group_id=group,
                group_size=len(jobs),
                fingerprint=mark,
            )
            self._jobs.enqueue(Work.TRAIN, job_id, arguments, Priority.GROUP.of(place))
            self._on_job_submitted(job_id)
        return jobs

    def _jobs_of_group(self, group: str) -> list[Job]:
        """The jobs of a group of trainings; [] while they are not all submitted."""
        first = self._jobs.find([member_id(group, 0)])
        found = [job for each in first.values() for job in self._jobs.group_of(each)]
        return found if found and len(found) == found[0].training.group_size else []

    def _lost_a_model(self, group: str) -> bool:
        """Return whether a model of a group of trainings was deleted."""
        size = max(1, len(self._jobs_of_group(group)))
        ids = (member_id(group, place) for place in range(size))
        return any(self._registry.store.was_deleted(id) for id in ids)

    def _group_alike(self, request: schemas.ParallelRequest) -> dict[str, str] | None:
        """Return the jobs by plant of the unfinished group of an equal request, if there is one."""
        running = self._alike(request)
        if running is None:
            return None
        group = self._jobs.group_of(running)
        if len(group) < running.training.group_size:  # it is just being submitted
            return None
        return {str(job.training.plant): job.job_id for job in group}

    def train_plants(
        self, request: schemas.ParallelRequest, idempotency_key: str | None = None
    ) -> replies.ParallelReply:
        """Train a model per plant, side by side, and wait for all; joins as `train` does.

        Raises:
            ServiceError: as `start_plants`; or the error of the first plant, where all failed.
        """
        began = time.monotonic()
        with self._waiting.place():
            running = None if idempotency_key else self._group_alike(request)
            jobs = running or self.start_plants(request, idempotency_key)
            ended = {plant: self._plant_end(job_id) for plant, job_id in jobs.items()}
        seconds = time.monotonic() - began
        failures = {plant: end for plant, end in ended.items() if isinstance(end, ServiceError)}
        if len(failures) == len(ended):
            raise _all_failed(failures)
        results = {plant: _plant_result(jobs[plant], end) for plant, end in ended.items()}
        trained = [result.training_time for result in results.values() if result.training_time]
        return replies.ParallelReply(
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

    # --- jobs ---------------------------------------------------------------------------------

    def jobs(self, query: schemas.JobsQuery) -> replies.JobsReply:
        """Return a page of the jobs."""
        page = self._jobs.page(
            query.limit,
            state=None if query.status is None else JobState(query.status),
            works=JOBS if query.kind is None else (Work(query.kind),),
            descending=query.descending,
            after=query.after,
            offset=query.offset,
            search=query.q,
        )
        return replies.JobsReply(
            jobs=[replies.JobInfo(**job_fields(job)) for job in page.jobs],
            total=page.total,
            next_cursor=query.cursor_after(page.last),
        )

    def job(self, job_id: str) -> replies.JobReply:
        """Return one job.

        Raises:
            NotFound: there is no such job.
        """
        return replies.JobReply(**job_fields(self._jobs.get(job_id)))

    def cancel(self, job_id: str) -> replies.MessageReply:
        """Cancel a job: no model or result of it will be published.

        Raises:
            NotFound: there is no such job.
            Conflict: it has ended already.
        """
        arguments = self._jobs.get(job_id).arguments
        self._jobs.cancel(job_id)
        # The worker that has the job does so too, but it may have died.
        remove_leftovers(self._registry.store, self._datasets.store, job_id, arguments)
        return replies.MessageReply(message=f"Job {job_id} is cancelled.")

    def follow(self, job_id: str, last_id: str | None) -> Stream:
        """Return the messages of a job as they happen (`EventFeed.follow`), to be closed.

        Args:
            last_id: id of the last message that the client has; None: from the beginning.

        Raises:
            NotFound: there is no such job.
            Unavailable: too many streams are open (MAX_STREAMS).
            TooManyRequests: the caller has too many open (MAX_STREAMS_PER_CALLER).
        """
        queued_at = self._jobs.get(job_id).queued_at
        release = self._streams.take(caller(), f"GET {urls.job(job_id)}")
        return Stream(self._feed.follow(job_id, queued_at, last_id), release)


def _plant_result(job_id: str, end: ModelDocument | ServiceError) -> replies.PlantResult:
    if isinstance(end, ServiceError):
        return replies.PlantResult(success=False, job_id=job_id, error=end.message)
    fields = end.model_dump(include={"metrics", "training_time", "data_points"}, exclude_unset=True)
    return replies.PlantResult(success=True, job_id=job_id, model_id=job_id, **fields)


def _all_failed(failures: dict[str, ServiceError]) -> ServiceError:
    """Return the error of the first plant, with the message of each in the details."""
    first = next(iter(failures.values()))
    details = [Detail("plants", error.message, plant) for plant, error in failures.items()]
    return type(first)(f"No plant could be trained. {first.message}", details)
