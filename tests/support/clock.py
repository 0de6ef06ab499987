"""A clock for processes under test that can be set: see `stepping/sitecustomize.py`."""

from __future__ import annotations

from pathlib import Path

from tests.support.running_service import ROOT


class Clock:
    """Sets the time of the Python processes that were started with its `environment`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        stepping = str(ROOT / "tests" / "support" / "settable_clock")
        self.environment = {"PYTHONPATH": stepping, "CLOCK_LEAD": str(self._file)}
        self.set(0)

    def set(self, lead: int) -> None:
        """Set the clock to `lead` seconds ahead of the true time."""
        waiting = self._file.with_suffix(".new")
        waiting.write_text(str(lead))
        waiting.replace(self._file)
