"""docs/settings.md, written from the settings that the service reads.

`python -m docs.settings` writes the file; with `--check` it only compares, and ends with exit
code 1 where the file is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from utils import settings

TARGET = Path(__file__).with_name("settings.md")
_HEAD = """# Settings

Environment variables, read once at start. `python run.py --help` shows the same table. A value that
breaks its rule stops the start with a sentence that names the setting, the rule and the value.

<!-- Written by `python -m docs.settings`. -->

| variable | default | meaning |
|---|---|---|
"""
_TAIL = """
## Limits

Every refusal names the setting behind it: 413 for too much at once (body, rows, series, stored
bytes), 422 for a field above its bound (epochs, units, horizon), 429 with `Retry-After` for what
one caller has too many of (requests, waiting jobs, event streams). Requests are counted by key,
and without one by address. Expensive requests (those that generate, read or train much:
`x-rate-limit` in the OpenAPI document) are counted apart from the others. Replies to counted
requests carry `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset` (seconds) and
`RateLimit-Policy`. Each web process counts for itself, unless `RATE_STORE` names a Redis that all
of them share.
"""


def page() -> str:
    """Return the text of docs/settings.md."""
    rows = [
        f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |\n"
        for name, default, meaning in settings.table()
    ]
    return _HEAD + "".join(rows) + _TAIL


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; returns the exit code."""
    if "--check" in arguments:
        return int(TARGET.read_text() != page())
    TARGET.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
