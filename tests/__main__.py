"""Install what the tests need and run them: `python -m tests [--all | options of pytest]`.

The requirements go into the environment of this Python. Debian packages are installed where that
is allowed without asking (root, or sudo without a password); elsewhere the tests that need a
missing server are skipped. The unit tests run first, then the others, on all cores. Those that take
long (marker `long`) are run with `--all` only.
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
    """Install, then run the tests; the exit code of the first run that failed."""
    install_requirements()
    programs.install()
    everything = options == ["--all"]
    if options and not everything:
        return run(*options)
    kinds = ("unit", "not unit")
    codes = [run("-m", kind if everything else f"{kind} and not long") for kind in kinds]
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
