"""Programs that end are restarted, after growing pauses if they fail; none of theirs is left."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.running_service import wait_until
from utils.server.supervisor import Program, run

pytestmark = pytest.mark.service

FAILS = "raise SystemExit(1)"
# Writes the id of a child to a file, then is killed.
LEAVES_A_CHILD = f"""
import os, pathlib, subprocess, sys
child = subprocess.Popen(["sleep", "600"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
os.kill(os.getpid(), {signal.SIGKILL:d})
"""
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


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_a_child_that_outlives_its_program_is_killed_before_the_restart(tmp_path: Path) -> None:
    program = Program("one", [sys.executable, "-c", LEAVES_A_CHILD, str(tmp_path / "pid")], {})
    program.start()
    first = program.process
    assert first is not None and first.wait(30) == -signal.SIGKILL
    child = int((tmp_path / "pid").read_text())
    assert not ended(child)
    program.started -= 60

    def restarted() -> bool:
        program.restart()
        return program.process is not first

    wait_until(restarted)
    wait_until(lambda: ended(child))
    program.stop(time.monotonic() + 30)
    last = int((tmp_path / "pid").read_text())
    wait_until(lambda: ended(last))


def test_other_programs_start_once_the_vital_one_is_ready(tmp_path: Path) -> None:
    """They run until SIGTERM; then all of them have ended."""
    note = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
    commands = {name: [sys.executable, "-c", note, str(tmp_path / name)] for name in ("a", "b")}
    web, other = (Program(name, command, {}) for name, command in commands.items())
    web.vital = True

    def is_ready() -> bool:
        assert other.process is None
        return (tmp_path / "a").exists()

    def stop() -> None:
        wait_until((tmp_path / "b").exists)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    stopper = threading.Thread(target=stop)
    stopper.start()
    try:
        assert run([other, web], is_ready) == 0
    finally:
        stopper.join()
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert web.ended and other.ended


def test_a_vital_program_that_fails_ends_all() -> None:
    failing = Program("web", [sys.executable, "-c", "raise SystemExit(3)"], {}, vital=True)
    assert run([failing], lambda: False) == 3
