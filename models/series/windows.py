"""The windows that a network learns from, and the split of a panel into spans of time.

time ──────────────────────────────────────────────────────────────►
│ training span (share of the time) │ evaluation │ calibration │
                                    cut          newest        end
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.series.panel import Panel

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """Rows to train on, to evaluate on and to calibrate on, as row numbers of a panel.

    A window is `length` consecutive rows of one series and the row that follows them, its target.

    Attributes:
        length: rows of a window before its target.
        train: rows that are targets of training, [n].
        held_back: rows that are targets of evaluation, [m].
        calibration: rows that are targets of calibration, [k].
    """

    length: int
    train: Ints
    held_back: Ints
    calibration: Ints

    @classmethod
    def of(cls, panel: Panel, length: int, cut: int, newest: int) -> Windows:
        """Return the windows of a panel; none of them crosses from one series into the next.

        Args:
            length: rows of a window before its target.
            cut: first step that is not trained on.
            newest: first step of the calibration span.
        """
        whole, time = panel.position >= length, panel.time
        rows = np.arange(len(panel.values))
        return cls(
            length,
            rows[whole & (time < cut)],
            rows[whole & (time >= cut) & (time < newest)],
            rows[whole & (time >= newest)],
        )


def split_steps(panel: Panel, share: float, unseen_from: int | None = None) -> tuple[int, int]:
    """Return the first step after the training span, and the first of the calibration span.

    The rest after the training span is held back: its first half evaluates the model (at least
    one step), its second half calibrates the prediction intervals.

    Args:
        share: of the panel's whole span of time, 0 to 1, that is trained on.
        unseen_from: first step that may be held back; None: any.
    """
    begin = int(panel.first.min())
    end = int((panel.first + panel.lengths).max())
    cut = begin + round(share * (end - begin))
    if unseen_from is not None:
        cut = min(max(cut, unseen_from), end)
    return cut, end - (end - cut) // 2
