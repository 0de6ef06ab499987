"""The data that a request trains on: named, posted, generated, or else the newest data set.

Data that is stored for one training, or for one group of them, is deleted with the last model
that was trained on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from models.data.dataset_entries import is_of_training
from models.data.datasets import Datasets
from models.data.given_calendars import given_calendars
from models.jobs.jobs import Jobs
from models.registry.registry import Registry
from models.services.synthetic_data import plant_spec
from utils.api.schemas.training import TrainRequest
from utils.errors import Conflict, DamagedFile, NotFound, ServiceError, Unavailable
from utils.logs import logger
from utils.settings import Settings
from utils.storage.artifact_index import Selection

log = logger("data")

_LISTED = 100  # models among which another one of the same data set is found

R = TypeVar("R", bound=TrainRequest)


class TrainingData:
    """The data sets that trainings use."""

    def __init__(
        self, settings: Settings, jobs: Jobs, datasets: Datasets, registry: Registry
    ) -> None:
        self._settings, self._jobs = settings, jobs
        self._datasets, self._registry = datasets, registry

    def chosen(self, request: R) -> tuple[R, bool]:
        """Return a request with its data set, and whether that is the newest as it named no data.

        Where clients have stored no data set, the request stays as it is: the generator's defaults.
        """
        if not request.names_no_data:
            return request, False
        newest = self._datasets.newest_of_clients()
        if newest is None:
            return request, False
        return request.model_copy(update={"dataset_id": newest}), True

    @contextmanager
    def stored(
        self, request: TrainRequest, seed: int, data_id: str, made_for: str
    ) -> Iterator[tuple[dict[str, Any], bool]]:
        """Yield the document of the data set of a request, and whether it is of the training alone.

        A data set that was stored for a job which then cannot be submitted is removed again.

        Args:
            data_id: id of the data set, should one be stored.
            made_for: id of the job, or the group of jobs, that it is stored for.
        """
        if request.dataset_id is not None:
            document = self._datasets.store.document(request.dataset_id)
            given_calendars(request.calendar, document["summary"]["plants"])  # or it is refused
            yield document, False
            return
        try:
            document = self._store(request, seed, data_id, made_for)
        except Conflict:  # an equal request came at the same time, and stored it first
            yield self._datasets.store.document(data_id), True
            return
        try:
            yield document, True
        except ServiceError:
            self._datasets.store.delete(data_id)
            raise

    def _store(
        self, request: TrainRequest, seed: int, data_id: str, made_for: str
    ) -> dict[str, Any]:
        if request.training_data is not None:
            return self._datasets.add_rows(
                request.training_data,
                data_id,
                made_for=made_for,
                options=request,
                calendar=request.calendar,
                declared=request.known or (),
            )
        spec = plant_spec(request, seed, self._settings)
        return self._datasets.generate(spec, data_id, made_for=made_for)

    def deleted_with(self, model_id: str) -> str | None:
        """Return the data set that is to be deleted with a model; None if there is none.

        That is one which was stored for a training, and which no other model and no training that
        goes on uses.
        """
        try:
            dataset_id = self._registry.summary(model_id).dataset_id
            document = self._datasets.store.document(dataset_id or "")
            if not is_of_training(document) or self._is_used(str(dataset_id), model_id):
                return None
        except (NotFound, Conflict, DamagedFile):  # not known, or a legacy model
            return None
        except Unavailable as error:
            log.warning("cannot look for the data of a model", model=model_id, error=error.message)
            return None
        return dataset_id

    def _is_used(self, dataset_id: str, model_id: str) -> bool:
        """Return whether a model other than `model_id`, or a training that goes on, uses it."""
        alike = self._registry.page(Selection(limit=_LISTED, search=dataset_id)).shown
        models = (id for id, info in alike.items() if info.get("dataset_id") == dataset_id)
        if any(id != model_id for id in models):
            return True
        return any(job.training.dataset_id == dataset_id for job in self._jobs.unfinished())
