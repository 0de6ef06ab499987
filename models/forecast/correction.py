"""The LSTM correction of an autoregression, by which models of version 1.0 forecast.

The network takes a window of the last `length` rows, forecasts included, and returns the
correction of the next change in units of `residual_scale` (a residual network on a linear model:
G. P. Zhang, "Time series forecasting using a hybrid ARIMA and neural network model",
Neurocomputing 50, 2003).

All values here are scaled (`models.series.scaling`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Autoregression
from models.forecast.direct_network import Network
from models.forecast.look_back import LookBack
from models.forecast.rollout import roll_out
from models.series.calendar import features_ahead
from models.series.encoding import FARTHEST, Encoding
from models.series.features import last_averages
from models.series.scaling import Scaling

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CorrectedRollOut:
    """The roll-out of an autoregression with the LSTM correction.

    Attributes:
        autoregression: the linear baseline.
        network: the function of the network.
        encoding: the network's inputs.
        residual_scale: unit of the network's output for each target, [3]; 0: the LSTM correction
            is not applied to that target.
    """

    autoregression: Autoregression
    network: Network
    encoding: Encoding
    residual_scale: Floats

    @property
    def look_back(self) -> int:
        """Rows that a forecast uses."""
        return max(self.autoregression.shape.look_back, self.encoding.look_back)

    def path(self, look_back: LookBack, steps: int, trained: bool) -> Floats:
        """Return the forecasts after a look-back, [n, steps, 3].

        Args:
            trained: False for series that the model was not trained on, which are not corrected.
        """
        correction = None
        if self.residual_scale.any() and trained:
            correction = Correction(
                self.network, self.encoding, self.residual_scale, look_back, steps
            )
        return roll_out(self.autoregression, look_back, steps, correction)

    def with_scaling(self, scaling: Scaling) -> CorrectedRollOut:
        """Return the roll-out itself, which does not depend on the scaling."""
        return self


class Correction:
    """The corrections of n roll-outs, step by step.

    Args:
        network: the function of the network.
        encoding: the network's inputs.
        residual_scale: unit of the network's output for each target, [3]; 0: no correction.
        look_back: at least `encoding.look_back` rows of each series.
        steps: length of the roll-outs.

    Raises:
        ValueError: the look-back is too short.
    """

    def __init__(
        self,
        network: Network,
        encoding: Encoding,
        residual_scale: Floats,
        look_back: LookBack,
        steps: int,
    ) -> None:
        if look_back.scaled.shape[1] < encoding.look_back:
            raise ValueError(
                f"needs a look-back of {encoding.look_back} rows: {look_back.scaled.shape[1]}"
            )
        self._network, self._residual_scale = network, residual_scale
        self._identities = encoding.identities(look_back.series)
        self._length, self._value_width = encoding.length, encoding.value_width
        ahead = features_ahead(look_back.last, 1 - self._length, steps, encoding.ahead)
        count, rows, width = ahead.shape
        # The features of all rows that windows are cut from; those of forecasts come in `at`.
        self._rows = np.empty((count, rows, self._value_width + width), np.float32)
        self._rows[:, :, self._value_width :] = ahead
        self._rows[:, : self._length, : self._value_width] = _value_features(encoding, look_back)
        # Values that the moving averages of later rows need, from before the last row on.
        self._averaged, self._known = encoding.averaged, look_back.known
        self._longest = max(self._averaged, default=1)
        before = look_back.scaled[:, look_back.scaled.shape[1] + 1 - self._longest :]
        self._values = np.empty((count, self._longest - 1 + steps, 3))
        self._values[:, : self._longest - 1] = np.clip(before, -FARTHEST, FARTHEST)

    def at(self, step: int, values: Floats) -> Floats:
        """Return the corrections of the changes from one step to the next, [n, 3].

        Args:
            step: steps after the last row of the look-back, from 0; called for each in order.
            values: of that step, [n, 3].
        """
        end = self._length + step
        if step:
            near = values.clip(-FARTHEST, FARTHEST)
            self._rows[:, end - 1, :3] = near
            if self._averaged:
                self._rows[:, end - 1, 3 : self._value_width] = self._averages(step, near)
        window = np.ascontiguousarray(self._rows[:, step:end])
        return self._network(window, self._identities) * self._residual_scale

    def _averages(self, step: int, near: Floats) -> Floats:
        """The moving averages of the row `step` steps ahead, whose values are `near`."""
        end = self._longest - 2 + step
        self._values[:, end] = near
        recent = self._values[:, end + 1 - self._longest : end + 1]
        return last_averages(recent, self._known + step, self._averaged)


def _value_features(encoding: Encoding, look_back: LookBack) -> NDArray[np.float32]:
    """Features of the values of the last rows, [n, length, value_width]."""
    count, rows = look_back.scaled.shape[0], encoding.look_back
    scaled = look_back.scaled[:, -rows:]
    position = np.arange(rows) - np.maximum(rows - look_back.known, 0)[:, None]
    features = encoding.value_features(scaled.reshape(-1, 3), np.maximum(position, 0).ravel())
    return features.reshape(count, rows, -1)[:, -encoding.length :]
