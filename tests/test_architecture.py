"""The house keeps its plan: one arrow of imports, no circles, TensorFlow in the worker only."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"run": 0, "gunicorn": 0, "app": 1, "models": 2, "utils": 3}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in [*ROOT.glob("*.py"), *ROOT.glob("models/**/*.py"), *ROOT.glob("utils/**/*.py")]
}
TRAINERS = {
    f"models.{name}"
    for name in (
        *("network", "learner", "epochs", "training", "importing", "compression"),
        "keras_files",
    )
}


def imports(module: str) -> set[str]:
    """Every module of ours, and every package, that a module names in an import."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (below & set(MODULES)) or {node.module}
    return found


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_follow_the_arrow(module: str) -> None:
    own = ROOMS[module.split(".")[0]]
    # The library that gunicorn.conf.py is named after is nobody's room.
    ours = {name for name in imports(module) if name in MODULES or name in ROOMS}
    assert all(ROOMS[name.split(".")[0]] >= own for name in ours)


def test_imports_form_no_circle() -> None:
    graph = {module: imports(module) & set(MODULES) - {module} for module in MODULES}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(MODULES)


def reached(module: str) -> set[str]:
    """A module of ours, and all that it may come to import."""
    found, waiting = set(), {module}
    while waiting:
        found.add(next_one := waiting.pop())
        waiting |= (imports(next_one) & set(MODULES)) - found
    return found


def put_off(node: ast.AST, *, within: bool = False) -> Iterator[int]:
    """The lines of imports within functions that other threads may be making as well."""
    if within and isinstance(node, ast.Import | ast.ImportFrom):
        yield node.lineno
    if isinstance(node, ast.With) and [ast.unparse(item) for item in node.items] == ["IMPORTS"]:
        return
    for child in ast.iter_child_nodes(node):
        yield from put_off(child, within=within or isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("module", sorted(reached("app")))
def test_a_web_process_makes_the_imports_it_put_off_one_at_a_time(module: str) -> None:
    """Two threads that import SQLAlchemy's dialect for PostgreSQL at once get halves of it."""
    assert not list(put_off(ast.parse(MODULES[module].read_text())))


@pytest.mark.parametrize("module", sorted(set(MODULES) - TRAINERS))
def test_tensorflow_is_named_by_the_trainers_only(module: str) -> None:
    packages = {name.split(".")[0] for name in imports(module)}
    assert not packages & {"tensorflow", "keras", "tf2onnx", "h5py"}


def test_importing_app_leaves_heavy_packages_unloaded() -> None:
    code = (
        "import sys, app; heavy = {'tensorflow', 'keras', 'pandas', 'sklearn', 'dbos', 'pyarrow',"
        " 'matplotlib', 'yaml', 'onnxruntime', 'rich'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
