"""Requests for trainings on their way to the job engine: their data, and the id of their jobs.

Equal requests that wait at the same moment share one job, in whichever web processes they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID, uuid4, uuid5

from models.jobs.arguments import TrainArguments
from models.jobs.jobs import Jobs
from models.jobs.shared_requests import SharedRequests
from models.jobs.states import Job, member_id
from models.registry.registry import Registry
from models.services.continued_trainings import ContinuedTrainings
from models.services.training_data import TrainingData
from utils.api import request_limits
from utils.api.idempotency import fingerprint, seed_of, used_key
from utils.api.parsing import Request
from utils.api.schemas.calendar import to_json
from utils.api.schemas.training import ContinueRequest, TrainRequest
from utils.settings import Settings
from utils.storage.artifact_reader import DOCUMENT

R = TypeVar("R", bound=Request)
T = TypeVar("T", bound=TrainRequest)


class Submission(NamedTuple, Generic[R]):
    """A request for a training.

    Attributes:
        request: with the data set that it trains on, unless one is to be stored for it.
        is_newest: the request named no data: the data set is the newest.
        idempotency_key: two submissions with the same one give one job; None: without.
        mark: fingerprint of the request.
        shared_id: id of the job, or group of jobs, that equal requests have, too; None: its own.
        continues: id of the model that the training goes on from; None: it begins anew.
    """

    request: R
    is_newest: bool
    idempotency_key: str | None
    mark: str
    shared_id: str | None = None
    continues: str | None = None


class Submissions:
    """The parts of a submission that one training and a group of them share."""

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        registry: Registry,
        data: TrainingData,
        continued: ContinuedTrainings,
    ) -> None:
        self._settings, self._jobs, self._registry, self._data = settings, jobs, registry, data
        self._continued = continued

    def of(self, request: T, idempotency_key: str | None) -> Submission[T]:
        """Return the submission of a request, with its data set.

        Raises:
            InvalidInput: it asks for more epochs or units than allowed.
        """
        request_limits.check_training(request, self._settings)
        chosen, is_newest = self._data.chosen(request)
        # The same body may mean another data set by now: that is for a key to decide.
        mark = fingerprint(chosen if idempotency_key is None else request)
        return Submission(chosen, is_newest, idempotency_key, mark)

    def of_continued(
        self, model_id: str, request: ContinueRequest, idempotency_key: str | None
    ) -> Submission[ContinueRequest]:
        """Return the submission of a request that goes on from a model.

        Raises:
            ServiceError: as `ContinuedTrainings.source`, without an idempotency key.
        """
        about = model_id
        if idempotency_key is None:  # equal requests share a job while there are no newer rows
            about += f" {self._continued.source(model_id)[1].get('version', 1)}"
        mark = fingerprint(request, about)
        return Submission(request, False, idempotency_key, mark, None, model_id)

    @contextmanager
    def shared(self, submission: Submission[R]) -> Iterator[Submission[R]]:
        """Yield the submission with the id that all equal requests have while they wait.

        One with an idempotency key has an id of its own.
        """
        if submission.idempotency_key is not None:
            yield submission
            return
        requests, mark = SharedRequests(self._jobs.engine), submission.mark
        unfinished = self._jobs.unfinished()
        running = next((job for job in unfinished if job.arguments.fingerprint == mark), None)
        known = (running.training.group_id or running.job_id) if running else None
        shared_id = requests.claim(mark, known or str(uuid4()), self._is_over)
        try:
            yield submission._replace(shared_id=shared_id)
        finally:
            requests.release(mark, shared_id)

    def _is_over(self, id: str) -> bool:
        """Return whether the job, or the group of jobs, of an id has ended, or is forgotten."""
        known = self.jobs_of_group(id) or list(self._jobs.find([id]).values())
        if known:
            return all(job.state.ended for job in known)
        store = self._registry.store
        ids = id, member_id(id, 0)
        return any(store.has(each, DOCUMENT) or store.was_deleted(each) for each in ids)

    def jobs_of_group(self, group: str) -> list[Job]:
        """Return the jobs of a group of trainings; [] while they are not all submitted."""
        first = self._jobs.find([member_id(group, 0)])
        found = [job for each in first.values() for job in self._jobs.group_of(each)]
        return found if found and len(found) == found[0].training.group_size else []

    def expect_same(self, job_id: str, submission: Submission[Any]) -> None:
        """Raise InvalidInput if the job of an idempotency key was submitted with another body."""
        key = submission.idempotency_key
        if key is not None and self._jobs.fingerprint_of(job_id) != submission.mark:
            raise used_key(key)

    def stored(
        self, submission: Submission[Any], made_for: str
    ) -> AbstractContextManager[tuple[dict[str, Any], TrainArguments]]:
        """Yield the document of the data set to train on, and the arguments of the training.

        Args:
            made_for: id of the job, or group of jobs, that a data set is stored for.
        """
        request, model_id = submission.request, submission.continues
        if isinstance(request, ContinueRequest) and model_id is not None:
            work = self._continued.work(model_id, request, submission.mark)
            request_limits.check_epochs(work[1].config["epochs"], self._settings)
            return nullcontext(work)
        seed = seed_of(request.seed, submission.idempotency_key or made_for)
        arguments = TrainArguments(
            newest_data=submission.is_newest,
            config=request.to_config(),
            left_open=request.left_open,
            architecture=request.architecture,
            seed=seed,
            keep_optimizer=request.keep_optimizer,
            fingerprint=submission.mark,
        )
        data_id = str(uuid5(UUID(made_for), submission.mark))
        return self._stored(request, data_id, made_for, arguments)

    @contextmanager
    def _stored(
        self, request: TrainRequest, data_id: str, made_for: str, arguments: TrainArguments
    ) -> Iterator[tuple[dict[str, Any], TrainArguments]]:
        with self._data.stored(request, arguments.seed, data_id, made_for) as (document, owned):
            data = {"dataset_id": document["dataset_id"], "owns_data": owned}
            if request.calendar is not None and not owned:
                data["calendar"] = to_json(request.calendar)
            yield document, arguments.model_copy(update=data)
