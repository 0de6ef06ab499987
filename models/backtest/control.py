"""The control of a backtest: whoever runs it records its progress, and may stop it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class BacktestControl(Protocol):
    """The caller's side of a backtest."""

    def check(self) -> None:
        """Raise what is to end the backtest, if anything is."""

    def on_origins(self, done: int, count: int, share: float) -> None:
        """Take the progress.

        Args:
            done: origins from which all series were forecast.
            count: all origins.
            share: of the roll-outs that are done, in (0, 1].
        """

    def publish(self, act: Callable[[], None]) -> None:
        """Publish the result by calling `act`, or raise what is to end the backtest before."""
