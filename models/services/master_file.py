"""The MASTER_DATA file: plants, products and panel sizes, in YAML, JSON or CSV.

Its form is described in docs/master-data.md.

>>> MasterFile.parse({"plants": [{"id": "North", "capacity": 1200}]}).plants[0].capacity
1200.0
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from models.services import master_table
from utils.api.parsing import Name, Positive, Request
from utils.errors import BadRequest, DamagedFile, ServiceError

_MOST_CHARACTERS = 10_000_000


class PlantEntry(Request):
    """A plant; a list that is None is not known."""

    id: Name
    name: Name | None = None  # another one that data may have
    display_name: Name | None = None
    location: Name | None = None
    region: Name | None = None
    capacity: Positive | None = None  # units a day
    specializations: list[Name] | None = None
    panel_sizes: list[Name] | None = None


class ProductEntry(Request):
    """A product, which data sets call application."""

    id: Name
    display_name: Name | None = None
    category: Name | None = None


class SizeEntry(Request):
    """A panel size."""

    id: Name
    display: Name | None = None
    category: Name | None = None


class MasterFile(Request):
    """The content of a file."""

    plants: list[PlantEntry] = Field([])
    products: list[ProductEntry] = Field([])
    panel_sizes: list[SizeEntry] = Field([])
    regions: list[Name] = Field([])


def read(path: Path) -> MasterFile:
    """Return the content of a file: CSV if its name ends in `.csv`, YAML (or JSON) otherwise.

    Raises:
        DamagedFile: it cannot be read, or an entry breaks its rule; the sentence names both.
    """
    text, of = _text(path), f"The MASTER_DATA file {path.name}"
    try:
        is_table = path.suffix.lower() == ".csv"
        content, place = _table(text) if is_table else _tree(text)
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise DamagedFile(f"{of} is not YAML: {reason}") from error
    except csv.Error as error:
        raise DamagedFile(f"{of} is not CSV: {error}.") from error
    except master_table.NotAFlag as error:
        raise DamagedFile(f"{of}, {error}") from error
    try:
        return MasterFile.parse(content or {})
    except BadRequest as error:
        names = ", ".join(MasterFile.model_fields)
        raise DamagedFile(f"{of} must hold lists by name: {names}.") from error
    except ServiceError as error:
        at = place(error.details[0].field.split(".")) if error.details else ""
        where = f"{of}, {at}" if at else of
        raise DamagedFile(f"{where}: {error.message}", error.details) from error


def _table(text: str) -> tuple[Any, Callable[[list[str]], str]]:
    """Return the content of CSV, and the function from a field's path to its place."""
    table = master_table.read(text)
    return {"plants": table.plants}, table.place


def _tree(text: str) -> tuple[Any, Callable[[list[str]], str]]:
    """Return the content of YAML, and the function from a field's path to its place."""
    root = yaml.compose(text, yaml.SafeLoader)
    return _without_nulls(yaml.safe_load(text)), lambda path: _place(root, path)


def _place(node: Any, path: list[str]) -> str:
    """Return the line and column of the node at a path, or of the last one on the way to it."""
    for part in path:
        if isinstance(node, yaml.SequenceNode) and part.isdecimal():
            node = node.value[int(part)]
        elif isinstance(node, yaml.MappingNode):
            held = {_folded(key.value): value for key, value in node.value}
            node = held.get(_folded(part), node)
    return f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"


def _folded(name: Any) -> str:
    return str(name).lower().replace("_", "")


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_MOST_CHARACTERS + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DamagedFile(f"The MASTER_DATA file {path.name} cannot be read: {reason}.") from error
    if len(text) > _MOST_CHARACTERS:
        raise DamagedFile(f"The MASTER_DATA file {path.name} is larger than 10 MB.")
    return text


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
