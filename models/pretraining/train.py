"""The training of the pretrained network on simulated lines.

Batches are simulated as they are needed. The loss is the pinball loss of all quantiles, averaged
over the known truths. It is divided by the root of the usual change of a step, so that steady
series count, too. Truths and forecasts are compressed before by asinh(x / 3), under which
quantiles stay quantiles, so that rare truths far beyond anything in the window do not outweigh the
rest. Adam, with a short warm-up and a cosine decay. Weights of the least loss on held-out simulated
lines are kept.

A training of given steps depends on its seed alone; one of given minutes also on the speed of the
machine.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.forecast.pretrained import LEVELS
from models.pretraining import pretrained_export, pretrained_network
from models.pretraining.examples import Examples, batches, draw

BEND = 3.0  # scaled values beyond it count less
_TRAINING, _VALIDATION = 0, 1  # streams of random draws of one seed
_AT_ONCE = 512  # examples of a validation batch


@dataclass(frozen=True)
class PretrainingPlan:
    """The settings of a pretraining.

    Attributes:
        seed: of the weights and of all simulated data.
        start: SHA-256 of the Keras file whose weights the training goes on from; none: it starts
            from random ones.
        steps: batches to train on.
        minutes: instead of `steps`, of wall-clock time.
        batch: examples of a batch.
        units: of each LSTM layer.
        decoder_units: of the layers of the decoder.
        rate: highest learning rate.
        warm_up: steps until the learning rate is reached.
        every: steps between two validations.
        lines, windows: of a chunk of simulated data, as in `examples.draw`.
        validation_lines: number of held-out lines.
    """

    seed: int = 1
    start: str | None = None
    steps: int | None = None
    minutes: float | None = None
    batch: int = 128
    units: int = 128
    decoder_units: int = 128
    rate: float = 1.5e-3
    warm_up: int = 200
    every: int = 500
    lines: int = 1024
    windows: int = 12
    validation_lines: int = 1024


def train(
    plan: PretrainingPlan, folder: Path, report: Callable[[str], None], start: Path | None = None
) -> dict[str, Any]:
    """Train the network; write it and its document into a folder. Returns the document.

    Args:
        start: Keras file of a network of the same shape, whose weights are trained further; the
            document beside it is kept as `earlier`.
        report: is called with a line of text at each validation.
    """
    network = pretrained_network.build(plan.units, plan.decoder_units, plan.seed)
    earlier: list[dict[str, Any]] = []
    if start:
        plan = replace(plan, start=hashlib.sha256(start.read_bytes()).hexdigest())
        network.set_weights(keras.models.load_model(start).get_weights())
        earlier = _earlier(start)
    held_out = draw(_stream(plan, _VALIDATION), plan.validation_lines, 2)
    optimizer = keras.optimizers.Adam(plan.rate, clipnorm=1.0)
    optimizer.build(network.trainable_variables)
    fit = _fitting(network, optimizer)
    began, curve, best = time.monotonic(), [], network.get_weights()
    chunks = batches(_stream(plan, _TRAINING), plan.batch, plan.lines, plan.windows)
    done, running = 0.0, 0.0
    step = 0
    while done < 1:
        optimizer.learning_rate.assign(_rate(plan, step, done))
        loss = float(fit(*_tensors(next(chunks))))
        running = 0.98 * running + 0.02 * loss if step else loss
        step += 1
        seconds = time.monotonic() - began
        done = step / plan.steps if plan.steps else seconds / (60 * (plan.minutes or 1.0))
        if step % plan.every == 0 or done >= 1:
            judged = validate(network, held_out)
            curve.append({"step": step, "seconds": round(seconds), "loss": judged})
            report(f"step {step}, {seconds:.0f} s: {judged:.5f} (training {running:.5f})")
            if judged <= min(entry["loss"] for entry in curve):
                best = network.get_weights()
                pretrained_export.write(network, folder, _document(plan, curve, earlier))
                network.set_weights(best)
    network.set_weights(best)
    return pretrained_export.write(network, folder, _document(plan, curve, earlier))


def validate(network: keras.Model, examples: Examples) -> float:
    """Return the mean loss on examples."""
    total, count = 0.0, 0
    for begin in range(0, len(examples), _AT_ONCE):
        some = examples.taken(np.arange(begin, min(begin + _AT_ONCE, len(examples))))
        quantiles = network(some.inputs, training=False)
        known = int((~np.isnan(some.targets)).sum())
        loss = pinball(tf.constant(some.targets), quantiles, tf.constant(some.inputs[-1]))
        total += float(loss) * known
        count += known
    return total / count


def pinball(targets: tf.Tensor, quantiles: tf.Tensor, reach: tf.Tensor) -> tf.Tensor:
    """Return the mean pinball loss of compressed values, over all known targets and levels.

    Args:
        targets: scaled, [n, H, 3]; NaN where unknown.
        quantiles: scaled, [n, H, 3, 9].
        reach: usual changes, scaled, [n, H, 3]; the loss is divided by the root of the first.
    """
    known = ~tf.math.is_nan(targets)
    truth = tf.where(known, targets, 0.0)[..., None]
    error = BEND * (tf.asinh(truth / BEND) - tf.asinh(quantiles / BEND))
    levels = tf.constant(LEVELS, tf.float32)
    losses = tf.reduce_mean(tf.maximum(levels * error, (levels - 1) * error), axis=-1)
    weights = tf.cast(known, tf.float32)
    losses /= tf.sqrt(reach[:, :1])
    return tf.reduce_sum(losses * weights) / tf.maximum(tf.reduce_sum(weights), 1.0)


def _fitting(network: keras.Model, optimizer: keras.optimizers.Optimizer) -> Any:
    """The function of one training step, as a graph; returns the loss of the batch."""
    variables = network.trainable_variables

    @tf.function(reduce_retracing=True, autograph=False)
    def fit(targets: tf.Tensor, *inputs: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = pinball(targets, network(inputs, training=True), inputs[-1])
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return fit


def _tensors(examples: Examples) -> list[tf.Tensor]:
    return [tf.constant(part) for part in (examples.targets, *examples.inputs)]


def _rate(plan: PretrainingPlan, step: int, done: float) -> float:
    """The learning rate: linear warm-up, then a cosine to a hundredth."""
    decayed = 0.01 + 0.99 * (1 + math.cos(math.pi * min(done, 1.0))) / 2
    return plan.rate * min((step + 1) / plan.warm_up, 1.0) * decayed


def _stream(plan: PretrainingPlan, number: int) -> np.random.Generator:
    return np.random.default_rng([plan.seed, number])


def _earlier(start: Path) -> list[dict[str, Any]]:
    """Plans and curves of the trainings that led to a file, the first one first."""
    path = start.with_suffix(".json")
    if not path.exists():
        return []
    document = json.loads(path.read_text())
    return [*document.get("earlier", []), {name: document[name] for name in ("plan", "curve")}]


def _document(
    plan: PretrainingPlan, curve: list[dict[str, Any]], earlier: list[dict[str, Any]]
) -> dict[str, Any]:
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
    return {"plan": asdict(plan), "versions": versions, "curve": curve, "earlier": earlier}
