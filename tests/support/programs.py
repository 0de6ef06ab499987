"""Programs from Debian packages that some tests start: PostgreSQL, Redis, nginx, Chromium, Node.

Where one is missing, the tests that need it are skipped and say why; with `CI=true` they fail.
`python tests/support/programs.py` installs them, and needs no other package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

# Package → the programs that it brings and tests use. Debian keeps PostgreSQL's off the PATH.
PACKAGES = {
    "postgresql": ("initdb", "postgres"),
    "redis-server": ("redis-server",),
    "nginx-light": ("nginx",),
    "chromium": ("chromium",),
    "chromium-driver": ("chromedriver",),
    "nodejs": ("node",),
    "npm": ("npm",),
}


def find(program: str) -> str | None:
    """Return the path of a program; None where it is not installed."""
    newest = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{program}"),
        key=lambda path: int(path.parts[-3].partition(".")[0]),
    )
    return (
        str(newest[-1]) if newest else shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    )


def missing() -> list[str]:
    """Return the packages that have to be installed for all tests to run."""
    return [name for name, programs in PACKAGES.items() if not all(map(find, programs))]


def install() -> None:
    """Install the packages that are missing, where that is allowed without asking."""
    packages = missing()
    if not packages or shutil.which("apt-get") is None:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and (
        shutil.which("sudo") is None
        or subprocess.run([*sudo, "true"], stderr=subprocess.DEVNULL, check=False).returncode
    ):
        print(f"Not installed: {' '.join(packages)}. Tests that need them are skipped.")
        return
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq"]
    subprocess.run([*sudo, "apt-get", "update", "-qq"], check=True)
    subprocess.run([*sudo, *apt, "--no-install-recommends", *packages], check=True)


def need(program: str) -> str:
    """Return the path of a program, or skip the test that asks for it."""
    import pytest

    path = find(program)
    if path is None:
        package = next(name for name, programs in PACKAGES.items() if program in programs)
        reason = f"{program} is not installed: apt-get install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


if __name__ == "__main__":
    install()
