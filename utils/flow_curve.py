"""Throughput of a line by its WIP, as advice takes it, and numbers in sentences.

>>> short_number(1234.5678), short_number(0.5), short_number(4e-10)
('1,235', '0.5', '4e-10')
"""

from __future__ import annotations

import math
from typing import Protocol


class FlowCurve(Protocol):
    """The curve of a line, from its history. Rates are per worked period."""

    @property
    def capacity(self) -> float:
        """Most units per period."""
        ...

    def least_wip(self, throughput: float) -> float:
        """Return the WIP of a throughput; infinite from the capacity on."""
        ...


def no_curve() -> FlowCurve | None:
    """Return None: no curve is known."""
    return None


def needs_by_curve(curve: FlowCurve, throughput: float) -> str:
    """Return the end of a sentence: WIP and cycle time that a throughput takes."""
    wip = curve.least_wip(throughput)
    if math.isinf(wip):
        return (
            "by the curve of its history the line cannot do so: its capacity is "
            f"{short_number(curve.capacity)} per period"
        )
    return (
        f"by the curve of the line's history that takes a WIP of {short_number(wip)} and a cycle "
        f"time of {short_number(wip / throughput)}"
    )


def short_number(value: float) -> str:
    """Return a number with four significant digits and thousands separators.

    Only numbers below a millionth have an exponent.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    if abs(value) < 1e-6:
        return f"{value:.4g}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
