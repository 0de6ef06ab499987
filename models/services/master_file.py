"""The MASTER_DATA file: what is known of plants, products and panel sizes beside their data.

YAML (or JSON, which is YAML):

    plants:
      - id: Plant_A                 # the name in the data
        display_name: Plant A
        location: Tainan
        region: Asia
        capacity: 1200              # units a day
        specializations: [Automotive]
        panel_sizes: [Small, Medium]
    products:
      - {id: Automotive, display_name: Car displays, category: Vehicles}
    panel_sizes:
      - {id: '15.6"', display: 15.6 inch, category: Notebook}
    regions: [Asia, Europe]

CSV: the plants alone, a row each, with these names as columns; lists separated by `|`. Only `id`
is required, everywhere. What is left out is not known, and shown as null.
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
_MOST_BYTES = 10_000_000


class PlantEntry(Request):
    """A plant; lists left out are not known."""

    id: Name
    display_name: Name | None = None
    location: Name | None = None
    region: Name | None = None
    capacity: Positive | None = None  # units a day
    specializations: list[Name] | None = None
    panel_sizes: list[Name] | None = None


class ProductEntry(Request):
    """A product; its id is what the data calls application."""

    id: Name
    display_name: Name | None = None
    category: Name | None = None


class SizeEntry(Request):
    """A panel size."""

    id: Name
    display: Name | None = None
    category: Name | None = None


class MasterFile(Request):
    """All that a file says."""

    plants: list[PlantEntry] = Field([])
    products: list[ProductEntry] = Field([])
    panel_sizes: list[SizeEntry] = Field([])
    regions: list[Name] = Field([])


def read(path: Path) -> MasterFile:
    """Read the file.

    Raises:
        DamagedFile: it cannot be read, or an entry breaks its rule; the sentence says which.
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
            text = file.read(_MOST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DamagedFile(f"The MASTER_DATA file {path.name} cannot be read: {reason}.") from error
    if len(text) > _MOST_BYTES:
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
        return text  # refused with the others, by name


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
