"""docs/deploy.md and the systemd units name what exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from tests.support.running_service import ROOT
from utils import settings

DOCS = ROOT / "docs"
TEXT = (DOCS / "deploy.md").read_text()
UNITS = sorted(DOCS.glob("*.service"), key=lambda path: path.name)
INSTALLED = "/opt/lstm-backend/"
# Names in capitals that are no settings of the service: of other programs, or to be filled in.
OTHERS = (
    r"AWS_\w+|GET|POST|API|KEY|LSTM_KEY|FILE|VERSION|PASSWORD|LOGIN|DATABASE|OWNER|CREATE|ROLE|URL"
    r"|ARCHIVE"
)


def unit(path: Path) -> RawConfigParser:
    parser = RawConfigParser(strict=True, delimiters="=", comment_prefixes=("#", ";"))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser


def code(text: str) -> list[str]:
    """Blocks and spans of code."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    return blocks + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))


def test_every_file_that_is_named_exists() -> None:
    linked = {target.split("#")[0] for target in re.findall(r"\]\(([^)]*)\)", TEXT)} - {""}
    assert {"nginx.conf", *(path.name for path in UNITS)} <= linked
    assert [name for name in linked if not (DOCS / name).is_file()] == []
    here = {
        name.removeprefix("/opt/lstm-backend-VERSION/").removeprefix(INSTALLED)
        for name in re.findall(r"[\w./-]+\.(?:txt|py|md|conf)\b", "\n".join(code(TEXT)))
    }
    assert here and [name for name in here if not (ROOT / name).is_file()] == []


def test_every_heading_that_is_linked_to_exists() -> None:
    for file, heading in re.findall(r"\]\(([^)#]*)#([\w-]+)\)", TEXT):
        text = (DOCS / file).read_text() if file else TEXT
        headings = re.findall(r"^#+ (.*)$", text, re.M)
        assert heading in {line.lower().replace(" ", "-") for line in headings}


def test_every_setting_that_is_named_exists() -> None:
    named = {word for span in code(TEXT) for word in re.findall(r"\b[A-Z][A-Z_]{2,}\b", span)}
    named = {word for word in named if not re.fullmatch(OTHERS, word)}
    assert {"MODEL_STORE", "WORKER_ID", "WEB_PROCESSES"} <= named
    assert named - {name for name, _, _ in settings.table()} == set()


def test_the_environment_files_are_settings_that_are_read() -> None:
    files = [block for block in code(TEXT) if block.startswith("MODEL_STORE=")]
    assert len(files) == 2
    for text in files:
        environment = dict(line.split("=", 1) for line in text.splitlines())
        read = settings.read(environment)
        assert read.model_store == environment["MODEL_STORE"]
        assert read.resolved_database_url == environment["DATABASE_URL"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_are_well_formed_and_agree_with_the_text(path: Path) -> None:
    parsed = unit(path)
    assert parsed.sections() == ["Unit", "Service", "Install"]
    service = parsed["Service"]
    assert service["WorkingDirectory"] + "/" == INSTALLED
    assert f"`{service['EnvironmentFile']}`" in TEXT
    assert f"/var/lib/{service['StateDirectory']}/models" in TEXT
    assert f" {service['User']}\n" in TEXT  # the user that is made
    for name in re.findall(r"(\w+)=", service.get("Environment", "")):
        assert name in {variable for variable, _, _ in settings.table()}
    enabled = re.search(r"systemctl enable --now (.*)", TEXT)
    assert enabled is not None
    assert any(name.startswith(path.stem) for name in enabled.group(1).split())


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
@pytest.mark.service
def test_the_commands_of_units_exist(path: Path) -> None:
    program, *arguments = shlex.split(unit(path)["Service"]["ExecStart"])
    name = Path(program).name
    assert program.startswith(INSTALLED + ".venv/bin/")
    assert Path(sys.executable).with_name(name).exists()
    assert " ".join([name, *arguments]) in TEXT
    if name == "python":
        done = subprocess.run(
            [sys.executable, *arguments, "--help"], cwd=ROOT, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
