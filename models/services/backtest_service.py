"""Backtests as clients see them: submitted, waited for, read, deleted with their model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from models.data.datasets import Datasets
from models.jobs.arguments import BacktestArguments
from models.jobs.jobs import Jobs
from models.jobs.states import Work
from models.registry.model_store import PICTURE, RESULT, backtest_store
from models.registry.registry import Registry
from models.services.waiting_requests import WaitingRequests
from utils.api import request_limits
from utils.api.idempotency import fingerprint, undeleted_id_of, used_key
from utils.api.schemas.models import BacktestRequest
from utils.errors import DamagedFile, InvalidInput, NotFound
from utils.settings import Settings
from utils.storage.artifact_index import ArtifactIndex, Entry, Tag

_INDEX_VERSION = 1  # to be increased with each change of `BacktestService._entry`
_ENDINGS = {"json": RESULT, "png": PICTURE}


class BacktestService:
    """The backtests of one service.

    Args:
        waiting: the places of requests that wait for a job.
        on_job_submitted: called with the id of each job that a request submits.
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
        self._jobs, self._datasets, self._registry = jobs, datasets.store, registry
        self._waiting, self._on_job_submitted = waiting, on_job_submitted
        self._store = backtest_store(settings.model_location)
        self._index = ArtifactIndex(self._store, _INDEX_VERSION, self._entry)

    def start(self, model_id: str, request: BacktestRequest, idempotency_key: str | None) -> str:
        """Submit a backtest; return the id of its job.

        Args:
            idempotency_key: two submissions with the same one give one job.

        Raises:
            NotFound: there is no such model or data set.
            InvalidInput: no data set is named, and none is known; or the idempotency key was
                used with another body.
            TooManyRequests: too many jobs of the caller wait (MAX_QUEUED_JOBS).
            Unavailable: no worker is alive.
        """
        if request.horizon is not None:
            request_limits.check_horizon("horizon", request.horizon, self._settings.max_horizon)
        arguments = BacktestArguments(
            model_id=model_id,
            dataset_id=self.dataset(model_id, request.dataset_id),
            config=request.to_config(),
            fingerprint=f"{model_id} {fingerprint(request)}",
        )
        self._jobs.expect_worker()
        job_id = undeleted_id_of(idempotency_key, "backtest", self._store.was_deleted)
        if idempotency_key is None or not self._jobs.states([job_id]):
            self._jobs.expect_place(1, self._settings.max_queued_jobs)
        self._jobs.enqueue(Work.BACKTEST, job_id, arguments)
        submitted = self._jobs.fingerprint_of(job_id) if idempotency_key is not None else None
        if submitted not in (None, arguments.fingerprint):
            raise used_key(idempotency_key)
        self._on_job_submitted(job_id)
        return job_id

    def dataset(self, model_id: str, named: str | None) -> str:
        """Return the data set to judge a model by: `named`, else the one it was trained on.

        Raises:
            NotFound: there is no such model or data set.
            InvalidInput: none is named, and none is known.
        """
        own = self._registry.summary(model_id).dataset_id
        if named is not None:
            self._datasets.document(named)
            return named
        if own is None:
            raise InvalidInput.of("datasetId", "is required: the model keeps no data set")
        try:
            self._datasets.document(own)
        except NotFound as error:
            raise NotFound(
                f"The data set that model {model_id} was trained on, {own}, is deleted. Name "
                "another one as datasetId."
            ) from error
        return own

    def run(self, model_id: str, request: BacktestRequest, idempotency_key: str | None) -> bytes:
        """Submit a backtest and wait for its result, a `BacktestReply` as JSON.

        Raises:
            Unavailable: no worker is alive, or too many requests wait already.
            Conflict: the job was cancelled.
            ServiceError: the model or the data cannot be used.
        """
        with self._waiting.place():
            job_id = self.start(model_id, request, idempotency_key)
            self._jobs.wait(job_id)
        return self.read(model_id, job_id, "json")

    def read(self, model_id: str, job_id: str, form: str) -> bytes:
        """Return the result of a backtest: its reply as `json`, or a picture of it as `png`.

        Raises:
            NotFound: the model has no such backtest.
            DamagedFile: it is not what was published.
        """
        if self._store.document(job_id).get("model_id") != model_id:
            raise NotFound(f"Model {model_id[:60]!r} has no backtest {job_id[:60]!r}.")
        return self._store.read(job_id, _ENDINGS[form])

    def delete_of(self, model_id: str) -> None:
        """Delete the backtests of a model."""
        for job_id, _ in self._index.tagged("model", model_id):
            with contextlib.suppress(NotFound):  # deleted meanwhile
                self._store.delete(job_id)

    def _entry(self, job_id: str) -> Entry:
        """Return a backtest as the index has it.

        Raises:
            NotFound: there is none of that id.
        """
        try:
            document = self._store.document(job_id)
        except DamagedFile:
            return Entry("", 0, "damaged", {}, None, {})
        tags = {"model": Tag(str(document.get("model_id")))}
        return Entry(str(document.get("created_at", "")), 0, "", tags, None, {})
