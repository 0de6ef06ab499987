"""The trained models on disk: list, open (cached), delete; they are published by training."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from models.data.dataset_summary import names_of_series
from models.forecast.forecaster import Forecaster
from models.registry.comparison import comparable, evaluation_key, others
from models.registry.model_document import FORECAST_FIELDS, ModelDocument, names_on_disk
from models.registry.opening import open_forecaster
from utils.api.replies.training import OtherModel
from utils.errors import Conflict, DamagedFile, NotFound, Unavailable
from utils.storage.artifact_index import ArtifactIndex, Entry, Page, Selection, Tag
from utils.storage.artifact_reader import DOCUMENT, MISSING
from utils.storage.artifact_store import ArtifactStore
from utils.storage.quota import Quota

CHECKPOINT = ".checkpoint"
RESULT, PICTURE = ".result", ".png"  # of a backtest
# The network for serving, by the type of its weights; and for devices.
SERVED = {"float32": ".onnx", "float16": ".float16.onnx", "int8": ".int8.onnx"}
LITERT = ".tflite"
SUFFIXES = (".keras", *SERVED.values(), LITERT, ".h5", ".png", ".html", CHECKPOINT)
_SHOWN = {
    "created_at",
    "architecture",
    "config",
    "chosen_by_preset",
    "metrics",
    "training_time",
    "dataset_id",
    "data_points",
    "source",
    "plant",
    "warnings",
    "versions",
    "serves",
}


_INDEX_VERSION = 2  # to be increased with each change of `Registry._entry`
_PLANT, _EVALUATION = "plant", "evaluation"  # tags
_WARNINGS_LISTED = 3
_METRICS_LISTED = ("rmse", "mae", "r2_score", "mase")
_ERRORS_LISTED = {  # of each target
    "rmse",
    "mae",
    "r2_score",
    "skill_over_last_value",
    "skill_over_seasonal_naive",
}


def model_store(location: str | Path, quota: Quota | None = None) -> ArtifactStore:
    """Return the store that models are published to."""
    return ArtifactStore(location, "model", SUFFIXES, quota, _summary, deletes_for_good=True)


_LEFT_OUT = names_on_disk((*FORECAST_FIELDS, "plans"))


def _summary(document: dict[str, Any]) -> dict[str, Any]:
    """Return a model's document without the numbers that it forecasts with: a tenth of it."""
    kept = {name: value for name, value in document.items() if name not in _LEFT_OUT}
    if isinstance(encoding := document.get("encoding"), dict):
        kept["encoding"] = {
            "engineered": encoding.get("engineered", False),
            "step": encoding.get("step", "day"),
        }
    if isinstance(series := document.get("series"), list):
        kept["series"] = [
            {"key": entry["key"]} for entry in series if isinstance(entry, dict) and "key" in entry
        ]
    return kept


# Bytes of memory that an open model takes for each byte of its files, as measured.
_PER_DOCUMENT, _PER_NETWORK = 2, 4
# How long a forecast waits for a look whether its model has changed, and looks at once.
_LOOK_SECONDS, _LOOKS = 0.8, 8


def served_suffix(document: ModelDocument) -> str:
    """Return the ending of the file that a model is served from."""
    return SERVED.get(document.serves, SERVED["float32"])


def backtest_store(location: str | Path) -> ArtifactStore:
    """Return the store of the backtests of the models at a location: a folder beneath it."""
    folder = f"{str(location).rstrip('/')}/backtests"
    return ArtifactStore(folder, "backtest", (RESULT, PICTURE), deletes_for_good=True)


class PlantModel(NamedTuple):
    """Figures of a model of one plant alone, by which the best one is chosen.

    Attributes:
        mase, r2_score: over the held-back end; None: not measured.
        last_date: of its data; empty if it is not known.
    """

    mase: float | None
    r2_score: float | None
    last_date: str


class NotDerived(Exception):
    """The ONNX file of a model is yet to be derived from its `.keras` or `.h5`."""


