"""Numbers rounded to significant digits, whatever their unit.

>>> significant(np.array([123456.789, 4.000000049e-7, 0.0, -2.5]), 7).tolist()
[123456.8, 4e-07, 0.0, -2.5]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def significant(numbers: Floats, digits: int) -> Floats:
    """Return numbers rounded to significant digits; what is not finite stays as it is.

    Rounding keeps the order of numbers, so that the bounds of an interval stay around its middle.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        decimals = digits - 1 - np.floor(np.log10(np.abs(numbers)))
        places = np.where(np.isfinite(decimals), decimals, 0).astype(int)
        # By the power of ten that is exact: 10 to a negative power is not.
        scale = 10.0 ** np.minimum(np.abs(places), 300)
        rounded = np.where(
            places >= 0, np.round(numbers * scale) / scale, np.round(numbers / scale) * scale
        )
    return np.where(np.isfinite(numbers) & np.isfinite(rounded), rounded, numbers)
