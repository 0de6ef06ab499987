"""Drivers: known columns of a table's own that move a forecast, such as a promotion.

    change(t) = change without + coefficients × standardised drivers(t)

The changes go on through the autoregression: the forecast is moved by its response to them. The
coefficients are fitted in `models.training.driver_choice` to the changes that the autoregression
did not forecast. A driver that is not known of a step counts as usual.

All values here are scaled (`models.series.scaling`).

    >>> price = Drivers(("price",), np.array([10.0]), np.array([2.0]), np.array([[0.5, 0.0, 0.0]]))
    >>> price.changes(np.array([[[12.0], [np.nan]]]))[0].tolist()
    [[0.5, 0.0, 0.0], [0.0, 0.0, 0.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Autoregression

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FARTHEST = 4.0  # standard deviations of a driver, beyond which it is cut


@dataclass(frozen=True)
class Drivers:
    """The effect of D drivers.

    Attributes:
        names: of the columns.
        centre, spread: mean and standard deviation of each in the training, [D].
        coefficients: change of each target for a standard deviation, [D, 3].
    """

    names: tuple[str, ...]
    centre: Floats
    spread: Floats
    coefficients: Floats

    def changes(self, values: Floats) -> Floats:
        """Return the changes that values of the drivers make, [..., D] → [..., 3]."""
        standardised = (values - self.centre) / self.spread
        near = np.clip(np.nan_to_num(standardised), -FARTHEST, FARTHEST)
        return np.asarray(near @ self.coefficients)

    def response(self, values: Floats, autoregression: Autoregression, series: Ints) -> Floats:
        """Return the differences that drivers make to a forecast, [n, H, 3].

        Args:
            values: of the drivers in the steps ahead, [n, H, D]; NaN where not known.
            autoregression: through which changes go on.
            series: number of each series, [n].
        """
        changes, rows = self.changes(values), autoregression.shape.look_back
        weights, _ = autoregression.shape.expand(autoregression.coefficients(series))
        weights = weights * autoregression.change[:, None]
        count, steps = changes.shape[:2]
        found = np.zeros((count, rows + steps, 3))
        flat = found.reshape(count, -1, 1)
        for step in range(steps):
            going_on = np.matmul(weights, flat[:, 3 * step : 3 * (step + rows)])[..., 0]
            now = found[:, rows + step - 1] + going_on + changes[:, step]
            found[:, rows + step] = now
        return found[:, rows:]

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form that `from_document` turns back into an equal one."""
        return {
            "names": list(self.names),
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
            "coefficients": self.coefficients.tolist(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Drivers:
        """Return the drivers that `to_document` described."""
        return cls(
            tuple(document["names"]),
            np.asarray(document["centre"], float),
            np.asarray(document["spread"], float),
            np.asarray(document["coefficients"], float).reshape(-1, 3),
        )
