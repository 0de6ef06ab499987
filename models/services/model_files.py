"""The files of a model: downloaded, and compressed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import uuid4

from models.jobs.arguments import CompressArguments
from models.jobs.jobs import Jobs
from models.registry.model_document import ModelDocument
from models.registry.model_store import LITERT, served_suffix
from models.registry.registry import Registry
from models.services.waiting_requests import WaitingRequests
from utils.api.idempotency import fingerprint, id_of, used_key
from utils.api.replies.models import CompressReply
from utils.api.schemas.models import CompressRequest
from utils.errors import NotFound


class ModelFiles:
    """The files of the models of one service.

    Args:
        dataset: (model id, data set named by the request or None) → the one to measure it by.
        waiting: the places of requests that wait for a job.
    """

    def __init__(
        self,
        jobs: Jobs,
        registry: Registry,
        dataset: Callable[[str, str | None], str],
        waiting: WaitingRequests,
    ) -> None:
        self._jobs, self._registry = jobs, registry
        self._dataset, self._waiting = dataset, waiting

    def compress(
        self, model_id: str, request: CompressRequest, idempotency_key: str | None = None
    ) -> CompressReply:
        """Make, measure and publish the smaller files of a model.

        Raises:
            InvalidInput: the idempotency key was used with another body.
            NotFound: there is no such model, or no data to measure it by.
            Conflict: its forecasts would change too much.
            TooLarge: the stored models take all of the space that they may (MAX_MODELS_MB).
            Unavailable: no worker is alive.
        """
        self._registry.store.quota.expect()
        job_id = id_of(idempotency_key, f"compress {model_id}")
        mark = f"{model_id} {fingerprint(request)}"
        dataset_id = self._compressed(model_id, request.dataset_id, request.serves, job_id, mark)
        if idempotency_key is not None and self._jobs.fingerprint_of(job_id) != mark:
            raise used_key(idempotency_key)
        entry = self._registry.summary(model_id).compression or {}
        files = entry["files"]
        return CompressReply(
            model_id=model_id,
            dataset_id=dataset_id,
            bytes_before=files["float32"]["bytes"],
            bytes_after=files[entry["serves"]]["bytes"],
            **entry,
        )

    def _compressed(
        self,
        model_id: str,
        named: str | None,
        serves: str | None,
        job_id: str,
        mark: str | None = None,
    ) -> str:
        dataset_id = self._dataset(model_id, named)
        self._jobs.expect_worker()
        arguments = CompressArguments(
            model_id=model_id, dataset_id=dataset_id, serves=serves, fingerprint=mark
        )
        with self._waiting.place():
            self._jobs.compress(job_id, arguments)
        return dataset_id

    def download(self, model_id: str, form: str) -> tuple[AbstractContextManager[Path], str]:
        """Return (a file of a model, available while the context is open; its name).

        A file that does not exist yet is made: a LiteRT file with all that `compress` makes, as
        it is published only if the forecasts hardly change.

        Raises:
            NotFound: there is no such model, or no such file of it.
            Conflict: it is a legacy file that was never brought in.
            Unavailable: no worker is alive to make it.
        """
        store, document = self._registry.store, self._registry.summary(model_id)
        suffix = self._suffix(model_id, form, document)
        if not store.has(model_id, suffix):
            if form == "litert":
                self._compressed(model_id, None, None, str(uuid4()))
            elif form == "onnx":
                self._jobs.expect_worker()
                self._jobs.derive(model_id)
        if not store.has(model_id, suffix):
            raise NotFound(f"Model {model_id} has no {form} file that forecasts as it does.")
        return store.local(model_id, suffix), f"{model_id}.{suffix.rpartition('.')[2]}"

    def _suffix(self, model_id: str, form: str, document: ModelDocument) -> str:
        if form == "keras":  # an imported model is a .h5 file
            return ".keras" if self._registry.store.has(model_id, ".keras") else ".h5"
        return LITERT if form == "litert" else served_suffix(document)
