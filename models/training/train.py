"""A training in reading order: prepare → fit → evaluate → publish.

Example: 36 series of 545 days, split at 0.8, with the default hyperparameters take 50 epochs over
about 15,000 windows. The model is published whole, as the last act, or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.forecast.onnx_session import open_network
from models.registry.hyperparameters import Hyperparameters
from models.registry.model_document import ModelDocument
from models.series.calendar import Calendar
from models.series.panel import Panel
from models.training import evaluate, network, publish
from models.training.continuation import Continuation
from models.training.control import NoControl, Stage, TrainingControl
from models.training.fit import EpochLoop
from models.training.prepare import PreparedData, prepare
from utils.api.architectures import PLAIN, Design
from utils.errors import TooLarge
from utils.storage.artifact_store import ArtifactStore


def train(
    panel: Panel,
    hyper: Hyperparameters,
    seed: int,
    store: ArtifactStore,
    model_id: str,
    about: dict[str, Any],
    control: TrainingControl | None = None,
    keep_optimizer: bool = False,
    design: Design = PLAIN,
    continuation: Continuation | None = None,
) -> ModelDocument:
    """Train a network on a panel and publish it; returns the published document.

    Args:
        panel: the series to train on.
        seed: the same seed and panel give the same model on the same machine.
        store: where the model is published, as `model_id`.
        about: more fields of the document, such as the data set's id.
        control: records the epochs, keeps checkpoints, may stop the training; by default none.
        keep_optimizer: True to save Adam's state in the `.keras` file, too.
        design: that the network is built and trained with.
        continuation: the model that the training goes on from; None: the network is new.

    Raises:
        InvalidInput: the data cannot be trained on with these hyperparameters.
        Conflict: the model does not fit the data any more.
        TooLarge: the training needs more memory than there is.
    """
    control = control or NoControl()
    with _keras_session(), TemporaryDirectory() as folder:
        began = time.perf_counter()
        control.on_stage(Stage.DATA)
        unseen_from = continuation.unseen_from(panel.calendar) if continuation else None
        prepared = prepare(panel, hyper, design, unseen_from)
        control.on_stage(Stage.AUTOREGRESSION)
        built = build(prepared, hyper, seed, continuation)
        loop = EpochLoop(built, prepared, hyper, seed, control)
        optimizer = loop.run()
        if keep_optimizer:
            built.compile(optimizer, "mse")
        control.check()
        control.on_stage(Stage.EXPORT)
        onnx = Path(folder) / "model.onnx"
        control.with_retries(lambda: publish.export(built, onnx))
        control.check()
        control.on_stage(Stage.EVALUATION)
        served = open_network(onnx.read_bytes())
        share = None if continuation is None else continuation.lstm_share
        found = evaluate.evaluate(prepared, served, loop.trial_path, share)
        control.check()
        seconds = loop.seconds_before + time.perf_counter() - began
        document = publish.make_document(found, prepared, hyper, seed, built, loop)
        if continuation is not None:
            new_names = continuation.warnings(prepared.encoding.names)
            document = document.model_copy(update={"warnings": [*document.warnings, *new_names]})
        more = {"model_id": model_id, "training_time": seconds, **about}
        document = document.model_copy(update=more)
        control.publish(lambda: publish.publish(store, document, built, onnx))
        return document


@contextmanager
def _keras_session() -> Iterator[None]:
    """Clear what Keras keeps between trainings; an exhausted memory raises TooLarge."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TooLarge(
            "The training needs more memory than its worker may use. A smaller batchSize, "
            "sequenceLength, lstmUnits1 or lstmUnits2 needs less."
        ) from error
    finally:
        keras.backend.clear_session()


def build(
    prepared: PreparedData,
    hyper: Hyperparameters,
    seed: int,
    continuation: Continuation | None = None,
) -> keras.Model:
    """Return a network for prepared data: untrained, or with the weights of a continuation.

    Raises:
        Conflict: the continuation does not fit the data any more.
    """
    encoding, design = prepared.encoding, prepared.design
    names, width = encoding.names, continuation.name_width if continuation else None
    counts = [len(known) for known in names]
    built = network.build(hyper, encoding.width, counts, prepared.horizon, seed, design, width)
    if continuation is not None:
        continuation.fill(built, names)
    return built


def warm_up() -> None:
    """Train for one epoch on 60 rows, so that TensorFlow is set up before the first training."""
    time = np.arange(60.0)
    values = np.column_stack([100 + time % 7, 50 + time % 5, 2 + time % 3 / 10])
    panel = Panel(Calendar(), (("-", "-", "-"),), np.array([0, 60]), np.zeros(1, int), values)
    hyper = Hyperparameters(lstm_units1=1, lstm_units2=1, epochs=1)
    prepared = prepare(panel, hyper)
    EpochLoop(build(prepared, hyper, 0), prepared, hyper, 0, NoControl()).run()
    keras.backend.clear_session()
