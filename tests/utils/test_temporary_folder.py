"""The temporary folder of a process is its own, and is removed by its successor."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.running_service import ROOT
from utils import temporary_folder

OWNER = """
import sys, tempfile
from utils import temporary_folder
tempfile.tempdir = sys.argv[1]
temporary_folder.use_own("some-")
print(tempfile.mkdtemp(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_used_from_then_on(above: Path) -> None:
    folder = temporary_folder.use_own("some-")
    assert folder.parent == above
    assert Path(tempfile.mkdtemp()).parent == folder


@pytest.mark.service
def test_that_of_a_killed_process_is_removed_and_that_of_a_living_one_is_not(above: Path) -> None:
    other = above / "something else"
    other.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(above)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        made = Path(owner.stdout.readline().strip())
        temporary_folder.use_own("some-")
        assert made.is_dir() and made.parent.parent == above
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    tempfile.tempdir = str(above)
    temporary_folder.use_own("some-")
    assert not made.parent.exists() and other.is_dir()
