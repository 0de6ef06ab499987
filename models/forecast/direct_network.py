"""The LSTM network as a member: all steps of a horizon at once, from one window.

    value(t + h) = value(t) + change_scale(h) × output(h)

The direct strategy for several steps has no errors that build up from step to step (S. Ben Taieb
et al., "A review and comparison of strategies for multi-step ahead time series forecasting",
Expert Systems with Applications 39, 2012). Beyond its horizon it continues from its own forecasts.

All values here are scaled (`models.series.scaling`).

Example: with a horizon of 28 days, a forecast of 30 days takes two calls of the network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecast.look_back import LookBack
from models.forecast.members import Member, continued
from models.series.encoding import Encoding

Floats = NDArray[np.float64]
# (windows [n, length, width], plant, application and panel size [n, 3]) → outputs [n, H × 3]
Network = Callable[[NDArray[np.float32], NDArray[np.int32] | None], NDArray[np.float32]]


@dataclass(frozen=True)
class DirectNetwork(Member):
    """A network with the scale of its outputs.

    Attributes:
        network: the function of the network.
        encoding: the network's inputs.
        change_scale: usual size of the change up to each step of the horizon, [H, 3].
    """

    network: Network
    encoding: Encoding
    change_scale: Floats

    @property
    def needs_training(self) -> bool:
        """True: the names of a series are inputs."""
        return True

    @property
    def reverts(self) -> bool:
        """True: it has learned the levels of the training span."""
        return True

    @property
    def look_back(self) -> int:
        """Rows that a forecast uses."""
        return self.encoding.look_back

    def path(self, look_back: LookBack, steps: int) -> Floats:
        """Return the forecasts after a look-back, [n, steps, 3]."""
        return continued(self._at_once, look_back, steps, len(self.change_scale))

    def _at_once(self, look_back: LookBack, steps: int) -> Floats:
        """Forecasts of a horizon at most."""
        identities = self.encoding.identities(look_back.series)
        output = self.network(windows(self.encoding, look_back), identities)
        change = output.reshape(len(output), *self.change_scale.shape) * self.change_scale
        return look_back.scaled[:, -1:] + change[:, :steps]


def windows(encoding: Encoding, look_back: LookBack) -> NDArray[np.float32]:
    """Return the windows before the first step of forecasts, [n, length, width]."""
    count, rows = len(look_back.last), encoding.look_back
    recent = look_back.scaled[:, -rows:]
    position = np.arange(rows) - np.maximum(rows - look_back.known, 0)[:, None]
    features = encoding.value_features(recent.reshape(-1, 3), np.maximum(position, 0).ravel())
    features = features.reshape(count, rows, -1)[:, -encoding.length :]
    time = look_back.last[:, None] + np.arange(1 - encoding.length, 1)
    ahead = encoding.ahead(time.ravel(), look_back.calendar).reshape(count, encoding.length, -1)
    return np.concatenate([features, ahead], axis=2)
