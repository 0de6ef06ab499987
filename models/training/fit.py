"""The loop over epochs: train on all windows, measure the held-back end, stop early, checkpoint.

In the first half of the epochs, the network is trained on the windows before the origins of the
trials only; then it forecasts from these origins, which decides its weight in the combination
(`models.training.combination_choice`), and goes on with all windows.

An epoch runs in slices of about 0.2 seconds; between them the caller may stop the training. Of very
many windows, an epoch trains on a random part, another one each time, so that a training of 10,000
series ends in minutes.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.forecast.direct_network import DirectNetwork
from models.registry.hyperparameters import Hyperparameters
from models.series import error_measures
from models.series.panel import TARGETS
from models.training import checkpoint
from models.training.batch_graph import BatchGraph
from models.training.checkpoint import TrainingState
from models.training.control import Epoch, TrainingControl
from models.training.member_errors import trial_look_back
from models.training.prepare import PreparedData
from utils.errors import InvalidInput

Ints = NDArray[np.int64]

_SLICE_SECONDS = 0.2  # between two calls of `TrainingControl.check`
_FIRST_SLICE = 8  # batches of the first slice, before the time of one is known
_MOST_TRAINED = 1 << 16  # windows in one epoch
_MOST_MEASURED = 1 << 14  # windows whose loss is measured after an epoch
_MOST_FLOATS = 1 << 22  # in one array during prediction
_FEWEST_WINDOWS, _MOST_WINDOWS = 16, 1024  # predicted in one call
_RECENT_EPOCHS = 5  # whose median duration estimates the time left
_EARLY_STOPPING_LOSS = "watched_loss"  # name in the history of published models


class EpochLoop:
    """A training, epoch by epoch; `run` continues an earlier one from its checkpoint.

    Attributes:
        history: losses by epoch: `loss`, `val_loss` and, with early stopping, `watched_loss`.
        seconds_before: seconds spent by the run that saved the checkpoint.
        trial_path: forecasts of the network in the trials, scaled, [n × S', H, 3], in the order
            of `trial_look_back`; None: it was not tried.
    """

    def __init__(
        self,
        network: keras.Model,
        prepared: PreparedData,
        hyper: Hyperparameters,
        seed: int,
        control: TrainingControl,
    ) -> None:
        self._prepared, self._hyper, self._seed, self._control = prepared, hyper, seed, control
        self._trial_epochs = hyper.epochs // 2 if self._trial_rows().size else 0
        self._held_back_rows = _some(prepared.windows.held_back)
        self._early_stopping_rows = _some(prepared.early_stopping_rows)
        self._graph = BatchGraph(network, prepared, hyper, seed, self._most_steps())
        self._learner = self._graph.learner
        self._slice = _FIRST_SLICE
        widest = max(hyper.lstm_units1, hyper.lstm_units2) * 4
        fitting = _MOST_FLOATS // (hyper.sequence_length * widest)
        self._windows_at_once = int(np.clip(fitting, _FEWEST_WINDOWS, _MOST_WINDOWS))
        self.seconds_before = 0.0
        self.history: dict[str, list[float]] = {"loss": [], "val_loss": []}
        self._best: list[NDArray[np.float32]] = []  # the network after its best epoch
        self.trial_path: NDArray[np.float64] | None = None
        if prepared.early_stopping_rows.size:
            self.history[_EARLY_STOPPING_LOSS] = []

    def run(self) -> keras.optimizers.Adam:
        """Train the network; returns the optimizer in its final state.

        Without early stopping, all epochs are trained. With it, training stops when the loss on
        the early-stopping rows has not improved for `patience` epochs, and the network gets back
        the weights of the best epoch.

        Raises:
            InvalidInput: the training diverged.
        """
        self._began = time.perf_counter()
        self._resume()
        seconds: list[float] = []
        for number in range(len(self.history["loss"]) + 1, self._hyper.epochs + 1):
            if self._is_stale():
                break
            start = time.perf_counter()
            if number == self._trial_epochs + 1 and self._trial_epochs:
                self._forecast_trials()
            epoch = self.epoch(number)
            self.history["loss"].append(epoch.loss)
            self.history["val_loss"].append(epoch.val_loss)
            self._measure_early_stopping(number)
            seconds.append(time.perf_counter() - start)
            # The first epoch also builds the graph: the others are a better estimate.
            usual = float(np.median(seconds[1:][-_RECENT_EPOCHS:] or seconds))
            left = (self._hyper.epochs - number) * usual
            self._control.on_epoch(replace(epoch, seconds=seconds[-1], eta_seconds=left))
            if self._control.is_checkpoint_due() and number < self._hyper.epochs:
                self._control.save_checkpoint(checkpoint.packed(self._state(), self._identity()))
        if self._best:
            for variable, value in zip(self._learner.model_variables, self._best, strict=True):
                variable.assign(value)
        return self._learner.write_back()

    def epoch(self, number: int) -> Epoch:
        """Train on the windows once, then measure the held-back end; durations are left at 0.

        Of more than _MOST_TRAINED windows, as many are trained on.

        Args:
            number: of the epoch, from 1; decides the order of the windows.

        Raises:
            InvalidInput: the training diverged.
        """
        # A stream for each epoch: the order does not depend on the epochs before it.
        stream = np.random.default_rng([self._seed % 2**64, number])
        in_trials = number <= self._trial_epochs
        rows = self._trial_rows() if in_trials else self._prepared.train_rows
        self._graph.end_targets_at(self._prepared.target_ends(in_trials))
        loss = self._train(stream.permutation(rows)[:_MOST_TRAINED])
        val_loss, mae, relative_mae, r2 = self._held_back_errors()
        if not np.isfinite([loss, val_loss, mae, r2]).all():
            raise self._diverged(number)
        figures = loss, val_loss, mae, r2, 0.0, 0.0, relative_mae
        return Epoch(number, self._hyper.epochs, *figures)

    def _diverged(self, number: int) -> InvalidInput:
        rule = f"must be smaller: the training diverged in epoch {number}"
        return InvalidInput.of("learningRate", rule, self._hyper.learning_rate)

    def _train(self, order: Ints) -> float:
        """Train on the windows before rows, slice by slice; returns the mean loss."""
        batch, sums, done = self._hyper.batch_size, [], 0
        while done < len(order):
            self._control.check()
            start = time.perf_counter()
            rows = order[done : done + self._slice * batch]
            sums.append(self._graph.train(tf.constant(rows, tf.int32), batch).numpy())
            done += len(rows)
            if len(rows) == self._slice * batch:
                rate = self._slice / (time.perf_counter() - start)
                wanted = max(1, int(rate * _SLICE_SECONDS))
                self._slice = min(wanted, 8 * self._slice)  # the first one also builds the graph
        return _mean(np.concatenate(sums))

    def _predict(self, rows: Ints) -> tuple[NDArray[np.float32], float]:
        """Outputs of the network for rows, [n, H × 3], and their mean loss."""
        outputs, sums = [], []
        for begin in range(0, len(rows), self._windows_at_once):
            self._control.check()
            some = rows[begin : begin + self._windows_at_once]
            output, squares = self._graph.predict(tf.constant(some, tf.int32))
            outputs.append(output.numpy())
            sums.append(squares.numpy())
        return np.concatenate(outputs), _mean(np.array(sums))

    def _held_back_errors(self) -> tuple[float, float, float | None, float]:
        """Mean loss, MAE in units, MAE ÷ mean and R² of one-step forecasts of the held-back end."""
        prepared, panel = self._prepared, self._prepared.panel
        rows = self._held_back_rows
        outputs, loss = self._predict(rows)
        change = outputs[:, : len(TARGETS)] * prepared.change_scale[0]
        scaled = prepared.scaled[rows - 1] + change
        forecast = prepared.encoding.scaling.inverse(scaled, panel.series[rows])
        truth = panel.values[rows]
        known = [i for i in range(len(TARGETS)) if not np.isnan(truth[:, i]).all()]
        scores = [error_measures.r2(truth[:, i], forecast[:, i]) for i in known]
        relative = error_measures.finite(error_measures.wape(truth, forecast))
        return loss, error_measures.mae(truth, forecast), relative, float(np.mean(scores))

    # --- trials -------------------------------------------------------------------------------

    def _trial_rows(self) -> Ints:
        """The rows to train on before the trials; none where there are no trials."""
        rows, cut = self._prepared.train_rows, self._prepared.trial_cut
        return rows[:0] if cut is None else rows[self._prepared.panel.time[rows] < cut]

    def _most_steps(self) -> int:
        """Number of gradient steps if no epoch is left out."""
        batch, trials = self._hyper.batch_size, self._trial_epochs
        early, late = (
            -(-min(len(rows), _MOST_TRAINED) // batch)
            for rows in (self._trial_rows(), self._prepared.train_rows)
        )
        return trials * early + (self._hyper.epochs - trials) * late

    def _forecast_trials(self) -> None:
        """Let the network forecast from the origins of the trials."""
        prepared = self._prepared
        member = DirectNetwork(self._graph.network, prepared.encoding, prepared.change_scale)
        look_back = trial_look_back(prepared, member.look_back)
        if look_back is not None:
            self.trial_path = member.path(look_back, prepared.horizon)

    # --- early stopping -----------------------------------------------------------------------

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose weights the network has; None if that is the last one."""
        losses = self.history.get(_EARLY_STOPPING_LOSS)
        return 1 + int(np.argmin(losses)) if losses else None

    def _is_stale(self) -> bool:
        """Return True if the loss has not improved for `patience` epochs."""
        patience, best = self._prepared.design.patience, self.best_epoch
        if patience is None or best is None:
            return False
        return len(self.history["loss"]) - max(best, self._trial_epochs) >= patience

    def _measure_early_stopping(self, number: int) -> None:
        """Record the loss on the early-stopping rows; keep the weights if it is the best yet."""
        if not self._prepared.early_stopping_rows.size:
            return
        loss = self._predict(self._early_stopping_rows)[1]
        if not np.isfinite(loss):
            raise self._diverged(number)
        self.history[_EARLY_STOPPING_LOSS].append(loss)
        if self.best_epoch == number:
            self._best = [variable.numpy() for variable in self._learner.model_variables]

    # --- checkpoints --------------------------------------------------------------------------

    def _identity(self) -> str:
        """The text that a checkpoint must share to be continued by this training."""
        shapes = [list(variable.shape) for variable in self._learner.variables]
        prepared = self._prepared
        rows = prepared.train_rows, prepared.early_stopping_rows, prepared.windows.held_back
        design = prepared.design.to_config()
        counts = [len(part) for part in rows]
        return json.dumps([self._hyper.to_config(), design, self._seed, counts, shapes])

    def _state(self) -> TrainingState:
        variables = [variable.numpy() for variable in self._learner.variables]
        elapsed = self.seconds_before + time.perf_counter() - self._began
        best, path = list(self._best), self.trial_path
        return TrainingState(variables, best, self.history, elapsed, path)

    def _resume(self) -> None:
        """Continue from a checkpoint, if there is one of this training."""
        content = self._control.checkpoint()
        state = content and checkpoint.restored(content, self._identity(), list(self.history))
        if not state:
            return
        for variable, value in zip(self._learner.variables, state.variables, strict=True):
            variable.assign(value)
        self.history, self._best = state.history, state.best
        self.trial_path = state.trial_path
        self.seconds_before = state.elapsed


def _some(rows: Ints) -> Ints:
    """The rows; of more than _MOST_MEASURED, as many evenly spaced ones."""
    if len(rows) <= _MOST_MEASURED:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _MOST_MEASURED).astype(int)]


def _mean(sums: NDArray[np.float32]) -> float:
    """Mean of squares from their [n, 2] sums and counts."""
    total, count = sums.sum(axis=0, dtype=np.float64)
    return float(total / max(count, 1.0))
