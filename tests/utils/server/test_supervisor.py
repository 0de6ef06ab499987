"""What ends is started again: at once if it was killed, later and later if it fails by itself."""

from __future__ import annotations

import signal
import sys

import pytest

from utils.server.supervisor import Program

FAILS = "raise SystemExit(1)"
IS_KILLED = f"import os; os.kill(os.getpid(), {signal.SIGKILL:d})"


@pytest.mark.parametrize(
    ("does", "lived", "pauses"),
    [
        (FAILS, 15.0, [2, 4, 8, 10, 10]),
        (FAILS, 60.0, [1, 1]),  # it had worked
        (IS_KILLED, 15.0, [1, 1]),
    ],
)
@pytest.mark.service
def test_pauses_before_the_next_start(does: str, lived: float, pauses: list[float]) -> None:
    program = Program("one", [sys.executable, "-c", does], {})
    program.start()
    for pause in pauses:
        assert program.process is not None
        ended = program.process
        ended.wait(30)
        assert program.ended
        program.started -= lived
        program.restart()
        assert program.process is not ended and program.pause == pause
    program.process.wait(30)


@pytest.mark.service
def test_a_program_that_has_just_been_started_is_not_started_again_at_once() -> None:
    program = Program("one", [sys.executable, "-c", FAILS], {}, pause=3600)
    program.start()
    ended = program.process
    assert ended is not None and ended.wait(30) == 1
    program.restart()
    assert program.process is ended
