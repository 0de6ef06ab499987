"""Trainings that go on from a published model: what they may begin from, and their arguments."""

from __future__ import annotations

from typing import Any

from models.data.datasets import Datasets
from models.forecast.zero_shot import PRETRAINED_ID
from models.jobs.arguments import TrainArguments
from models.registry.continuable import expect_continuable
from models.registry.model_document import ModelDocument
from models.registry.registry import Registry
from utils.api.schemas.training import ContinueRequest
from utils.errors import Conflict, InvalidInput, NotFound

_NOT_OF_CONFIG = ("architecture", "seed")  # entries of a model's config beside hyperparameters


class ContinuedTrainings:
    """The models that can be trained on with rows that their data sets have gained."""

    def __init__(self, datasets: Datasets, registry: Registry) -> None:
        self._datasets, self._registry = datasets, registry

    def source(self, model_id: str) -> tuple[ModelDocument, dict[str, Any]]:
        """Return a model's document, as a summary, and the document of its data set.

        Raises:
            NotFound: there is no such model.
            InvalidInput: it is built in.
            Conflict: it cannot be trained on, or there are no new rows.
        """
        if model_id == PRETRAINED_ID:
            raise InvalidInput.of("model_id", "must not be that of a model that is built in")
        model = self._registry.summary(model_id)
        expect_continuable(model_id, model)
        if not self._registry.store.has(model_id, ".keras"):
            raise Conflict(
                f"Model {model_id} has no .keras file any more, only networks to forecast with, "
                "which cannot be trained. Train a new model."
            )
        data = self._dataset(model_id, str(model.dataset_id))
        version, as_of = data.get("version", 1), data["summary"]["date_range"]["end"]
        if version <= model.dataset_version:
            raise Conflict(
                f"Data set {model.dataset_id} has no new rows: model {model_id} was trained on its "
                f"version {version}, up to {as_of}. POST /api/data/{model.dataset_id}/rows adds "
                "some."
            )
        self._expect_new_rows(model_id, model)
        return model, data

    def _expect_new_rows(self, model_id: str, model: ModelDocument) -> None:
        """Raise Conflict if a model of one plant knows all rows of that plant."""
        if model.plant is None or model.dataset_rows is None:
            return
        id = str(model.dataset_id)
        if self._datasets.rows_digest(id, model.plant) == model.dataset_rows:
            raise Conflict(
                f"Data set {id} has no new rows of plant {model.plant}, the only one that model "
                f"{model_id} was trained on; those that it gained are of other plants."
            )

    def _dataset(self, model_id: str, dataset_id: str) -> dict[str, Any]:
        try:
            return self._datasets.store.document(dataset_id)
        except NotFound as error:
            raise Conflict(
                f"The data set that model {model_id} was trained on, {dataset_id}, is deleted. "
                "Train a new model on another one."
            ) from error

    def work(
        self, model_id: str, request: ContinueRequest, mark: str
    ) -> tuple[dict[str, Any], TrainArguments]:
        """Return the data set's document and the arguments of a training. Raises as `source`.

        Args:
            mark: fingerprint of the request.
        """
        model, data = self.source(model_id)
        config = {name: own for name, own in model.config.items() if name not in _NOT_OF_CONFIG}
        arguments = TrainArguments(
            dataset_id=data["dataset_id"],
            continues=model_id,
            config=config | request.to_config(),
            architecture=str(model.architecture),
            seed=model.config.get("seed", 0),
            fingerprint=mark,
        )
        kept = {"calendar": model.calendar, "plant": model.plant}
        given = {name: value for name, value in kept.items() if value is not None}
        return data, arguments.model_copy(update=given)
