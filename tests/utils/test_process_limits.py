"""Limits of processes: threads as they are set, memory that is given back."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from utils import process_figures, process_limits

ROOT = Path(__file__).resolve().parents[2]

# Prints the megabytes by which a process grew while 12 threads, all of which stay, made data.
_WRITE = """
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from utils import process_figures, process_limits
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


@pytest.mark.parametrize(
    ("descriptors", "threads", "most"),
    [(65_536, 96, 1000), (1024, 96, 864), (256, 96, 97), (256, 8, 184), (64, 8, 9)],
)
def test_connections_leave_descriptors_to_threads(
    descriptors: int, threads: int, most: int
) -> None:
    assert process_limits.connections(descriptors, threads) == most


@pytest.mark.service
def test_the_limit_of_descriptors_is_raised_to_what_is_allowed() -> None:
    code = "from utils import process_limits as p; print(p.raise_descriptors())"
    for soft, hard, most in ((100, 300, 300), (100, 100, 100)):
        command = ["prlimit", f"--nofile={soft}:{hard}", sys.executable, "-c", code]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert int(ended.stdout) == most


def test_figures_of_a_process_are_those_of_the_system() -> None:
    began = time.process_time()
    while time.process_time() < began + 0.05:
        pass
    own = process_figures.figures(os.getpid())
    assert own is not None and own.cpu_seconds == pytest.approx(time.process_time(), abs=0.1)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert 10e6 < own.memory_bytes < 1.1 * most
    assert process_figures.figures(2**22 + 1) is None
    assert os.getpid() in process_figures.siblings()


@pytest.mark.service
def test_threads_that_wrote_tables_keep_no_memory() -> None:
    """With Arrow's own allocator each would keep 7 MB, and a web process has up to 96."""
    ended = subprocess.run(
        [sys.executable, "-c", _WRITE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert float(ended.stdout) < 50
