"""Install what the tests need and run them: `python -m tests [--all | options of pytest]`.

The requirements go into the environment of this Python. Debian packages are installed where that
is allowed without asking (root, or sudo without a password); elsewhere the tests that need a
missing server are skipped. The unit tests run first, then the others, on all cores. Those that take
long (marker `long`) are run with `--all` only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def install_requirements() -> None:
    """Install the pinned requirements of the tests, unless they are there."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(ROOT / "requirements-dev.txt")], check=True)


def install_programs() -> None:
    """Install the Debian packages that are missing, where that is allowed."""
    from tests.support import programs  # imports pytest, which has just been installed

    packages = programs.missing()
    if not packages or shutil.which("apt-get") is None:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and (
        shutil.which("sudo") is None
        or subprocess.run([*sudo, "true"], stderr=subprocess.DEVNULL, check=False).returncode
    ):
        print(f"Not installed: {' '.join(packages)}. Tests that need them are skipped.")
        return
    install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq"]
    subprocess.run([*sudo, "apt-get", "update", "-qq"], check=True)
    subprocess.run([*sudo, *install, "--no-install-recommends", *packages], check=True)


def run(*options: str) -> int:
    """Run pytest on all cores; its exit code."""
    command = [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "loadfile"]
    return subprocess.run(
        [*command, "--no-loadscope-reorder", *options], cwd=ROOT, check=False
    ).returncode


def main(options: list[str]) -> int:
    """Install, then run the tests; the exit code of the first run that failed."""
    install_requirements()
    install_programs()
    everything = options == ["--all"]
    if options and not everything:
        return run(*options)
    codes = [run("-m", "unit"), run("-m", "not unit" if everything else "not unit and not long")]
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
