"""An interrupted test run leaves no process behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.leftover_processes import VARIABLE, carrying
from tests.support.running_service import ROOT, child_processes, wait_until

MODULE = """
import threading
from pathlib import Path

import pytest

from tests.support.running_service import start_service

@pytest.mark.service
def test_that_never_ends(tmp_path):
    start_service(tmp_path, WORKERS="0", WEB_PROCESSES="1")
    Path("{ready}").touch()
    threading.Event().wait()
"""


def run_id_of(pid: int) -> str:
    environment = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return next(line.partition("=")[2] for line in environment if line.startswith(f"{VARIABLE}="))


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "options"),
    [
        (signal.SIGINT, []),
        (signal.SIGTERM, []),
        (signal.SIGKILL, ["-n1"]),
    ],
)
def test_nothing_outlives_pytest(
    tmp_path: Path, number: signal.Signals, options: list[str]
) -> None:
    ready, module = tmp_path / "ready", tmp_path / "test_module.py"
    module.write_text(MODULE.format(ready=ready))
    command = ["-m", "pytest", "-q", "-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml")]
    with subprocess.Popen(
        [sys.executable, *command, "-p", "no:cacheprovider", *options, str(module)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as pytest_process:
        wait_until(ready.exists, 120)
        started = child_processes(pytest_process.pid)
        [run_id] = {
            run_id_of(pid)
            for pid in started
            if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes()
        }
        assert len(carrying(run_id)) >= 3  # the supervisor, gunicorn and its web process
        pytest_process.send_signal(number)
        try:
            pytest_process.communicate(timeout=60)
        finally:
            pytest_process.kill()
    wait_until(lambda: not carrying(run_id), 60)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started), 60)
