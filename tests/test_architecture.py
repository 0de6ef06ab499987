"""The rooms of `models/` and `utils/`: imports point one way, and heavy packages stay in theirs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in [*ROOT.glob("*.py"), *ROOT.glob("models/**/*.py"), *ROOT.glob("utils/**/*.py")]
    if path != ROOT / "gunicorn.conf.py"  # gunicorn reads it by its path; see `SERVER_SETTINGS`
}
SERVER_SETTINGS = ROOT / "gunicorn.conf.py"

# Rooms on one line do not import each other, except within the rooms of one name. A module may
# import from its own room and from rooms further down, never from one further up.
ORDER = [
    ["run", "app"],
    ["utils.cli", "utils.http.views"],
    ["utils.http", "utils.server", "models.lstm_service"],
    ["models.services", "models.maintenance"],
    ["models.jobs"],
    ["models.reports", "models.conversion", "models.pretraining"],
    ["models.backtest"],
    ["models.training"],
    ["models.registry"],
    ["models.planning", "models.forecast"],
    ["models.data"],
    ["models.data.reading"],
    ["models.data_generator"],
    ["models.series"],
    ["utils.api"],
    ["utils.auth"],
    ["utils.storage"],
    ["utils"],
]
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}
FLASK = {"flask", "flask_cors", "flask_limiter", "flask_swagger_ui", "werkzeug"}
TENSORFLOW = {"tensorflow", "keras", "tf2onnx", "h5py"}


def room_of(module: str) -> str | None:
    """Return the room that a module lies in: the longest name in the table that it begins with."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in RANK), None)


def imported(path: Path) -> set[str]:
    """Return all modules and packages that a file imports, also within functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{path} imports relatively"
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (below & set(MODULES)) or {node.module}
    return found


IMPORTS = {module: imported(path) for module, path in MODULES.items()}


def importing(packages: set[str]) -> set[str]:
    """Return the modules that import one of these packages."""
    return {
        name for name, all_of in IMPORTS.items() if {i.split(".")[0] for i in all_of} & packages
    }


def test_every_module_lies_in_a_room_of_the_table() -> None:
    outside = {module for module in MODULES if room_of(module) is None}
    assert outside <= {"models"}


def test_imports_point_down_the_table() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, names in IMPORTS.items()
        for name in names & set(MODULES)
        if (own := room_of(module))
        and (room := room_of(name))
        and room != own
        and RANK[room] <= RANK[own]
    ]
    assert wrong == []


def test_imports_form_no_circle() -> None:
    graph = {module: names & set(MODULES) - {module} for module, names in IMPORTS.items()}
    assert set(TopologicalSorter(graph).static_order()) >= set(MODULES)


@pytest.mark.parametrize(
    ("packages", "rooms"),
    [
        (FLASK, {"app", "utils.http", "utils.http.views"}),
        (TENSORFLOW, {"models.training", "models.conversion", "models.pretraining"}),
    ],
    ids=["Flask", "TensorFlow"],
)
def test_heavy_packages_are_imported_in_their_rooms_only(
    packages: set[str], rooms: set[str]
) -> None:
    assert {name for name in importing(packages) if room_of(name) not in rooms} == set()


def test_rooms_have_names_that_differ_by_more_than_a_letter() -> None:
    names = sorted({module.split(".")[-1] for module in MODULES})
    pairs = [(a, b) for a in names for b in names if a != b and a.rstrip("s") == b.rstrip("s")]
    assert not pairs


def test_colours_of_pictures_are_in_the_palette() -> None:
    colour = re.compile("#[0-9a-fA-F]{6}\\b")
    assert {name for name, path in MODULES.items() if colour.search(path.read_text())} == {
        "utils.palette"
    }


def test_class_names_are_unique() -> None:
    places: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(module)
    assert {name for name, modules in places.items() if len(modules) > 1} == set()


def test_the_server_settings_import_no_view_and_no_domain() -> None:
    rooms = {room_of(name) for name in imported(SERVER_SETTINGS) & set(MODULES)}
    assert rooms <= {"utils", "utils.server", "utils.auth", "utils.http"}


@pytest.mark.service
def test_the_web_process_does_not_load_tensorflow() -> None:
    code = f"import sys, app; print(sorted({TENSORFLOW!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
