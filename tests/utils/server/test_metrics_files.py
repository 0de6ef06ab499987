"""The files of metrics have their room from the start, and give back what they do not need."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from tests.support.running_service import ROOT
from utils.server import metrics_files

COUNT = """
import os, sys
from pathlib import Path
from utils.server import metrics_files
assert metrics_files.reserve(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]), os.getpid())
from utils.http import metrics
for number in range(150):
    metrics.observe("GET", f"/{number}", 200, 0.01)
print(os.getpid())
"""


def totals(families: Iterable[Metric]) -> dict[str, list[str]]:
    return {family.name: sorted(map(str, family.samples)) for family in families}


@pytest.mark.service
def test_figures_outlive_a_process_without_its_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    ended = subprocess.run(
        [sys.executable, "-c", COUNT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = sorted(tmp_path.iterdir())
    before = MultiProcessCollector.merge([str(path) for path in files])
    sizes = {path.name: path.stat() for path in files}
    assert all(state.st_blocks * 512 >= state.st_size for state in sizes.values())
    metrics_files.shrink(tmp_path, int(ended.stdout))
    after = MultiProcessCollector.merge([str(path) for path in files])
    assert totals(after) == totals(before)
    assert sum(path.stat().st_size for path in files) < sum(s.st_size for s in sizes.values())


def test_without_a_folder_nothing_is_reserved(tmp_path: Path) -> None:
    assert not metrics_files.reserve(tmp_path / "gone", 1)
    metrics_files.shrink(tmp_path / "gone", 1)
