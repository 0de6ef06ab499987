"""The trained models on disk: list, open (cached), delete; they are published by training."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from models.forecast.forecaster import Forecaster, Memory
from utils.errors import Conflict, DamagedFile, NotFound
from utils.storage.artifact_reader import MISSING
from utils.storage.artifact_store import ArtifactStore
from utils.storage.quota import Quota

CHECKPOINT = ".checkpoint"
RESULT, PICTURE = ".result", ".png"  # of a backtest
# The network for serving, by the type of its weights; and for devices.
SERVED = {"float32": ".onnx", "float16": ".float16.onnx", "int8": ".int8.onnx"}
LITERT = ".tflite"
SUFFIXES = (".keras", *SERVED.values(), LITERT, ".h5", ".png", ".html", CHECKPOINT)
_SHOWN = (
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
)


_FOR_FORECASTS = {"encoding", "anchor", "coherence", "spread", "response"}


def model_store(location: str | Path, room: Quota | None = None) -> ArtifactStore:
    """The store that models are published to."""
    return ArtifactStore(location, "model", SUFFIXES, room, _glance)


def _glance(document: dict[str, Any]) -> dict[str, Any]:
    """A model's document without the numbers that it forecasts with: a tenth of it."""
    kept = {name: value for name, value in document.items() if name not in _FOR_FORECASTS}
    if isinstance(series := document.get("series"), list):
        kept["series"] = [
            {"key": entry["key"]} for entry in series if isinstance(entry, dict) and "key" in entry
        ]
    return kept


# Bytes of memory that an open model takes for each byte of its files, as measured.
_PER_DOCUMENT, _PER_NETWORK = 2, 4


def served_suffix(document: dict[str, Any]) -> str:
    """The ending of the file that a model is served from, as its document states it."""
    return SERVED.get(document.get("serves", "float32"), ".onnx")


def backtest_store(location: str | Path) -> ArtifactStore:
    """The store of the backtests of the models at a location: beneath it, a result each."""
    return ArtifactStore(f"{str(location).rstrip('/')}/backtests", "backtest", (RESULT, PICTURE))


class NotDerived(Exception):
    """A model whose ONNX file is yet to be derived from its `.keras` or `.h5`."""


class _Opened(NamedTuple):
    glance: dict[str, Any]
    forecaster: Forecaster
    size: int  # bytes of memory, about


