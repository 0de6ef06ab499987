"""The kinds of tests: each test has one of the markers `unit`, `training`, `service`, `faults`.

What lies in `tests/service` and `tests/faults`, or says `pytestmark = pytest.mark.…`, is of that
kind. Else a test that uses a fixture which starts a process is a `service` test, and the rest are
unit tests. Those start no process and import no TensorFlow: a hook of the interpreter fails them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

KINDS = ("unit", "training", "service", "faults")
_FOLDERS = {"service": "service", "faults": "faults"}
_STARTING = {"service", "postgres_server", "s3_server", "redis_url"}  # fixtures
_OF_MODULE = re.compile(rf"^pytestmark = pytest\.mark\.({'|'.join(KINDS)})\b", re.MULTILINE)
_START_A_PROCESS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}
# By which Matplotlib lists the fonts, once on each machine, and the interpreter looks at itself,
# for a package that is imported.
_HARMLESS = {"fc-list", "file"}
_TENSORFLOW = {"tensorflow", "keras", "tf2onnx", "tf_keras"}

_running_unit_test: list[str] = []


def kind_of_module(path: Path) -> str | None:
    """Return the kind that all tests of a module have; None if each has its own."""
    tests = Path(__file__).resolve().parents[1]
    folder = path.relative_to(tests).parts[0] if path.is_relative_to(tests) else ""
    stated = _OF_MODULE.search(path.read_text())
    return stated[1] if stated else _FOLDERS.get(folder)


def mark(item: pytest.Item) -> None:
    """Give a test the marker of its kind."""
    kinds = {kind for kind in KINDS if item.get_closest_marker(kind)}
    if not kinds:
        uses: set[str] = set(getattr(item, "fixturenames", ()))
        kind = kind_of_module(item.path) or ("service" if uses & _STARTING else "unit")
        item.add_marker(kind)
    elif len(kinds) > 1:
        raise pytest.UsageError(f"{item.nodeid} is of several kinds: {', '.join(sorted(kinds))}")


def order(item: pytest.Item) -> int:
    """Return the place of a test's kind in a run."""
    return next(i for i, kind in enumerate(reversed(KINDS)) if item.get_closest_marker(kind))


def watch_unit_tests() -> None:
    """Fail unit tests that start a process or import TensorFlow, from now on."""
    sys.addaudithook(_refuse)


@contextmanager
def running(item: pytest.Item) -> Iterator[None]:
    """Note for the hook that a unit test is running, for as long as the context is open."""
    if item.get_closest_marker("unit"):
        _running_unit_test.append(item.nodeid)
    try:
        yield
    finally:
        _running_unit_test.clear()


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _running_unit_test:
        return
    if event in _START_A_PROCESS and (arguments or [None])[0] not in _HARMLESS:
        pytest.fail(f"A unit test starts a process ({event}): give it the marker service.")
    if event == "import" and arguments[0].partition(".")[0] in _TENSORFLOW:
        pytest.fail(f"A unit test imports {arguments[0]}: give it the marker training.")
