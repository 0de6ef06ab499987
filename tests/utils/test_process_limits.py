"""Limits of processes: threads as they are set, memory that is given back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from utils import process_limits

ROOT = Path(__file__).resolve().parents[2]

# Prints the megabytes by which a process grew while 12 threads, all of which stay, made data.
_WRITE = """
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from utils import process_limits
process_limits.use_system_allocator()
from models.data_generator import PlantSpec
from models.data.datasets import Datasets
from utils.settings import Settings

def megabytes():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000

def make():
    datasets.generate(PlantSpec(("1", "2", "3", "4"), ("a", "b", "c"), ("S", "M", "L"), 545,
                                100.0, 50.0, 0.1, 0.1, 1))
    made.release()
    threading.Event().wait()

with TemporaryDirectory() as folder:
    datasets = Datasets.of(Settings(data_store=folder))
    made = threading.Semaphore(0)
    for count in range(14):
        threading.Thread(target=make, daemon=True).start()
        made.acquire()
        if count == 1:
            before = megabytes()
    print(megabytes() - before)
"""


def test_threads_are_as_set_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", {"OMP_NUM_THREADS": "7"})
    process_limits.use_threads(3)
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "3" and os.environ["OMP_NUM_THREADS"] == "7"


@pytest.mark.service
def test_threads_that_wrote_tables_keep_no_memory() -> None:
    """With Arrow's own allocator each would keep 7 MB, and a web process has up to 96."""
    ended = subprocess.run(
        [sys.executable, "-c", _WRITE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert float(ended.stdout) < 50
