"""Bounds of one request and of one caller: the settings MAX_…, each named in its refusal.

The schemas hold the outer bounds; bytes are bounded where they are read or stored.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from utils.api.schemas.training import TrainRequest
from utils.auth.caller import LOCAL, Caller
from utils.errors import Detail, InvalidInput, TooManyRequests, Unavailable
from utils.settings import Settings

_RETRY_AFTER = 30  # seconds; a training takes its time


def check_training(request: TrainRequest, settings: Settings) -> None:
    """Refuse a training of more epochs or units than may be; the preset keeps to the bound itself.

    Raises:
        InvalidInput: a figure is above its bound.
    """
    if "epochs" not in request.left_open:
        check_epochs(request.epochs, settings)
    _at_most("lstmUnits1", request.lstm_units1, settings.max_units, "MAX_UNITS")
    _at_most("lstmUnits2", request.lstm_units2, settings.max_units, "MAX_UNITS")


def check_epochs(epochs: int, settings: Settings) -> None:
    """Refuse more epochs than may be.

    Raises:
        InvalidInput: there are more than that.
    """
    _at_most("epochs", epochs, settings.max_epochs, "MAX_EPOCHS")


def check_horizon(field: str, steps: int, most: int) -> None:
    """Refuse to forecast farther than may be.

    Raises:
        InvalidInput: there are more steps than that.
    """
    _at_most(field, steps, most, "MAX_HORIZON")


def check_queue(waiting: int, more: int, most: int) -> None:
    """Refuse more jobs of a caller than may wait for a worker.

    Requests that come at the same moment may all find the last place free: the bound keeps the
    queue short, to a job or two it does not matter.

    Raises:
        TooManyRequests: there would be more.
    """
    if waiting + more > most:
        raise TooManyRequests(
            f"One caller may have at most {most:,} jobs waiting (MAX_QUEUED_JOBS). Waiting: "
            f"{waiting:,}; this would add {more:,}. Try again later, or cancel some of them.",
            retry_after=_RETRY_AFTER,
        )


def _at_most(field: str, value: int, most: int, setting: str) -> None:
    if value > most:
        rule = f"must be at most {most} ({setting})"
        raise InvalidInput(f"{field} {rule}. Received: {value}.", [Detail(field, rule, value)])


class Streams:
    """The event streams that one process has open: so many in all, so many of each caller."""

    def __init__(self, settings: Settings) -> None:
        self._most, self._each = settings.max_streams, settings.max_streams_per_caller
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def take(self, who: Caller, instead: str) -> Callable[[], None]:
        """Take a place for a caller; what gives it back.

        Args:
            instead: what to ask if there is none.

        Raises:
            Unavailable: all of them are taken.
            TooManyRequests: the caller has as many as one may have.
        """
        with self._lock:
            if self._open.total() >= self._most:
                raise Unavailable(
                    f"{self._most} event streams are open here already (MAX_STREAMS); try again, "
                    f"or ask {instead}.",
                    retry_after=5,
                )
            if who != LOCAL and self._open[who.id] >= self._each:
                raise TooManyRequests(
                    f"One caller may have at most {self._each} event streams open here "
                    f"(MAX_STREAMS_PER_CALLER); close one, or ask {instead}.",
                    retry_after=5,
                )
            self._open[who.id] += 1
        return lambda: self._give_back(who.id)

    def _give_back(self, id: str) -> None:
        with self._lock:
            self._open[id] -= 1
            if not self._open[id]:
                del self._open[id]
