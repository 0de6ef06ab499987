"""The default training job by several libraries: `python -m benchmarks.speed.trainers NAME`.

An epoch a turn; the answer has `seconds` and `samples_per_second`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.speed.contender import serve
from benchmarks.speed.work import default_task, windows_of


def timed(samples: int, epoch: Callable[[], object]) -> Callable[[], dict[str, Any]]:
    """An epoch as a piece of work."""

    def work() -> dict[str, Any]:
        began = time.perf_counter()
        epoch()
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "samples_per_second": samples / seconds}

    return work


def ours(**hyper: Any) -> Callable[[], dict[str, Any]]:
    """The service's own loop, without the look at the held-back end that follows each epoch."""
    from models import network
    from models.epochs import Alone, Epochs

    task, asked = default_task(**hyper)
    names = [len(known) for known in task.encoding.names]
    built = network.build(asked, task.encoding.width, names, 1)
    epochs, rows = Epochs(built, task, asked, 1, Alone()), task.windows.train
    rng = np.random.default_rng(1)
    return timed(len(rows), lambda: epochs.learn(rng.permutation(rows)))


def keras_fit() -> Callable[[], dict[str, Any]]:
    """`fit` with its default arguments on the same network."""
    import keras

    from models import network

    task, asked = default_task()
    windows, names, targets = windows_of(task)
    counts = [len(known) for known in task.encoding.names]
    model = network.build(asked, task.encoding.width, counts, 1)
    model.compile(keras.optimizers.Adam(asked.learning_rate), "mse")
    return timed(
        len(windows),
        lambda: model.fit([windows, names], targets, batch_size=asked.batch_size, verbose=0),
    )


def pytorch() -> Callable[[], dict[str, Any]]:
    """`nn.LSTM` and a plain loop."""
    import torch
    from torch import nn

    task, asked = default_task()
    windows, names, targets = (torch.from_numpy(part) for part in windows_of(task))
    names, known = names.long(), sum(len(each) for each in task.encoding.names)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            first, second, drop = asked.lstm_units1, asked.lstm_units2, asked.dropout_rate
            self.names = nn.Embedding(known, 2)
            self.lstm1 = nn.LSTM(windows.shape[2] + 6, first, batch_first=True)
            self.lstm2 = nn.LSTM(first, second, batch_first=True)
            self.drop = nn.Dropout(drop)
            self.dense = nn.ModuleList([nn.Linear(second, 64), nn.Linear(64, 32), nn.Linear(32, 3)])

        def forward(self, window: Any, name: Any) -> Any:
            at = self.names(name).flatten(1)[:, None].expand(-1, window.shape[1], -1)
            x = self.drop(self.lstm1(torch.cat([window, at], dim=2))[0])
            x = self.drop(self.lstm2(x)[0][:, -1])
            x = self.drop(torch.relu(self.dense[0](x)))
            return self.dense[2](torch.relu(self.dense[1](x)))

    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), asked.learning_rate)
    loss_of = nn.MSELoss()

    def epoch() -> None:
        order = torch.randperm(len(windows))
        for begin in range(0, len(order), asked.batch_size):
            some = order[begin : begin + asked.batch_size]
            optimizer.zero_grad()
            loss = loss_of(network(windows[some], names[some]), targets[some])
            loss.backward()
            optimizer.step()

    return timed(len(windows), epoch)


if __name__ == "__main__":
    makers = {"ours": ours, "keras": keras_fit, "torch": pytorch}
    name, *pairs = sys.argv[1:]
    given = {key: int(value) for key, value in (pair.split("=") for pair in pairs)}
    serve(makers[name](**given))
