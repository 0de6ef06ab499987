"""A 30-day roll-out in several ways: `python -m benchmarks.speed.forecasters NAME`.

Some forecasts a turn; the answer has `milliseconds` of one. Every way rolls out the same network,
whose correction is applied; only the service also reconciles the forecasts by Little's Law and
computes intervals and confidence.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import numpy as np

from benchmarks.speed.contender import serve
from benchmarks.speed.work import panel_of, spec_of
from models.forecast.combination import Combination
from models.forecast.direct_network import DirectNetwork, Network
from models.forecast.forecaster import Forecaster, History
from models.forecast.members import MemberName
from models.forecast.pretrained import PretrainedModel
from models.forecast.pretrained_member import PretrainedMember
from models.forecast.published_model import PublishedModel
from models.registry.hyperparameters import Hyperparameters
from models.registry.model_store import model_store
from models.registry.opening import open_forecaster
from models.training import train

STEPS = 30


def trained() -> tuple[Forecaster, Any]:
    """A model of the default data that forecasts by its LSTM alone, and the LSTM in Keras."""
    import keras

    with TemporaryDirectory() as folder:
        store, id = model_store(folder), str(uuid4())
        hyper = Hyperparameters(epochs=1)
        document = train.train(panel_of(spec_of()), hyper, 1, store, id, {})
        document = document.model_copy(update={"combination": {"lstm": [[1.0, 1.0, 1.0]]}})
        forecaster = open_forecaster(document, store.read(id, ".onnx"))
        return forecaster, keras.models.load_model(Path(folder) / f"{id}.keras", compile=False)


def histories_of(forecaster: Forecaster, count: int) -> list[History]:
    """Return the history that forecasts of the first series start from."""
    keys = forecaster.encoding.series_keys[:count]
    return [recent for key in keys if (recent := forecaster.recent_history(key))]


def repeated(forecast: Callable[[], object], times: int) -> Callable[[], dict[str, Any]]:
    """Some forecasts as a piece of work."""

    def work() -> dict[str, Any]:
        began = time.perf_counter()
        for _ in range(times):
            forecast()
        return {"milliseconds": 1000 * (time.perf_counter() - began) / times}

    return work


def ours(series: int = 1, steps: int = STEPS) -> Callable[[], dict[str, Any]]:
    """The service's model function, of some series side by side."""
    forecaster, _ = trained()
    histories = histories_of(forecaster, series)
    return repeated(partial(forecaster.forecast_all, histories, steps), 60)


def combined(series: int = 1, steps: int = STEPS) -> Callable[[], dict[str, Any]]:
    """The same by the autoregression, the LSTM and the pretrained LSTM, a third each."""
    forecaster, _ = trained()
    assert isinstance(forecaster.model, PublishedModel)
    assert isinstance(forecaster.model.paths, Combination)
    paths, scaling = forecaster.model.paths, forecaster.model.encoding.scaling
    names = MemberName.AUTOREGRESSION, MemberName.LSTM, MemberName.PRETRAINED
    step = forecaster.calendar.step
    members = dict(paths.members)
    members[MemberName.PRETRAINED] = PretrainedMember(PretrainedModel.open(), step, scaling)
    weights = dict.fromkeys(names, np.full((1, 3), 1 / 3))
    forecaster.model = replace(forecaster.model, paths=Combination(members, weights))
    histories = histories_of(forecaster, series)
    return repeated(partial(forecaster.forecast_all, histories, steps), 60)


def forecast_by(network: Network) -> Callable[[], object]:
    """The same forecast, with another function in the network's place."""
    forecaster, _ = trained()
    assert isinstance(forecaster.model, PublishedModel)
    assert isinstance(forecaster.model.paths, Combination)
    [history] = histories_of(forecaster, 1)
    member = forecaster.model.paths.members[MemberName.LSTM]
    assert isinstance(member, DirectNetwork)
    members = {MemberName.LSTM: replace(member, network=network)}
    paths = replace(forecaster.model.paths, members=members)
    forecaster.model = replace(forecaster.model, paths=paths)
    return partial(forecaster.forecast, history, STEPS)


def predict() -> Callable[[], dict[str, Any]]:
    """Keras' `predict()`."""
    _, model = trained()
    return repeated(forecast_by(lambda rows, names: model.predict([rows, names], verbose=0)), 1)


def function() -> Callable[[], dict[str, Any]]:
    """A `tf.function` of a fixed signature."""
    import tensorflow as tf

    _, model = trained()
    shapes = [tf.TensorSpec([1, *part.shape[1:]], part.dtype) for part in model.inputs]
    output = tf.function(lambda rows, names: model([rows, names]), input_signature=shapes)
    return repeated(forecast_by(lambda rows, names: np.asarray(output(rows, names))), 3)


if __name__ == "__main__":
    makers: dict[str, Callable[..., Callable[[], dict[str, Any]]]] = {
        "ours": ours,
        "combined": combined,
        "predict": predict,
        "function": function,
    }
    name, *pairs = sys.argv[1:]
    given = {key: int(value) for key, value in (pair.split("=") for pair in pairs)}
    serve(makers[name](**given))
