"""The kinds of tests, and what unit tests may not do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.kinds import KINDS


def test_every_test_is_of_one_kind(request: pytest.FixtureRequest) -> None:
    kinds = {
        item.nodeid: [kind for kind in KINDS if item.get_closest_marker(kind)]
        for item in request.session.items
    }
    assert {name: found for name, found in kinds.items() if len(found) != 1} == {}


def test_a_unit_test_cannot_start_a_process() -> None:
    with pytest.raises(pytest.fail.Exception, match="starts a process"):
        subprocess.run([sys.executable, "-c", ""], check=True)
    with pytest.raises(pytest.fail.Exception, match="starts a process"):
        os.fork()


def test_a_unit_test_cannot_import_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    with pytest.raises(pytest.fail.Exception, match="imports tensorflow"):
        __import__("tensorflow")  # import_module would not tell of modules that are loaded
