"""The entries of models in the index, of which lists are made."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

from models.data.dataset_summary import names_of_series
from models.registry.comparison import comparable, evaluation_key
from models.registry.model_document import ModelDocument
from models.registry.model_store import lost, served_suffix
from utils.errors import DamagedFile, NotFound
from utils.storage.artifact_index import Entry, Tag
from utils.storage.artifact_reader import MISSING
from utils.storage.artifact_store import ArtifactStore

INDEX_VERSION = 3  # to be increased with each change of `entry_of`
PLANT, EVALUATION = "plant", "evaluation"  # tags
_WARNINGS_LISTED = 3
_METRICS_LISTED = ("rmse", "mae", "r2_score", "mase")
_ERRORS_LISTED = {  # of each target
    "rmse",
    "mae",
    "r2_score",
    "skill_over_last_value",
    "skill_over_seasonal_naive",
}


_SHOWN = {
    "created_at",
    "architecture",
    "config",
    "chosen_by_preset",
    "metrics",
    "training_time",
    "dataset_id",
    "data_points",
    "dataset_version",
    "dataset_as_of",
    "dataset_versions",
    "continued_from",
    "source",
    "plant",
    "warnings",
    "versions",
    "serves",
}


class PlantModel(NamedTuple):
    """Figures of a model of one plant alone, by which the best one is chosen.

    Attributes:
        mase, r2_score: over the held-back end; None: not measured.
        last_date: of its data; empty if it is not known.
    """

    mase: float | None
    r2_score: float | None
    last_date: str


def entry_of(store: ArtifactStore, id: str) -> Entry:
    """Return a model as the index has it.

    Raises:
        NotFound: there is no such model.
    """
    try:
        document = ModelDocument.of(store.summary(id))
    except (NotFound, DamagedFile) as error:
        if isinstance(error, NotFound) and not store.has(id, ".h5"):
            raise
        info = _unusable(error)
        # When a file of it was written stands in for when it was trained.
        created_at = datetime.fromtimestamp(store.changed_at(id), UTC).isoformat()
        info["created_at"] = created_at
        return Entry(created_at, math.inf, info["status"], {}, None, {"info": info})
    names = names_of_series(document.series_keys)
    words = [document.architecture, document.source, document.dataset_id, document.created_at]
    words += [*names["plants"], *names["applications"], *names["panel_sizes"]]
    mase = document.metrics.mase
    info = shown_of(document)
    info["metrics"] = _short(info["metrics"])
    if "warnings" in info:
        info["warnings"] = info["warnings"][:_WARNINGS_LISTED]
    return Entry(
        document.created_at,
        math.inf if mase is None else mase,
        " ".join(filter(None, words)),
        _tags_of(document, names["plants"]),
        names,
        {"info": info, "files": document.files, "served_suffix": served_suffix(document)},
    )


def _tags_of(document: ModelDocument, plants: list[str]) -> dict[str, Tag]:
    """Return the tags by which a model is found beside others."""
    tags, metrics = {}, document.metrics
    if len(plants) == 1:
        last_date = document.split.last_date if document.split else ""
        figures = PlantModel(metrics.mase, metrics.r2_score, last_date)
        tags[PLANT] = Tag(plants[0], figures._asdict())
    key, compared = evaluation_key(document, document.architecture), comparable(document)
    if key and compared:
        tags[EVALUATION] = Tag(key, compared)
    return tags


def listed(store: ArtifactStore, id: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Return a model's entry of the list, after a look at the sizes of its files."""
    info: dict[str, Any] = entry["info"]
    if "files" not in entry:
        return info
    try:
        _expect_network(store, id, entry["files"], entry["served_suffix"])
    except DamagedFile as error:
        return _unusable(error) | {"created_at": info["created_at"]}
    return info


def _expect_network(store: ArtifactStore, id: str, files: dict[str, Any], served: str) -> None:
    """Check, without reading it, that there is a network to serve or to derive one from.

    Raises:
        DamagedFile: there is none, or it has been cut short.
    """
    faults = store.faults(id, files)
    for suffix in dict.fromkeys((served, ".onnx")):
        fault = faults.get(suffix)
        if fault is None:
            return
        if fault != MISSING:
            raise store.damage(id, suffix, fault)
    if not any(s not in faults and store.has(id, s) for s in (".keras", ".h5")):
        raise lost(id)


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


def shown_of(document: ModelDocument) -> dict[str, Any]:
    """Return a model's entry of the list of models."""
    shown = document.model_dump(include=_SHOWN, by_alias=True, exclude_unset=True)
    ready = {"status": "ready", "config": {}, "metrics": {}}
    return ready | shown | {"series_count": len(document.series)}
