"""The MASTER_DATA file: plants, products and panel sizes, in YAML, JSON or CSV.

Its form is described in docs/master-data.md.

>>> MasterFile.parse({"plants": [{"id": "North", "capacity": 1200}]}).plants[0].capacity
1200.0
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from utils.api.parsing import Name, Positive, Request
from utils.errors import BadRequest, DamagedFile, ServiceError

_LISTS = ("specializations", "panel_sizes")
_MOST_CHARACTERS = 10_000_000


class PlantEntry(Request):
    """A plant; a list that is None is not known."""

    id: Name
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
    text = _text(path)
    try:
        content = _csv(text) if path.suffix.lower() == ".csv" else yaml.safe_load(text)
        return MasterFile.parse(_without_nulls(content or {}))
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise DamagedFile(f"The MASTER_DATA file {path.name} is not YAML: {reason}") from error
    except BadRequest as error:
        names = ", ".join(MasterFile.model_fields)
        raise DamagedFile(
            f"The MASTER_DATA file {path.name} must hold lists by name: {names}."
        ) from error
    except ServiceError as error:
        raise DamagedFile(
            f"The MASTER_DATA file {path.name}: {error.message}", error.details
        ) from error


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


def _csv(text: str) -> dict[str, Any]:
    rows = csv.DictReader(io.StringIO(text), restkey="columns beyond the header")
    return {"plants": [_plant(row) for row in rows]}


def _plant(row: dict[str, Any]) -> dict[str, Any]:
    plant: dict[str, Any] = {}
    for name, value in row.items():
        if not value:
            continue
        if name in _LISTS:
            plant[name] = [part for part in value.split("|") if part.strip()]
        else:
            plant[name] = _number(value) if name == "capacity" else value
    return plant


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text  # refused by the rule of the field


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
