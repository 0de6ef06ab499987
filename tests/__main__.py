"""Install what the tests need and run them: `python -m tests [--all | options of pytest]`.

The requirements go into the environment of this Python. Debian packages are installed where that
is allowed without asking (root, or sudo without a password); elsewhere the tests that need a
missing server are skipped. Tests that take long (marker `long`) are run with `--all` only.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support import programs

ROOT = Path(__file__).resolve().parents[1]


def install_requirements() -> None:
    """Install the pinned requirements of the tests, unless they are there."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(ROOT / "requirements-dev.txt")], check=True)


def run(*options: str) -> int:
    """Run pytest on all cores; its exit code."""
    command = [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "loadfile"]
    return subprocess.run(
        [*command, "--no-loadscope-reorder", *options], cwd=ROOT, check=False
    ).returncode


def main(options: list[str]) -> int:
    """Install, then run the tests; the exit code of pytest."""
    install_requirements()
    programs.install()
    return run(*(["-m", "long or not long"] if options == ["--all"] else options))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
