"""Tests and trials that are too long for CI: `python -m benchmarks.nightly --minutes 60 --seed 1`.

Fuzzing, load, kills, a cluster under faults, a crash at each call and a clock that steps run for as
long as they are given; CI runs a short slice of most (`tests/benchmarks`, `tests/faults`). The
schedules of two stores and the tests with the marker `long` run once. It prints a table and ends
with 1 if anything was found.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.table import Table

from benchmarks import enumeration, faults
from benchmarks.fuzz import run as fuzzing
from benchmarks.history import run as history
from benchmarks.load import report
from benchmarks.load.run import Load
from benchmarks.load.run import run as load
from benchmarks.raw_requests import run as raw
from tests.support.running_service import ROOT, start_service

_CASES_PER_MINUTE = 20  # of each operation and phase; 400 take some 20 minutes
_MACHINES = 10  # of 1,000 sequences with some ten schedules each
_STATE_MACHINE = "test_concurrent_changes_are_those_of_one_after_the_other"
_IN_MEMORY = os.environ | ({"TMPDIR": "/dev/shm"} if Path("/dev/shm").is_dir() else {})
_RAW_PER_MINUTE = 10_000
_Findings = tuple[str, list[str]]  # what was tried, what was found


def fuzz(minutes: float, seed: int) -> _Findings:
    """Try every operation of the API with generated requests."""
    with TemporaryDirectory() as folder:
        service = start_service(Path(folder), **fuzzing.SETTINGS)
        try:
            found = fuzzing.fuzz(service, max(1, round(minutes * _CASES_PER_MINUTE)), seed)
        finally:
            service.stop()
    return f"{found.cases:,} requests", [found.report] if found.code else []


def raw_requests(minutes: float, seed: int) -> _Findings:
    """Send requests that are almost HTTP."""
    with TemporaryDirectory() as folder:
        service = start_service(Path(folder), **raw.SETTINGS)
        try:
            found = raw.run(service, range(max(1, round(minutes * _RAW_PER_MINUTE))), seed)
        finally:
            service.stop()
    return f"{found.statuses.total():,} replies", found.findings


def properties(minutes: float, seed: int) -> _Findings:
    """Run the property tests with many more examples than CI does."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "unit", "-n", "auto"]
    options = ["--hypothesis-profile=nightly", f"--hypothesis-seed={seed}"]
    ended = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = ended.stdout.strip().splitlines()
    return lines[-1] if lines else "no output", [ended.stdout] if ended.returncode else []


def under_load(minutes: float, seed: int) -> _Findings:
    """Forecast over many connections while models train and event streams are open."""
    with TemporaryDirectory() as folder:
        service = start_service(Path(folder), WORKERS="2", RATE_LIMITS="off")
        try:
            service.wait_for_worker()
            found = report.document(load(service, Load(seconds=60 * minutes)))
        finally:
            service.stop()
    return f"{found['requests']:,} forecasts, {found['jobs']} trainings", found["short"]


def kills(minutes: float, seed: int) -> _Findings:
    """Kill processes at random while jobs run."""
    jobs = max(3, round(40 * minutes))
    found = faults.run(minutes=minutes, jobs=jobs, every=8.0, seed=seed, workers=2)
    return f"{found.kills.total()} kills, {found.jobs} jobs", found.wrong


def cluster(minutes: float, seed: int) -> _Findings:
    """Record and check the history of a cluster under faults."""
    found = history.run(minutes, seed, longest=120.0)
    return f"{found.faults.total()} faults, {len(found.operations):,} operations", found.wrong


def calls(minutes: float, seed: int) -> _Findings:
    """Crash and pause trainings at their calls to the stores and the database."""
    wrong, tried = [], 0
    for remote in (False, True):
        found = enumeration.run(remote, quick=True, minutes=minutes / 2)
        tried, wrong = tried + found.acts.total(), wrong + found.wrong
    return f"{tried} trainings", wrong


def schedules(minutes: float, seed: int) -> _Findings:
    """Have two stores change one artifact by some 10^5 schedules."""
    test = "tests/utils/storage/test_concurrent_changes.py::" + _STATE_MACHINE
    for number in range(_MACHINES):
        options = ["--hypothesis-profile=nightly", f"--hypothesis-seed={_MACHINES * seed + number}"]
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", test, *options],
            cwd=ROOT, env=_IN_MEMORY, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ended.returncode:
            return f"seed {_MACHINES * seed + number}", [ended.stdout]
    return f"{_MACHINES} × 1,000 sequences of up to 12", []


def clock(minutes: float, seed: int) -> _Findings:
    """Step the clock back by an hour during a training, over and over."""
    end, times = time.monotonic() + 60 * minutes, 0
    while not times or time.monotonic() < end:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "tests/faults/test_clock_faults.py"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        times += 1
        if ended.returncode:
            return f"{times} trainings", [ended.stdout]
    return f"{times} trainings", []


def long_tests(minutes: float, seed: int) -> _Findings:
    """Run the tests that CI leaves out, one after the other."""
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "long"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = ended.stdout.strip().splitlines()
    return lines[-1] if lines else "no output", [ended.stdout] if ended.returncode else []


PARTS: dict[str, Callable[[float, int], _Findings]] = {
    "fuzzing": fuzz,
    "raw requests": raw_requests,
    "properties": properties,
    "load": under_load,
    "kills": kills,
    "cluster": cluster,
    "calls": calls,
    "schedules": schedules,
    "clock": clock,
    "long": long_tests,
}


@click.command()
@click.option("--minutes", default=60.0, help="For all parts together, about.", show_default=True)
@click.option("--seed", default=1, help="Of what is random.", show_default=True)
@click.option("--only", multiple=True, type=click.Choice(list(PARTS)), help="Only these parts.")
def main(minutes: float, seed: int, only: tuple[str, ...]) -> None:
    """Run what is too long for CI, and print what was found."""
    chosen = only or tuple(PARTS)
    table = Table("part", "tried", "minutes", "found", title=f"Nightly, seed {seed}")
    any_found = False
    for name in chosen:
        began = time.monotonic()
        tried, found = PARTS[name](minutes / len(chosen), seed)
        any_found |= bool(found)
        lasted = f"{(time.monotonic() - began) / 60:.1f}"
        table.add_row(name, tried, lasted, "\n".join(found)[-2000:] or "nothing")
    Console(width=120).print(table)
    sys.exit(any_found)


if __name__ == "__main__":
    main()