class Registry:
    """The models at one location, and those that were used last, open.

    What is deleted, by whichever process, is not served again: every use looks at the
    document first, which costs a `stat`.

    Args:
        cache_bytes: memory that the open models may take; the one used last stays open anyway.
        on_change: told how many models are open, and how many bytes of memory they take.
        room: that all models together may take.
    """

    def __init__(
        self,
        location: str | Path,
        cache_bytes: int,
        on_change: Callable[[int, int], None] = lambda models, size: None,
        room: Quota | None = None,
    ) -> None:
        self.store = model_store(location, room)
        self._cache_bytes = cache_bytes
        self._on_change = on_change
        self._open: OrderedDict[str, _Opened] = OrderedDict()
        self._lock = threading.Lock()
        self._memory = Memory()

    def count(self) -> int:
        """How many models there are, legacy ones included."""
        return len(self._ids())

    def infos(self) -> list[tuple[str, dict[str, Any]]]:
        """(id, what is shown of it) of all models, newest first; damaged ones say so."""
        found = []
        for id in self._ids():
            with contextlib.suppress(NotFound):  # deleted meanwhile
                found.append((id, self._info(id)))
        return sorted(found, key=lambda pair: str(pair[1].get("created_at")), reverse=True)

    def details(self, id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """(what the list shows of a model, a glance at its document).

        Raises:
            NotFound: there is no such model.
            DamagedFile: its document cannot be read.
        """
        if id in self.store.stems(".h5") and id not in self.store.ids():
            return self._info(id), {}
        document = self.store.glance(id)
        return self._shown(document), document

    def glance(self, id: str) -> dict[str, Any]:
        """The document of a model that can be used, less what it forecasts with.

        Raises:
            NotFound: there is no such model.
            Conflict: it is a legacy file that was never brought in.
            DamagedFile: its document cannot be read.
        """
        try:
            return self.store.glance(id)
        except NotFound as error:
            if id in self.store.stems(".h5"):
                raise Conflict(
                    f"Model {id} is a legacy .h5 file without its {id}.json. Bring it in with "
                    f"`python run.py import {id}.h5`."
                ) from error
            raise

    def open(self, id: str) -> Forecaster:
        """A model ready to forecast.

        Raises:
            NotFound: there is no such model.
            NotDerived: its ONNX file has to be made first.
            Conflict: it is a legacy file that was never brought in.
            DamagedFile: a file of it is not what was published.
        """
        glance = self.glance(id)
        with self._lock:
            cached = self._open.get(id)
            if cached and cached.glance is glance:
                self._open.move_to_end(id)
                return cached.forecaster
        opened = self._load(id, glance)
        with self._lock:
            self._open[id] = opened
            while len(self._open) > 1 and self._held() > self._cache_bytes:
                self._open.popitem(last=False)
            self._report()
        return opened.forecaster

    def delete(self, id: str) -> None:
        """Delete a model from disk and from this process's cache.

        Raises:
            NotFound: there is no such model.
        """
        self.store.delete(id)
        with self._lock:
            self._open.pop(id, None)
            self._report()

    def _report(self) -> None:
        self._on_change(len(self._open), self._held())

    def _held(self) -> int:
        return sum(opened.size for opened in self._open.values())

    def _ids(self) -> set[str]:
        return {*self.store.ids(), *self.store.stems(".h5")}

    def _load(self, id: str, glance: dict[str, Any]) -> _Opened:
        try:
            document = self.store.document(id)
            network = self._onnx(id, served_suffix(document))
            size = _PER_DOCUMENT * len(orjson.dumps(document)) + _PER_NETWORK * len(network)
            return _Opened(glance, Forecaster(document, network, self._memory), size)
        except (NotDerived, DamagedFile, NotFound):
            # What looks damaged may be on its way out: then there is no such model any more.
            self.store.forget(id)
            self.store.glance(id)
            raise

    def _onnx(self, id: str, served: str) -> bytes:
        for suffix in dict.fromkeys((served, ".onnx")):
            if self.store.has(id, suffix):
                return self.store.read(id, suffix)
        if any(self.store.has(id, suffix) for suffix in (".keras", ".h5")):
            raise NotDerived(id)
        raise self._lost(id)

    def _lost(self, id: str) -> DamagedFile:
        return DamagedFile(
            f"Model {id} has lost its network: neither a .keras nor a .h5 file stands beside its "
            "document. Delete it and train again, or restore it from a backup."
        )

    def _expect_network(self, id: str, document: dict[str, Any]) -> None:
        """Look, without reading it, whether there is a network to serve, or to derive it from.

        Raises:
            DamagedFile: there is none, or it has been cut short.
        """
        faults = self.store.faults(id)
        for suffix in dict.fromkeys((served_suffix(document), ".onnx")):
            fault = faults.get(suffix)
            if fault is None:
                return
            if fault != MISSING:
                raise self.store.damage(id, suffix, fault)
        if not any(s not in faults and self.store.has(id, s) for s in (".keras", ".h5")):
            raise self._lost(id)

    def _info(self, id: str) -> dict[str, Any]:
        try:
            document = self.store.glance(id)
            self._expect_network(id, document)
            return self._shown(document)
        except NotFound:
            if not self.store.has(id, ".h5"):
                raise
            status = {"status": "not imported", "source": "legacy"}
        except DamagedFile as error:
            status = {"status": "damaged", "error": error.message}
        return {"created_at": self._changed(id), "config": {}, "metrics": {}} | status

    def _shown(self, document: dict[str, Any]) -> dict[str, Any]:
        shown = {name: document[name] for name in _SHOWN if name in document}
        series = document.get("series")
        return (
            {"status": "ready", "config": {}, "metrics": {}}
            | shown
            | {"series_count": len(series) if isinstance(series, list) else 0}
        )

    def _changed(self, id: str) -> str:
        """When the file of a model that has no readable document was last written."""
        return datetime.fromtimestamp(self.store.changed_at(id), UTC).isoformat()
