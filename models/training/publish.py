"""The last step of a training: the ONNX file, the document and the store."""

from __future__ import annotations

import math
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from models.forecast.plan_effect import PAST_ROWS
from models.forecast.what_if import WhatIfEffect
from models.registry.hyperparameters import Hyperparameters
from models.registry.model_document import (
    Metrics,
    ModelDocument,
    NetworkEntry,
    SeriesEntry,
    SplitDates,
)
from models.series.calendar import dated
from models.series.panel import TARGETS, Panel
from models.series.rounding import significant
from models.training import network
from models.training.combination_summary import naive_warnings
from models.training.evaluate import Evaluation
from models.training.fit import EpochLoop
from models.training.prepare import PreparedData
from utils.errors import Unavailable
from utils.storage.artifact_store import ArtifactStore, copy_of
from utils.storage.files import exhausted

_ENOUGH_EPOCHS, _FALLEN = 10, 0.98  # of a training whose loss should have fallen
_MOST_KEPT_ROWS = 500_000  # of all series in a document
# A `.keras` file is a ZIP archive, which has no earlier dates. The words of Python's `zipfile`.
_NO_DATE_OF_ZIP = "timestamps before 1980"


def publish(
    store: ArtifactStore, document: ModelDocument, trained: keras.Model, onnx: Path
) -> None:
    """Publish a trained model, whole: its document, its `.keras` and its `.onnx` file.

    Args:
        onnx: the file that `export` wrote.

    Raises:
        Unavailable: the store, or the clock of this machine, does not allow it now.
    """

    def save(path: Path) -> None:
        try:
            trained.save(path)
        except ValueError as error:
            # Not by a look at the clock: it may have been put right meanwhile.
            if _NO_DATE_OF_ZIP in str(error):
                raise Unavailable(
                    "The clock of this machine stands before 1980: a Keras file cannot be written."
                ) from error
            raise

    files = {".keras": save, ".onnx": copy_of(onnx)}
    store.publish(document.model_id, document.to_json(), files)


def export(trained: keras.Model, path: Path) -> None:
    """Write a network as ONNX.

    Raises:
        Unavailable: the disk is full or read-only.
        OSError: the file cannot be written for another reason.
    """
    try:
        network.export_onnx(trained, path)
    except OSError as error:
        raise exhausted(error) or error from error


def make_document(
    found: Evaluation,
    prepared: PreparedData,
    hyper: Hyperparameters,
    seed: int,
    trained: keras.Model,
    loop: EpochLoop,
) -> ModelDocument:
    """Return the document of a trained model, without its id and duration.

    Args:
        found: the evaluated model.
        trained: its network.
        loop: that trained it.
    """
    created = datetime.now(UTC).isoformat()
    model = found.model
    architecture = prepared.design.architecture
    config = hyper.to_config() | {"architecture": architecture, "seed": seed}
    reconciliation, intervals, raw = model.reconciliation, model.intervals, model.raw_intervals
    document = ModelDocument(
        created_at=created,
        architecture=architecture,
        config=config,
        metrics=Metrics.model_validate(found.metrics),
        model_summary={
            **_network_summary(prepared, hyper, trained),
            "config": config,
            "created_at": created,
        },
        training_history=_history(loop),
        warnings=[
            *prepared.warnings,
            *naive_warnings(found.weights),
            *_learned_little(prepared, loop),
        ],
        encoding=prepared.encoding.to_document(),
        autoregression=prepared.choice.full_fit.to_document(),
        network=NetworkEntry(change_scale=significant(prepared.change_scale, 7).tolist()),
        combination={
            str(name): weights.tolist() for name, weights in found.weights.items() if weights.any()
        },
        reconciliation=None if reconciliation is None else reconciliation.to_document(),
        intervals=None if intervals is None else intervals.to_document(),
        raw_intervals=None if raw is None else raw.to_document(),
        follows_shifts=model.follows_shifts,
        error_paths=model.error_paths.to_document(),
        what_if=_what_if(prepared).to_document(),
        split=SplitDates.model_validate(_split_dates(prepared)),
        series=_series_ends(prepared, _rows_kept(found)),
        versions={
            "python": sys.version.split()[0],
            **{package: version(package) for package in ("tensorflow", "keras", "numpy")},
        },
    )
    if found.plans is None:
        return document
    return document.model_copy(update={"plans": found.plans.to_document()})


