"""Training, in reading order: panel → split → scale → anchor → windows → epochs → held-back
evaluation → published model."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.forecast.onnx_session import open_network
from models.forecast.published_model import PublishedModel
from models.registry.hyperparameters import Hyperparameters
from models.registry.model_document import (
    Metrics,
    ModelDocument,
    NetworkEntry,
    SeriesEntry,
    SplitDates,
)
from models.series.calendar import Calendar
from models.series.panel import TARGETS, Panel
from models.training import evaluate, network
from models.training.fit import Alone, Control, Epochs
from models.training.prepare import PreparedData, prepare
from utils.api.architectures import PLAIN, Design
from utils.errors import TooLarge
from utils.storage.artifact_store import ArtifactStore, copy_of
from utils.storage.files import full_disk


def train(
    panel: Panel,
    hyper: Hyperparameters,
    seed: int,
    store: ArtifactStore,
    model_id: str,
    about: dict[str, Any],
    control: Control | None = None,
    keep_optimizer: bool = False,
    design: Design = PLAIN,
) -> ModelDocument:
    """Train a network on a panel and publish it; returns the published document.

    Args:
        seed: the same seed and panel give the same model.
        store: where the model is published, whole, as its last act.
        about: entries of the document beyond the training's own, such as the data set's id.
        control: hears of every epoch, keeps checkpoints, may stop it; by default nobody does.
        keep_optimizer: whether the `.keras` file, three times as large, holds Adam's state too.
        design: what the network is built and trained like.

    Raises:
        InvalidInput: the data cannot be trained on with these hyperparameters.
        TooLarge: it needs more memory than there is.
    """
    control = control or Alone()
    try:
        return _train(panel, hyper, seed, store, model_id, about, control, keep_optimizer, design)
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TooLarge(
            "The training needs more memory than its worker may use. A smaller batchSize, "
            "sequenceLength, lstmUnits1 or lstmUnits2 needs less."
        ) from error
    finally:
        keras.backend.clear_session()


def warm_up() -> None:
    """Train on next to nothing, and forget it: what TensorFlow sets up at its first use is there
    before the first training."""
    time = np.arange(60.0)
    values = np.column_stack([100 + time % 7, 50 + time % 5, 2 + time % 3 / 10])
    panel = Panel(Calendar(), (("-", "-", "-"),), np.array([0, 60]), np.zeros(1, int), values)
    hyper = Hyperparameters(lstm_units1=1, lstm_units2=1, epochs=1)
    task = prepare(panel, hyper)
    built = network.build(hyper, task.encoding.width, [1, 1, 1])
    Epochs(built, task, hyper, 0, Alone()).run()
    keras.backend.clear_session()


def _train(
    panel: Panel,
    hyper: Hyperparameters,
    seed: int,
    store: ArtifactStore,
    model_id: str,
    about: dict[str, Any],
    control: Control,
    keep_optimizer: bool,
    design: Design,
) -> ModelDocument:
    began = time.perf_counter()
    task = prepare(panel, hyper, design)
    features = task.encoding.width
    names = [len(known) for known in task.encoding.names]
    trained = network.build(hyper, features, names, seed, design)
    epochs = Epochs(trained, task, hyper, seed, control)
    optimizer = epochs.run()
    if keep_optimizer:
        trained.compile(optimizer, "mse")
    control.check()
    with TemporaryDirectory() as folder:
        onnx = Path(folder) / "model.onnx"
        control.patiently(lambda: _export(trained, onnx))
        control.check()
        model, metrics = evaluate.assemble(task, open_network(onnx.read_bytes()))
        control.check()
        document = _document(model, metrics, task, hyper, seed, int(trained.count_params()))
        history = epochs.history | {"epochs": len(epochs.history["loss"])}
        document = document.model_copy(
            update={
                "model_id": model_id,
                "training_history": history | {"best_epoch": epochs.best_epoch},
                "training_time": epochs.spent_before + time.perf_counter() - began,
                **about,
            }
        )
        files = {".keras": trained.save, ".onnx": copy_of(onnx)}
        control.publish(lambda: store.publish(model_id, document.to_json(), files))
    return document


def _export(trained: keras.PublishedModel, path: Path) -> None:
    try:
        network.export_onnx(trained, path)
    except OSError as error:
        raise full_disk(error) or error from error


def _document(
    model: PublishedModel,
    metrics: dict[str, Any],
    task: PreparedData,
    hyper: Hyperparameters,
    seed: int,
    total_params: int,
) -> ModelDocument:
    """Return what is known of a trained model: its parts but the network, and its errors."""
    created = datetime.now(UTC).isoformat()
    architecture = task.design.architecture
    config = hyper.to_config() | {"architecture": architecture, "seed": seed}
    reconciliation, intervals = model.reconciliation, model.intervals
    return ModelDocument(
        created_at=created,
        architecture=architecture,
        config=config,
        metrics=Metrics.model_validate(metrics),
        model_summary={
            "input_shape": [None, hyper.sequence_length, task.encoding.width],
            "output_shape": [None, len(TARGETS)],
            "total_params": total_params,
            "config": config,
            "design": task.design.to_config(),
            "created_at": created,
        },
        warnings=task.warnings,
        encoding=task.encoding.to_document(),
        autoregression=task.choice.refitted.to_document(),
        network=NetworkEntry(residual_scale=model.residual_scale.tolist()),
        reconciliation=None if reconciliation is None else reconciliation.to_document(),
        intervals=None if intervals is None else intervals.to_document(),
        what_if=model.what_if.to_document(),
        split=SplitDates.model_validate(_split(task)),
        series=_series(task),
        versions={
            "python": sys.version.split()[0],
            **{package: version(package) for package in ("tensorflow", "keras", "numpy")},
        },
    )


def _split(task: PreparedData) -> dict[str, str | None]:
    """What the model has seen: where the parts that training held back begin, and its last date."""
    panel, windows = task.panel, task.windows
    begins = [
        panel.time[rows].min() if rows.size else None
        for rows in (windows.held_back, windows.calibration)
    ]
    names = ("held_back_from", "calibration_from", "last_date")
    steps = [*begins, panel.time.max()]
    return {
        name: None if step is None else panel.calendar.dates(np.array([step]))[0]
        for name, step in zip(names, steps, strict=True)
    }


def _series(task: PreparedData) -> list[SeriesEntry]:
    """Return what a forecast starts from: the end of every series."""
    panel, found = task.panel, []
    filled = panel.filled()
    for s, key in enumerate(panel.series_keys):
        begin, end = int(panel.offsets[s]), int(panel.offsets[s + 1])
        found.append(
            SeriesEntry(
                series_key=key,
                last_step=int(panel.first[s]) + end - begin - 1,
                recent=filled[max(begin, end - task.memory) : end].tolist(),
                highest_throughput=float(panel.values[begin:end, 1].max()),
            )
        )
    return found
