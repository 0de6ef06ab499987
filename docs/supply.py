"""Lock, licences and SBOM of the packages that the service runs on: `python -m docs.supply`.

- `requirements.lock`: every package with its version and the SHA-256 of its files, for Python 3.11
  to 3.13 on all systems, resolved from requirements.txt by uv. Versions in the lock are kept as
  long as requirements.txt allows them.
- `NOTICE`: the licence that each of these packages states, as far as it is installed here.
- `docs/sbom.json`: the same packages as a CycloneDX document.

`python -m docs.supply --check` changes nothing and ends with 1 if one of them is not current.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
LOCK, NOTICE, SBOM = "requirements.lock", "NOTICE", "docs/sbom.json"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+(?:\[[^]]*\])?)==([^ ;\\]+)", re.MULTILINE)
_LISTED = re.compile(r"^(\S+ \S+): ", re.MULTILINE)
_HEAD = """The LSTM Backend Service runs on these packages, which it does not contain. The licences
are those that the packages state; `python -m docs.supply` writes this file.
"""
_LONGEST = 60  # characters of a licence; some packages state its whole text


def write(folder: Path) -> None:
    """Write all files below a folder, from its requirements.txt and its lock, if there is one."""
    command = ["uv", "pip", "compile", "requirements.txt", "--universal", "--output-file", LOCK]
    options = ["--python-version", "3.11", "--generate-hashes", "--quiet", "--no-annotate"]
    _run(*command, *options, "--custom-compile-command", "python -m docs.supply", folder=folder)
    (folder / NOTICE).write_text(notice((folder / LOCK).read_text()))
    (folder / SBOM).parent.mkdir(exist_ok=True)
    (folder / SBOM).write_text(sbom((folder / LOCK).read_text()))


def _run(module: str, *arguments: str, folder: Path = ROOT, given: str = "") -> str:
    """Run a tool of this Python's environment; return its output."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(  # noqa: S603  # nosec B603  # tools of requirements-dev.txt
        command, cwd=folder, input=given, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def sbom(lock: str) -> str:
    """Return the packages of a lock as a CycloneDX document, the same for the same packages."""
    packages = "\n".join(f"{name}=={version}" for name, version in _PINNED.findall(lock))
    made = _run("cyclonedx_py", "requirements", "-", "--output-reproducible", given=packages)
    document = json.loads(made)
    for component in document["components"]:  # lines of the input, and guessed addresses
        component.pop("description", None)
        component.pop("externalReferences", None)
    document["metadata"].pop("tools", None)
    return json.dumps(document, indent=1) + "\n"


def notice(lock: str) -> str:
    """Return the licences of the packages of a lock."""
    lines = [_HEAD]
    for name, version in _PINNED.findall(lock):
        lines.append(f"{name} {version}: {_licence(name.partition('[')[0])}")
    return "\n".join(lines) + "\n"


def _licence(name: str) -> str:
    try:
        stated = metadata(name)
    except PackageNotFoundError:
        return "installed on other systems only"
    expression = stated.get("License-Expression") or stated.get("License") or ""
    if not expression or len(expression) > _LONGEST:
        classified = [
            line.rpartition(" :: ")[2]
            for line in stated.get_all("Classifier") or []
            if line.startswith("License :: ")
        ]
        first_line = expression.strip().partition("\n")[0]
        expression = "; ".join(classified) or first_line or "stated in its files only"
    return expression


def outdated() -> list[str]:
    """Return the names of the files that are not current."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("requirements.txt", LOCK):
            if (ROOT / name).exists():
                (folder / name).write_bytes((ROOT / name).read_bytes())
        write(folder)
        return [name for name in (LOCK, NOTICE, SBOM) if _differ(ROOT / name, folder / name)]


def _differ(one: Path, other: Path) -> bool:
    """Return whether two files differ; the lock and the licences in their packages only.

    Files are added to a published version, and a licence is read from what is installed here.
    """
    if not one.exists():
        return True
    texts = one.read_text(), other.read_text()
    packages = {LOCK: _PINNED, NOTICE: _LISTED}.get(one.name)
    if packages is not None:
        return packages.findall(texts[0]) != packages.findall(texts[1])
    return texts[0] != texts[1]


def main(options: list[str]) -> int:
    """Write the files, or check them; an exit code."""
    if options != ["--check"]:
        write(ROOT)
        return 0
    found = outdated()
    for name in found:
        print(f"{name} is not current: run `python -m docs.supply`.", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
