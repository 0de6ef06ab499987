"""The default training job by several libraries: `python -m benchmarks.speed.trainers NAME`.

An epoch a turn, with the look at the held-back end that follows each epoch and gives its
`val_loss`; the answer has `seconds` and `samples_per_second`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

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
    """The service's own loop."""
    from models.training import network
    from models.training.control import NoControl
    from models.training.fit import EpochLoop

    task, asked = default_task(**hyper)
    names = [len(known) for known in task.encoding.names]
    built = network.build(asked, task.encoding.width, names, task.horizon, 1)
    task = replace(task, trial_cut=None)  # every epoch on all windows
    epochs, numbers = EpochLoop(built, task, asked, 1, NoControl()), count(1)
    return timed(len(task.windows.train), lambda: epochs.epoch(next(numbers)))


def keras_fit() -> Callable[[], dict[str, Any]]:
    """`fit` on the same network, all its arguments left as they are but the batch size."""
    import keras

    from models.training import network

    task, asked = default_task()
    windows, names, targets = windows_of(task, task.windows.train)
    *held_back, truth = windows_of(task, task.windows.held_back)
    counts = [len(known) for known in task.encoding.names]
    model = network.build(asked, task.encoding.width, counts, task.horizon, 1)
    model.compile(keras.optimizers.Adam(asked.learning_rate), "mse")
    validated: dict[str, Any] = {"validation_data": (held_back, truth)}
    return timed(
        len(windows),
        lambda: model.fit([windows, names], targets, batch_size=asked.batch_size, **validated),
    )


def pytorch() -> Callable[[], dict[str, Any]]:
    """`nn.LSTM` and a plain loop."""
    import torch
    from torch import nn

    task, asked = default_task()
    known = sum(len(each) for each in task.encoding.names)
    spans = (task.windows.train, task.windows.held_back)
    learned, held_back = ([torch.from_numpy(a) for a in windows_of(task, rows)] for rows in spans)
    windows, names, targets = learned

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            first, second, drop = asked.lstm_units1, asked.lstm_units2, asked.dropout_rate
            self.names = nn.Embedding(known, 2)
            self.lstm1 = nn.LSTM(windows.shape[2] + 6, first, batch_first=True)
            self.lstm2 = nn.LSTM(first, second, batch_first=True)
            self.drop = nn.Dropout(drop)
            self.dense = nn.ModuleList(
                [nn.Linear(second, 64), nn.Linear(64, 32), nn.Linear(32, 84)]
            )

        def forward(self, window: Any, name: Any) -> Any:
            at = self.names(name.long()).flatten(1)[:, None].expand(-1, window.shape[1], -1)
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
        network.eval()
        with torch.no_grad():
            loss_of(network(*held_back[:2]), held_back[2])
        network.train()

    return timed(len(windows), epoch)


if __name__ == "__main__":
    makers = {"ours": ours, "keras": keras_fit, "torch": pytorch}
    name, *pairs = sys.argv[1:]
    given = {key: int(value) for key, value in (pair.split("=") for pair in pairs)}
    serve(makers[name](**given))
