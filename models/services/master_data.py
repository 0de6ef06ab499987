"""Master data: names of plants, products, panel sizes and regions in data, models and a file."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from models.data.datasets import Datasets
from models.registry.registry import Registry
from models.services import master_file
from models.services.master_file import MasterFile, PlantEntry, ProductEntry, SizeEntry
from models.services.name_consistency import Source, check
from utils.api.replies import master_data as p
from utils.errors import DamagedFile, NotFound


@dataclass(frozen=True)
class _Names:
    """Names in order: those of the file first, then those of data sets and models."""

    plants: list[str]
    products: list[str]
    panel_sizes: list[str]
    regions: list[str]


class MasterData:
    """The names in the MASTER_DATA file, the data sets and the models.

    The file is looked at by every call, and read again when it has changed: every web process
    gives the same answers.

    Args:
        path: the MASTER_DATA file, if there is one.
        registry: the models.
        datasets: the stored data sets.
    """

    def __init__(self, path: Path | None, registry: Registry, datasets: Datasets) -> None:
        self._path, self._registry, self._datasets = path, registry, datasets
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], MasterFile] | None = None
        self._peaks: dict[str, dict[str, float]] = {}  # by data set, which never changes

    def config(self) -> p.MasterConfigReply:
        """Return the names alone."""
        return p.MasterConfigReply(config=_config(self._names(self._file())))

    def summary(self) -> p.MasterSummaryReply:
        """Return the names with their attributes."""
        file = self._file()
        return p.MasterSummaryReply(summary=self._summary(file, self._names(file)))

    def export(self) -> p.MasterExportReply:
        """Return all master data as the text of a MASTER_DATA file, in JSON."""
        file = self._file()
        names = self._names(file)
        summary = self._summary(file, names)
        document = {
            "plants": [item.model_dump() for item in summary.plants.items],
            "products": [item.model_dump(exclude={"name"}) for item in summary.products.items],
            "panel_sizes": [item.model_dump() for item in summary.panel_sizes.items],
            "regions": names.regions,
        }
        text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
        return p.MasterExportReply(export_data=text)

    def reload(self) -> p.MasterReloadReply:
        """Read the file anew, changed or not.

        Raises:
            DamagedFile: it cannot be read, or an entry breaks its rule.
        """
        with self._lock:
            self._read = None
        config = _config(self._names(self._file()))
        message = (
            "No MASTER_DATA file is set: the names are those of data sets and models."
            if self._path is None
            else f"Read {self._path.name} again, with the names of data sets and models."
        )
        return p.MasterReloadReply(config=config, message=message)

    def validate(self) -> p.MasterReportReply:
        """Compare file, data sets and models."""
        file = self._file() if self._path else None
        sources = [
            Source(f"data set {id[:8]}", names["made"], self._peaks_of(id))
            for id, names in self._datasets.index.names_by_id()
            if names
        ]
        sources += [
            Source(f"model {id[:8]}", names["made"])
            for id, names in self._registry.index.names_by_id()
            if names
        ]
        found = check(file, sources)
        return p.MasterReportReply(
            report=p.MasterReport(
                timestamp=datetime.now(UTC).isoformat(),
                total_issues=found.total,
                is_consistent=found.total == 0,
                plant_issues=found.plants,
                product_issues=found.products,
                panel_size_issues=found.panel_sizes,
                demand_data_issues=found.demand,
                plant_data_issues=found.plant_data,
                recommendations=found.recommendations,
            )
        )

    def _peaks_of(self, id: str) -> dict[str, float]:
        if id not in self._peaks:
            try:
                self._peaks[id] = self._datasets.peaks(id)
            except (
                NotFound,
                DamagedFile,
            ):  # deleted, or damaged as its endpoints report
                return {}
        return self._peaks[id]

    def _file(self) -> MasterFile:
        """Return the current content of the file.

        Raises:
            DamagedFile: as `master_file.read`.
        """
        if self._path is None:
            return MasterFile.parse({})
        with self._lock:
            try:
                state = self._path.stat()
                stamp = (state.st_mtime_ns, state.st_size)
            except OSError:
                stamp = (0, 0)  # reading it raises the error
            if self._read is None or self._read[0] != stamp:
                self._read = stamp, master_file.read(self._path)
            return self._read[1]

    def _names(self, file: MasterFile) -> _Names:
        plants = [entry.id for entry in file.plants]
        products = [entry.id for entry in file.products]
        sizes = [entry.id for entry in file.panel_sizes]
        for entry in file.plants:
            products += entry.specializations or []
            sizes += entry.panel_sizes or []
        for seen in self._seen():
            plants += seen["plants"]
            products += seen["applications"]
            sizes += seen["panel_sizes"]
        regions = [*file.regions, *(entry.region for entry in file.plants if entry.region)]
        return _Names(*map(_distinct, (plants, products, sizes, regions)))

    def _seen(self) -> list[dict[str, Any]]:
        """Return the names in the data sets, then those in the models, without repeats."""
        stored = self._datasets.index.distinct_names(), self._registry.index.distinct_names()
        return [names for names in chain(*stored) if names]

    def _summary(self, file: MasterFile, names: _Names) -> p.MasterSummary:
        plants = {entry.name: entry for entry in reversed(file.plants) if entry.name}
        plants |= {entry.id: entry for entry in reversed(file.plants)}
        products = {entry.id: entry for entry in reversed(file.products)}
        sizes = {entry.id: entry for entry in reversed(file.panel_sizes)}
        made = self._made()
        plant_items = [
            _plant(name, plants.get(name), made.get(name, (set(), set()))) for name in names.plants
        ]
        product_items = [
            _product(products.get(name) or ProductEntry(id=name)) for name in names.products
        ]
        size_items = [_size(sizes.get(name) or SizeEntry(id=name)) for name in names.panel_sizes]
        return p.MasterSummary(
            plants=p.PlantItems(count=len(plant_items), regions=names.regions, items=plant_items),
            products=p.ProductItems(
                count=len(product_items),
                categories=_distinct(item.category for item in product_items),
                items=product_items,
            ),
            panel_sizes=p.SizeItems(
                count=len(size_items),
                categories=_distinct(item.category for item in size_items),
                items=size_items,
            ),
            regions=p.RegionItems(
                count=len(names.regions),
                items=[
                    p.RegionItem(
                        id=name,
                        plants=[item.id for item in plant_items if item.region == name],
                    )
                    for name in names.regions
                ],
            ),
        )

    def _made(self) -> dict[str, tuple[set[str], set[str]]]:
        """Return the applications and panel sizes of each plant in the stored series."""
        made: dict[str, tuple[set[str], set[str]]] = {}
        for names in self._seen():
            for plant, (products, sizes) in names["made"].items():
                known = made.setdefault(plant, (set(), set()))
                known[0].update(products)
                known[1].update(sizes)
        return made


def _plant(name: str, entry: PlantEntry | None, made: tuple[set[str], set[str]]) -> p.PlantItem:
    """Return a plant of the file, with products and sizes of its data where the file has none."""
    seen_products, seen_sizes = map(sorted, made)
    entry = entry or PlantEntry(id=name)
    return p.PlantItem(
        id=name,
        name=entry.name or name,
        display_name=entry.display_name or entry.name or name,
        location=entry.location,
        region=entry.region,
        capacity=entry.capacity,
        specializations=seen_products if entry.specializations is None else entry.specializations,
        panel_sizes=seen_sizes if entry.panel_sizes is None else entry.panel_sizes,
    )


def _product(entry: ProductEntry) -> p.ProductItem:
    return p.ProductItem(
        id=entry.id,
        name=entry.id,
        display_name=entry.display_name or entry.id,
        category=entry.category,
    )


def _size(entry: SizeEntry) -> p.SizeItem:
    return p.SizeItem(id=entry.id, display=entry.display or entry.id, category=entry.category)


def _config(names: _Names) -> p.MasterConfig:
    return p.MasterConfig(
        plants=names.plants,
        applications=names.products,
        panel_sizes=names.panel_sizes,
        regions=names.regions,
    )


def _distinct(names: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name is not None))
