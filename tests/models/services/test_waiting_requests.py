"""The bound on requests that wait for jobs."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from models.services.waiting_requests import WaitingRequests
from utils.errors import Unavailable


def test_places_are_bounded_and_given_back() -> None:
    waiting = WaitingRequests(2)
    for _ in range(2):
        with ExitStack() as held:
            for _ in range(2):
                held.enter_context(waiting.place())
            with pytest.raises(Unavailable, match=r"2 requests are waiting .*MAX_WAITING"):
                held.enter_context(waiting.place())


def test_a_request_that_fails_gives_its_place_back() -> None:
    waiting = WaitingRequests(1)
    for _ in range(3):
        with pytest.raises(KeyError), waiting.place():
            raise KeyError
    with waiting.place():
        pass
