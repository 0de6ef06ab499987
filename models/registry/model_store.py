"""The stores of models and of their backtests: the files that they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.registry.model_document import FORECAST_FIELDS, ModelDocument, names_on_disk
from utils.errors import DamagedFile
from utils.storage.artifact_store import ArtifactStore
from utils.storage.quota import Quota

CHECKPOINT = ".checkpoint"
RESULT, PICTURE = ".result", ".png"  # of a backtest
# The network for serving, by the type of its weights; and for devices.
SERVED = {"float32": ".onnx", "float16": ".float16.onnx", "int8": ".int8.onnx"}
LITERT = ".tflite"
SUFFIXES = (".keras", *SERVED.values(), LITERT, ".h5", ".png", ".html", CHECKPOINT)


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


def served_suffix(document: ModelDocument) -> str:
    """Return the ending of the file that a model is served from."""
    return SERVED.get(document.serves, SERVED["float32"])


def backtest_store(location: str | Path) -> ArtifactStore:
    """Return the store of the backtests of the models at a location: a folder beneath it."""
    folder = f"{str(location).rstrip('/')}/backtests"
    return ArtifactStore(folder, "backtest", (RESULT, PICTURE), deletes_for_good=True)


def lost(id: str) -> DamagedFile:
    """Return the error of a model without a network."""
    return DamagedFile(
        f"Model {id} has lost its network: neither a .keras nor a .h5 file stands beside its "
        "document. Delete it and train again, or restore it from a backup."
    )
