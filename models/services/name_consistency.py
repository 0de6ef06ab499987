"""Comparison of data, models and the MASTER_DATA file: names, products of plants, capacities."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from models.services.master_file import MasterFile, PlantEntry
from utils.spelling import near_duplicates

_NAMED = 3  # places that a sentence names


@dataclass(frozen=True)
class Source:
    """The names in one data set or model.

    Args:
        name: its name in sentences.
        products: plant → its applications, its panel sizes.
        peaks: plant → its highest output, in units a day.
    """

    name: str
    products: Mapping[str, tuple[Collection[str], Collection[str]]]
    peaks: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Findings:
    """Issues by subject, a sentence each, and recommendations."""

    plants: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    panel_sizes: list[str] = field(default_factory=list)
    demand: list[str] = field(default_factory=list)
    plant_data: list[str] = field(default_factory=list)
    recommendations: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Number of issues."""
        kinds = (self.plants, self.products, self.panel_sizes, self.demand, self.plant_data)
        return sum(map(len, kinds))


def check(file: MasterFile | None, sources: Collection[Source]) -> Findings:
    """Compare data sets and models with each other and, if there is one, with the file."""
    found = Findings()
    kinds = [
        ("Plant", found.plants, {s.name: set(s.products) for s in sources}),
        ("Product", found.products, {s.name: _all(s, 0) for s in sources}),
        ("Panel size", found.panel_sizes, {s.name: _all(s, 1) for s in sources}),
    ]
    listed = _listed(file) if file else [[], [], []]
    below = _below_plants(file) if file else [set(), set(), set()]
    for (kind, issues, names), own, more in zip(kinds, listed, below, strict=True):
        issues += _listed_twice(kind, own)
        known = more.union(own)
        if file:
            issues += _unlisted(kind, names, known)
        issues += _near_duplicates(kind, known.union(*names.values()))
    if file is None:
        found.plants.append(
            "There is nothing to compare the names with: no file of master data is set."
        )
        found.recommendations.append(
            "Set MASTER_DATA to a file with the plants, what they can make and their capacities."
        )
    else:
        found.products += _undefined(file)
        for plant in file.plants:
            found.demand += _impossible(plant, sources)
            found.plant_data += _above_capacity(plant, sources)
    _recommend(found)
    return found


def _all(source: Source, place: int) -> set[str]:
    return {name for pair in source.products.values() for name in pair[place]}


def _listed(file: MasterFile) -> list[list[str]]:
    """Names that the file lists: plants, products, panel sizes."""
    return [
        [plant.id for plant in file.plants],
        [product.id for product in file.products],
        [size.id for size in file.panel_sizes],
    ]


def _below_plants(file: MasterFile) -> list[set[str]]:
    """Names that entries of plants hold: other names of plants, products, panel sizes."""
    plants = file.plants
    return [
        {plant.name for plant in plants if plant.name},
        {name for plant in plants for name in plant.specializations or []},
        {name for plant in plants for name in plant.panel_sizes or []},
    ]


def _listed_twice(kind: str, names: list[str]) -> Iterator[str]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{kind} {name!r} is listed twice in the master data; the first entry counts."


def _unlisted(kind: str, names: Mapping[str, set[str]], known: set[str]) -> Iterator[str]:
    for name in sorted(set().union(*names.values()) - known):
        places = [where for where, held in names.items() if name in held]
        yield f"{kind} {name!r} occurs in {_named(places)}, but not in the master data."


def _near_duplicates(kind: str, names: set[str]) -> Iterator[str]:
    for one, other in near_duplicates(names):
        yield f"{kind} {one!r} and {other!r} differ in spelling only."


def _undefined(file: MasterFile) -> Iterator[str]:
    """Specializations that are no products, where the file lists products."""
    known = {product.id for product in file.products}
    for plant in file.plants if known else []:
        for name in sorted(set(plant.specializations or []) - known):
            yield f"Product {name!r} is a specialization of plant {plant.id!r}, but not listed."


def _impossible(plant: PlantEntry, sources: Iterable[Source]) -> Iterator[str]:
    """Series that a plant cannot make according to the file."""
    rules = ((plant.specializations, 0, "product"), (plant.panel_sizes, 1, "panel size"))
    for allowed, place, kind in rules:
        if allowed is None:
            continue
        made = {
            s.name: set().union(*(s.products[name][place] for name in names_of(plant, s.products)))
            for s in sources
        }
        for name in sorted(set().union(*made.values()) - set(allowed)):
            places = [where for where, names in made.items() if name in names]
            yield (
                f"Plant {plant.id!r} cannot make {kind} {name!r} by the master data, but "
                f"{_named(places)} has it."
            )


def names_of(plant: PlantEntry, known: Collection[str]) -> list[str]:
    """Return the names of a plant that are known: its id, or its other name."""
    return [name for name in dict.fromkeys((plant.id, plant.name)) if name and name in known]


def _above_capacity(plant: PlantEntry, sources: Iterable[Source]) -> Iterator[str]:
    if plant.capacity is None:
        return
    peaks = {s.name: s.peaks[name] for s in sources for name in names_of(plant, s.peaks)}
    above = {name: peak for name, peak in peaks.items() if peak > plant.capacity}
    if above:
        highest = max(above, key=lambda name: above[name])
        yield (
            f"Plant {plant.id!r} has a capacity of {plant.capacity:,.6g} units a day, below the "
            f"{above[highest]:,.6g} that it put out in {highest}."
        )


def _recommend(found: Findings) -> None:
    """Add a recommendation for each kind of issue."""
    names = [*found.plants, *found.products, *found.panel_sizes]
    if any("spelling" in issue for issue in names):
        found.recommendations.append(
            "Give each thing one spelling: rename it in the table and upload that again; to a "
            "model, two spellings are two things."
        )
    if any("not in the master data" in issue or "not listed" in issue for issue in names):
        found.recommendations.append(
            "Add the names that are missing to the master data, or delete what holds them."
        )
    if any("listed twice" in issue for issue in names):
        found.recommendations.append("Keep one entry of each name in the master data.")
    if found.demand:
        found.recommendations.append(
            "Correct what the plants can make in the master data, or move those series to a plant "
            "that can make them."
        )
    if found.plant_data:
        found.recommendations.append(
            "Raise the capacities in the master data to what was put out, or check those days."
        )


def _named(places: list[str]) -> str:
    more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    return ", ".join(places[:_NAMED]) + more
