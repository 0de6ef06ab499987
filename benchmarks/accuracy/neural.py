"""LSTM and NHITS of NeuralForecast, one network over all series of a target."""

from __future__ import annotations

import logging
import warnings
from importlib.metadata import version
from typing import Any

import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import LSTM, NHITS

from benchmarks.accuracy.frames import FREQUENCIES, from_frames, long_frame
from benchmarks.accuracy.protocol import LEVELS, Forecast
from models.series.panel import TARGETS, Panel

MODELS = {"LSTM": LSTM, "NHITS": NHITS}
MAX_STEPS = 500
HORIZONS_SEEN = 4  # input size ÷ horizon, as far as the data go


class Neural:
    """Direct multi-step forecasts: the median, with the quantiles of the same loss as intervals.

    Args:
        model: "LSTM" or "NHITS".
    """

    def __init__(self, model: str, seed: int) -> None:
        self._model, self._seed = model, seed

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings that the forecasts depend on."""
        return {
            "model": self._model,
            "seed": self._seed,
            "max_steps": MAX_STEPS,
            "horizons_seen": HORIZONS_SEEN,
            "versions": [version("neuralforecast"), version("torch")],
        }

    def fit(self, train: Panel, horizon: int) -> None:
        """Train a network per target, on one thread."""
        torch.set_num_threads(1)
        for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._horizon = horizon
        room = max(horizon, int(train.lengths.min()) - horizon)
        self._fitted = []
        for target in range(len(TARGETS)):
            network = MODELS[self._model](
                h=horizon,
                input_size=min(HORIZONS_SEEN * horizon, room),
                loss=MQLoss(level=list(LEVELS)),
                max_steps=MAX_STEPS,
                scaler_type="robust",
                start_padding_enabled=True,
                random_seed=self._seed,
                alias=self._model,
                accelerator="cpu",
                devices=1,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
            )
            fitted = NeuralForecast([network], freq=FREQUENCIES[train.calendar.step])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # advice of Lightning on loaders and loggers
                fitted.fit(long_frame(train, target))
            self._fitted.append(fitted)

    def forecast(self, past: Panel) -> Forecast:
        """Forecast what follows `past` with the networks as they were trained."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frames = [
                fitted.predict(df=long_frame(past, target))
                for target, fitted in enumerate(self._fitted)
            ]
        return from_frames(frames, self._model, "-median", self._horizon)
