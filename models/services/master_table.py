"""A MASTER_DATA file in CSV: plants, one a row, in the service's own layout or in the page's.

The operation page's layout has the columns `Plant_ID`, `Plant_Name`, `Location`, `Region`,
`Capacity_Per_Day`, `Specialization_1` and so on, and `Can_Produce_15_6in` and the like with True or
False; its other columns are not read.

    >>> table = "Plant_ID,Region,Specialization_1,Can_Produce_15_6in\\nP1,Asia,TV,True\\n"
    >>> read(table).plants[0]
    {'id': 'P1', 'region': 'Asia', 'specializations': ['TV'], 'panel_sizes': ['15.6"']}
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_LISTS = ("specializations", "panel_sizes")
_PAGE = {
    "plant_id": "id",
    "plant_name": "name",
    "location": "location",
    "region": "region",
    "capacity_per_day": "capacity",
}
_SPECIALIZATION = re.compile(r"specialization_\d+", re.I)
_SIZE = re.compile(r"can_produce_(\d+)(?:_(\d+))?in", re.I)
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


@dataclass(frozen=True)
class PlantTable:
    """The plants of a table.

    Attributes:
        plants: the fields of each, as a file in YAML would have them.
        lines: first line of each row.
        columns: number and name of the column of each field, from 1.
    """

    plants: list[dict[str, Any]]
    lines: list[int]
    columns: dict[str, tuple[int, str]]

    def place(self, path: list[str]) -> str:
        """Return the line and column of a field, such as `["plants", "0", "capacity"]`."""
        if len(path) < 2 or path[0] != "plants":
            return ""
        number, name = self.columns.get(path[-1], (1, ""))
        return f"line {self.lines[int(path[1])]}, column {number}{f' ({name})' if name else ''}"


class NotAFlag(ValueError):
    """A cell that should hold True or False; the sentence has its place."""


def read(text: str) -> PlantTable:
    """Return the plants of a CSV table.

    Raises:
        NotAFlag: a column `Can_Produce_…` holds another word than True or False.
    """
    first_line = text.partition("\n")[0]
    semicolons = first_line.count(";") > first_line.count(",")
    reader = csv.reader(io.StringIO(text), delimiter=";" if semicolons else ",")
    header = [name.strip() for name in next(reader, [])]
    fields = {name.lower() for name in header}
    is_page = bool(fields & {"plant_id", "plant_name"})
    named = [_PAGE.get(name.lower(), "") for name in header] if is_page else header
    columns = {field: (n, header[n - 1]) for n, field in enumerate(named, 1) if field}
    parse: Callable[[dict[str, str], int], dict[str, Any]] = _of_page if is_page else _own
    table = PlantTable([], [], columns)
    begin = reader.line_num + 1
    for cells in reader:
        names = [*header, *["columns beyond the header"] * (len(cells) - len(header))]
        row = {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
        if any(row.values()):
            table.plants.append(parse(row, begin))
            table.lines.append(begin)
        begin = reader.line_num + 1
    return table


def _own(row: dict[str, str], _line: int) -> dict[str, Any]:
    plant: dict[str, Any] = {}
    for name, value in row.items():
        if value:
            parts = [part for part in value.split("|") if part.strip()]
            plant[name] = parts if name in _LISTS else _number(name, value)
    return plant


def _of_page(row: dict[str, str], line: int) -> dict[str, Any]:
    plant: dict[str, Any] = {}
    sizes: list[str] | None = None
    special: list[str] | None = None
    for number, (name, value) in enumerate(row.items(), 1):
        if (field := _PAGE.get(name.lower())) and value:
            plant[field] = _number(field, value)
        elif _SPECIALIZATION.fullmatch(name):
            special = [*(special or []), *([value] if value else [])]
        elif size := _SIZE.fullmatch(name):
            inches = ".".join(part for part in size.groups() if part)
            made = _flag(value, f"line {line}, column {number} ({name})")
            sizes = [*(sizes or []), *([f'{inches}"'] if made else [])]
    if "id" not in plant and "name" in plant:
        plant["id"] = plant["name"]
    lists = {"specializations": special, "panel_sizes": sizes}
    return plant | {name: held for name, held in lists.items() if held is not None}


def _flag(value: str, place: str) -> bool:
    if value.lower() not in _FLAGS:
        raise NotAFlag(f"{place}: must be True or False. Received: {value!r}.")
    return _FLAGS[value.lower()]


def _number(field: str, text: str) -> float | str:
    if field != "capacity":
        return text
    try:
        return float(text)
    except ValueError:
        return text  # refused by the rule of the field
