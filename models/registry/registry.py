"""The trained models on disk: list, open (cached), delete; they are published by training."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from models.forecast.forecaster import Forecaster
from models.registry.comparison import evaluation_key, others
from models.registry.model_document import ModelDocument
from models.registry.model_entries import (
    EVALUATION,
    INDEX_VERSION,
    PLANT,
    PlantModel,
    entry_of,
    listed,
    shown_of,
)
from models.registry.model_store import lost, model_store, served_suffix
from models.registry.opening import open_forecaster
from utils.api.replies.training import OtherModel
from utils.errors import Conflict, DamagedFile, NotFound
from utils.storage.artifact_index import ArtifactIndex, Page, Selection
from utils.storage.artifact_reader import DOCUMENT
from utils.storage.quota import Quota

# Bytes of memory that an open model takes for each byte of its files, as measured.
_PER_DOCUMENT, _PER_NETWORK = 2, 4


class NotDerived(Exception):
    """The ONNX file of a model is yet to be derived from its `.keras` or `.h5`."""


class OpenModel(NamedTuple):
    """A model ready to forecast, as a process keeps it.

    Attributes:
        summary: of its document, as the store keeps it: another object once the model changes.
        document: the same, typed.
        size: bytes of memory, about.
    """

    summary: dict[str, Any]
    document: ModelDocument
    forecaster: Forecaster
    size: int


class Registry:
    """The models at one location, and those that were used last, open.

    A model that any process deletes is not served again: every use looks at the document first,
    which costs a `stat`. While the store is away, the models that are open forecast without it.

    Args:
        cache_bytes: memory that the open models may take; the one used last stays open anyway.
        on_change: called with the number of open models and the bytes of memory they take.
        quota: bytes that all models together may take.
    """

    def __init__(
        self,
        location: str | Path,
        cache_bytes: int,
        on_change: Callable[[int, int], None] = lambda models, size: None,
        quota: Quota | None = None,
    ) -> None:
        self.store = model_store(location, quota)
        self.index = ArtifactIndex(
            self.store, INDEX_VERSION, partial(entry_of, self.store), (DOCUMENT, ".h5")
        )
        self._cache_bytes = cache_bytes
        self._on_change = on_change
        self._open: OrderedDict[str, OpenModel] = OrderedDict()
        self._lock = threading.Lock()

    def count(self) -> int:
        """Return the number of models, legacy ones included."""
        return len(self.store.stems(DOCUMENT, ".h5"))

    def page(self, selection: Selection) -> Page:
        """Return a page of the list of models. The entry of a damaged model has its error."""
        page = self.index.page(selection)
        return page._replace(shown={id: listed(self.store, id, e) for id, e in page.shown.items()})

    def newest(self, search: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (id, entry of the list) of all models, or of those with a text, newest first."""
        after = None
        while True:
            page = self.page(Selection(limit=100, after=after, search=search))
            yield from page.shown.items()
            if (after := page.last) is None:
                return

    def models_of_plants(self, plant: str | None = None) -> dict[str, dict[str, PlantModel]]:
        """Return plant → model id → figures of the models of one plant alone, newest first.

        Args:
            plant: only of this one; None: of each.
        """
        found: dict[str, dict[str, PlantModel]] = {}
        for id, tag in self.index.tagged(PLANT, plant):
            found.setdefault(tag.value, {})[id] = PlantModel(**tag.note)
        return found

    def others_of(self, document: ModelDocument) -> list[OtherModel]:
        """Return the newest model of each other architecture with the same held-back end."""
        found = []
        for architecture in others(document.architecture):
            key = evaluation_key(document, architecture)
            for _, tag in self.index.tagged(EVALUATION, key, limit=1) if key else ():
                found.append(OtherModel.model_validate(tag.note))
        return found

    def details(self, id: str) -> tuple[dict[str, Any], ModelDocument]:
        """Return a model's entry of the list, and its document without what it forecasts with.

        Raises:
            NotFound: there is no such model.
            DamagedFile: its document cannot be read.
        """
        if id in self.store.stems(".h5") and id not in self.store.stems(DOCUMENT):
            return entry_of(self.store, id).shown["info"], ModelDocument()
        document = ModelDocument.of(self.store.summary(id))
        return shown_of(document), document

    def document(self, id: str) -> ModelDocument:
        """Return the whole document of a model. Raises as `summary`."""
        self._imported(id, self.store.summary)
        return ModelDocument.read(self.store, id)

    def summary(self, id: str) -> ModelDocument:
        """Return the document of a model without what it forecasts with.

        Raises:
            NotFound: there is no such model.
            Conflict: it is a legacy file that was never brought in.
            DamagedFile: its document cannot be read.
        """
        return ModelDocument.of(self._imported(id, self.store.summary))

    def _imported(self, id: str, look: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
        try:
            return look(id)
        except NotFound as error:
            self._close(id)
            if id in self.store.stems(".h5"):
                raise Conflict(
                    f"Model {id} is a legacy .h5 file without its {id}.json. Bring it in with "
                    f"`python run.py import {id}.h5`."
                ) from error
            raise

    def open(self, id: str) -> OpenModel:
        """Return a model ready to forecast; one that is open, while the store is slow or away.

        Raises:
            NotFound: there is no such model.
            NotDerived: its ONNX file has to be made first.
            Conflict: it is a legacy file that was never brought in.
            DamagedFile: a file of it is not what was published.
        """
        summary = self._imported(id, self.store.last_known)
        with self._lock:
            opened = self._open.get(id)
            if opened and opened.summary is summary:
                self._open.move_to_end(id)
                return opened
        opened = self._load(id, summary)
        with self._lock:
            self._open[id] = opened
            while len(self._open) > 1 and self._bytes_open() > self._cache_bytes:
                self._open.popitem(last=False)
            self._report()
        return opened

    def delete(self, id: str) -> None:
        """Delete a model from disk and from this process's cache.

        Raises:
            NotFound: there is no such model.
        """
        self.store.delete(id)
        self._close(id)

    def _close(self, id: str) -> None:
        with self._lock:
            self._open.pop(id, None)
            self._report()

    def _report(self) -> None:
        self._on_change(len(self._open), self._bytes_open())

    def _bytes_open(self) -> int:
        return sum(opened.size for opened in self._open.values())

    def _load(self, id: str, summary: dict[str, Any]) -> OpenModel:
        try:
            fields = self.store.document(id)
            document = ModelDocument.of(fields)
            network = self._onnx(id, served_suffix(document))
            size = _PER_DOCUMENT * len(orjson.dumps(fields)) + _PER_NETWORK * len(network)
            short = ModelDocument.of(summary)
            return OpenModel(summary, short, open_forecaster(document, network), size)
        except (NotDerived, DamagedFile, NotFound):
            # What looks damaged may be on its way out: then there is no such model any more.
            self.store.forget(id)
            self.store.summary(id)
            raise

    def _onnx(self, id: str, served: str) -> bytes:
        for suffix in dict.fromkeys((served, ".onnx")):
            if self.store.has(id, suffix):
                return self.store.read(id, suffix)
        if any(self.store.has(id, suffix) for suffix in (".keras", ".h5")):
            raise NotDerived(id)
        raise lost(id)