class _Opened(NamedTuple):
    summary: dict[str, Any]  # as the store keeps it: another object once the model changes
    forecaster: Forecaster
    size: int  # bytes of memory, about


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
        self.index = ArtifactIndex(self.store, _INDEX_VERSION, self._entry, (DOCUMENT, ".h5"))
        self._cache_bytes = cache_bytes
        self._on_change = on_change
        self._open: OrderedDict[str, _Opened] = OrderedDict()
        self._lock = threading.Lock()
        self._looks = ThreadPoolExecutor(_LOOKS, "look")

    def count(self) -> int:
        """Return the number of models, legacy ones included."""
        return len(self.store.stems(DOCUMENT, ".h5"))

    def page(self, selection: Selection) -> Page:
        """Return a page of the list of models. The entry of a damaged model has its error."""
        page = self.index.page(selection)
        return page._replace(shown={id: self._listed(id, e) for id, e in page.shown.items()})

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
        for id, tag in self.index.tagged(_PLANT, plant):
            found.setdefault(tag.value, {})[id] = PlantModel(**tag.note)
        return found

    def others_of(self, document: ModelDocument) -> list[OtherModel]:
        """Return the newest model of each other architecture with the same held-back end."""
        found = []
        for architecture in others(document.architecture):
            key = evaluation_key(document, architecture)
            for _, tag in self.index.tagged(_EVALUATION, key, limit=1) if key else ():
                found.append(OtherModel.model_validate(tag.note))
        return found

    def details(self, id: str) -> tuple[dict[str, Any], ModelDocument]:
        """Return a model's entry of the list, and its document without what it forecasts with.

        Raises:
            NotFound: there is no such model.
            DamagedFile: its document cannot be read.
        """
        if id in self.store.stems(".h5") and id not in self.store.stems(DOCUMENT):
            return self._entry(id).shown["info"], ModelDocument()
        document = ModelDocument.of(self.store.summary(id))
        return _shown(document), document

    def document(self, id: str) -> ModelDocument:
        """Return the whole document of a model. Raises as `summary`."""
        self._expect_imported(id)
        return ModelDocument.read(self.store, id)

    def summary(self, id: str) -> ModelDocument:
        """Return the document of a model without what it forecasts with.

        Raises:
            NotFound: there is no such model.
            Conflict: it is a legacy file that was never brought in.
            DamagedFile: its document cannot be read.
        """
        return ModelDocument.of(self._expect_imported(id))

    def _expect_imported(self, id: str) -> dict[str, Any]:
        try:
            return self.store.summary(id)
        except NotFound as error:
            if id in self.store.stems(".h5"):
                raise Conflict(
                    f"Model {id} is a legacy .h5 file without its {id}.json. Bring it in with "
                    f"`python run.py import {id}.h5`."
                ) from error
            raise

    def open(self, id: str) -> Forecaster:
        """Return a model ready to forecast.

        Raises:
            NotFound: there is no such model.
            NotDerived: its ONNX file has to be made first.
            Conflict: it is a legacy file that was never brought in.
            DamagedFile: a file of it is not what was published.
        """
        with self._lock:
            cached = self._open.get(id)
        try:
            summary = self._expect_imported(id) if cached is None else self._look(id)
        except (Unavailable, TimeoutError):  # forecasts go on without their store
            if cached is None:
                raise
            return cached.forecaster
        if cached and cached.summary is summary:
            with self._lock:
                if id in self._open:
                    self._open.move_to_end(id)
            return cached.forecaster
        opened = self._load(id, summary)
        with self._lock:
            self._open[id] = opened
            while len(self._open) > 1 and self._bytes_open() > self._cache_bytes:
                self._open.popitem(last=False)
            self._report()
        return opened.forecaster

    def _look(self, id: str) -> dict[str, Any]:
        """Return the summary of an open model; TimeoutError if its store takes long."""
        if not self.store.files.fresh_for:  # a folder
            return self._looked(id)
        return self._looks.submit(self._looked, id).result(_LOOK_SECONDS)

    def _looked(self, id: str) -> dict[str, Any]:
        """Return the summary of an open model; closes it if it was deleted, however late it is."""
        try:
            return self._expect_imported(id)
        except NotFound:
            self._close(id)
            raise

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

    def _load(self, id: str, summary: dict[str, Any]) -> _Opened:
        try:
            fields = self.store.document(id)
            document = ModelDocument.of(fields)
            network = self._onnx(id, served_suffix(document))
            size = _PER_DOCUMENT * len(orjson.dumps(fields)) + _PER_NETWORK * len(network)
            return _Opened(summary, open_forecaster(document, network), size)
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
        raise _lost(id)

    def _entry(self, id: str) -> Entry:
        """Return a model as the index has it.

        Raises:
            NotFound: there is no such model.
        """
        try:
            document = ModelDocument.of(self.store.summary(id))
        except (NotFound, DamagedFile) as error:
            if isinstance(error, NotFound) and not self.store.has(id, ".h5"):
                raise
            info = _unusable(error)
            # When a file of it was written stands in for when it was trained.
            created_at = datetime.fromtimestamp(self.store.changed_at(id), UTC).isoformat()
            info["created_at"] = created_at
            return Entry(created_at, math.inf, info["status"], {}, None, {"info": info})
        names = names_of_series(document.series_keys)
        words = [document.architecture, document.source, document.dataset_id, document.created_at]
        words += [*names["plants"], *names["applications"], *names["panel_sizes"]]
        tags, metrics = {}, document.metrics
        if len(names["plants"]) == 1:
            last_date = document.split.last_date if document.split else ""
            figures = PlantModel(metrics.mase, metrics.r2_score, last_date)
            tags[_PLANT] = Tag(names["plants"][0], figures._asdict())
        key, compared = evaluation_key(document, document.architecture), comparable(document)
        if key and compared:
            tags[_EVALUATION] = Tag(key, compared)
        info = _shown(document)
        info["metrics"] = _short(info["metrics"])
        if "warnings" in info:
            info["warnings"] = info["warnings"][:_WARNINGS_LISTED]
        return Entry(
            document.created_at,
            math.inf if metrics.mase is None else metrics.mase,
            " ".join(filter(None, words)),
            tags,
            names,
            {"info": info, "files": document.files, "served_suffix": served_suffix(document)},
        )

    def _listed(self, id: str, entry: dict[str, Any]) -> dict[str, Any]:
        """Return a model's entry of the list, after a look at the sizes of its files."""
        info: dict[str, Any] = entry["info"]
        if "files" not in entry:
            return info
        try:
            self._expect_network(id, entry["files"], entry["served_suffix"])
        except DamagedFile as error:
            return _unusable(error) | {"created_at": info["created_at"]}
        return info

    def _expect_network(self, id: str, files: dict[str, Any], served: str) -> None:
        """Check, without reading it, that there is a network to serve or to derive one from.

        Raises:
            DamagedFile: there is none, or it has been cut short.
        """
        faults = self.store.faults(id, files)
        for suffix in dict.fromkeys((served, ".onnx")):
            fault = faults.get(suffix)
            if fault is None:
                return
            if fault != MISSING:
                raise self.store.damage(id, suffix, fault)
        if not any(s not in faults and self.store.has(id, s) for s in (".keras", ".h5")):
            raise _lost(id)


def _unusable(error: NotFound | DamagedFile) -> dict[str, Any]:
    """Return the entry of a model that cannot forecast."""
    entry: dict[str, Any] = {"config": {}, "metrics": {}}
    if isinstance(error, NotFound):  # a legacy file without a document
        return entry | {"status": "not imported", "source": "legacy"}
    return entry | {"status": "damaged", "error": error.message}


def _short(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics that lists show."""
    short = {name: metrics[name] for name in _METRICS_LISTED if name in metrics}
    if "per_target" in metrics:
        short["per_target"] = {
            target: {name: value for name, value in errors.items() if name in _ERRORS_LISTED}
            for target, errors in metrics["per_target"].items()
        }
    return short


def _shown(document: ModelDocument) -> dict[str, Any]:
    """Return a model's entry of the list of models."""
    shown = document.model_dump(include=_SHOWN, by_alias=True, exclude_unset=True)
    ready = {"status": "ready", "config": {}, "metrics": {}}
    return ready | shown | {"series_count": len(document.series)}


def _lost(id: str) -> DamagedFile:
    return DamagedFile(
        f"Model {id} has lost its network: neither a .keras nor a .h5 file stands beside its "
        "document. Delete it and train again, or restore it from a backup."
    )