def _learned_little(prepared: PreparedData, loop: EpochLoop) -> list[str]:
    """A sentence if the loss of a new network hardly fell over a good number of epochs."""
    losses = loop.history["loss"]
    if prepared.unseen_from is not None or len(losses) < _ENOUGH_EPOCHS:
        return []
    if min(losses) < _FALLEN * losses[0]:
        return []
    return [
        f"The LSTM learned next to nothing: its loss fell from {losses[0]:.4g} to "
        f"{min(losses):.4g} in {len(losses)} epochs. Either there is nothing to learn beyond the "
        "last value, or a larger learningRate is needed; the forecast does not depend on it."
    ]


def _what_if(prepared: PreparedData) -> WhatIfEffect:
    return WhatIfEffect.fit(prepared.panel, prepared.panel.filled(), prepared.cut)


def _network_summary(
    prepared: PreparedData, hyper: Hyperparameters, trained: keras.Model
) -> dict[str, Any]:
    """Shapes, number of weights and design of the network."""
    return {
        "input_shape": [None, hyper.sequence_length, prepared.encoding.width],
        "output_shape": [None, prepared.horizon * len(TARGETS)],
        "total_params": int(trained.count_params()),
        "design": prepared.design.to_config(),
    }


def _history(loop: EpochLoop) -> dict[str, Any]:
    """The losses by epoch, the number of epochs, and the best one."""
    count = {"epochs": len(loop.history["loss"]), "best_epoch": loop.best_epoch}
    return loop.history | count


def _split_dates(prepared: PreparedData) -> dict[str, str | None]:
    """First dates of the parts held back, and the last date of the data."""
    panel, windows = prepared.panel, prepared.windows
    parts = (windows.held_back, windows.calibration, np.arange(len(panel.values)))
    names = ("held_back_from", "calibration_from", "last_date")
    steps = [panel.time[rows].min() if rows.size else None for rows in parts]
    steps[-1] = panel.time.max()
    lanes = np.zeros(1, np.int64) if panel.lanes is None else np.unique(panel.lanes)
    # The latest date of those that the step has by working calendar: what comes later is newer.
    return {
        name: None if step is None else max(panel.calendar.dates(dated(step, lanes)))
        for name, step in zip(names, steps, strict=True)
    }


def _rows_kept(found: Evaluation) -> int:
    """Last rows of a series that a forecast uses, with a plan or without."""
    look_back = found.model.look_back
    return look_back if found.plans is None else max(look_back, PAST_ROWS)


def _known_rows(panel: Panel, rows: slice) -> dict[str, Any]:
    """The entry of the known columns of some rows; {} for data without any."""
    if not panel.known:
        return {}
    columns = {name: significant(column[rows], 9).tolist() for name, column in panel.known.items()}
    return {
        "known": {
            name: [None if math.isnan(value) else value for value in column]
            for name, column in columns.items()
        }
    }


def _series_ends(prepared: PreparedData, rows: int) -> list[SeriesEntry]:
    """The end of every series, which forecasts start from.

    Args:
        rows: last rows of each that a forecast uses. Of many series, fewer are kept: the pretrained
            network does without the oldest.
    """
    panel, found = prepared.panel, []
    fitting = max(_MOST_KEPT_ROWS // len(panel.series_keys), prepared.look_back)
    rows = min(rows, fitting)
    filled = panel.filled()
    for s, series_key in enumerate(panel.series_keys):
        begin, end = int(panel.offsets[s]), int(panel.offsets[s + 1])
        more = _known_rows(panel, slice(max(begin, end - rows), end))
        more |= {} if panel.until is None else {"until": panel.calendar.text(panel.until[s])}
        found.append(
            SeriesEntry(
                series_key=series_key,
                last_step=int(panel.first[s]) + end - begin - 1,
                recent=filled[max(begin, end - rows) : end].tolist(),
                highest_throughput=float(panel.values[begin:end, 1].max()),
                has_cycle_times=not np.isnan(panel.values[begin:end, 2]).all(),
                **more,
            )
        )
    return found
