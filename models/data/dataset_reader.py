"""Stored data sets, read: their rows, plans, event logs and the tables that were received."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
from pandas.util import hash_pandas_object

from models.data import dataset_files, dataset_streams, plan_rows, table_merge
from models.data.dataset_summary import calendar_of
from models.data.events import event_files
from models.data.events.event_log import EventLog
from models.data.events.event_upload import EventOptions
from models.data.plan_rows import Plan
from models.data.reading.tables import Table
from models.data.stored_dates import date_column
from models.series.panel import TARGETS, Panel
from models.series.plant_calendars import PlantCalendars
from utils.storage.artifact_store import ArtifactStore

PREVIEW_ROWS = 100


class DatasetReader:
    """The data sets of a store, for reading."""

    def __init__(self, store: ArtifactStore) -> None:
        self.store = store

    def preview(self, id: str, rows: int = PREVIEW_ROWS) -> list[dict[str, Any]]:
        """Return the first rows of a data set, JSON-ready."""
        with self.store.local(id, ".parquet") as path, pq.ParquetFile(path) as file:
            batch = next(file.iter_batches(batch_size=rows), None)
        return [] if batch is None else dataset_streams.as_rows(batch)

    def load(self, id: str) -> Panel:
        """Return the series of a data set.

        Raises:
            NotFound: there is none of that id.
            DamagedFile: its file is not what was stored.
        """
        document = self.store.document(id)
        calendars = PlantCalendars.from_document(document)
        with self.store.local(id, ".parquet") as path:
            return dataset_files.read_panel(path, calendar_of(document), calendars)

    def rows_of(
        self, id: str, key: dict[str, str], until: str | None, most: int
    ) -> list[dict[str, Any]]:
        """Return the last rows of a series, JSON-ready, up to a date.

        Args:
            key: plant, application and panel size by the names of their columns.
            until: the last date, that of an hour or shift with its time; None: that of the data.

        Raises:
            NotFound, DamagedFile: as `load`.
        """
        document = self.store.document(id)
        columns = ["date", *TARGETS, *document.get("known", ())]
        chosen: list[tuple[str, str, Any]] = [(name, "=", value) for name, value in key.items()]
        if until is not None:
            calendar = calendar_of(document)
            last = np.array([calendar.day(until, "asOf", is_last=True)])
            chosen += [("date", "<=", date_column(calendar, last)[0])]
        with self.store.local(id, ".parquet") as path:
            table = pq.read_table(path, columns=columns, filters=chosen)
        return dataset_streams.as_rows(table.slice(max(0, len(table) - most)))

    def has_plan(self, id: str) -> bool:
        """Return whether anything is known of the steps after the last rows. Raises as `plan`."""
        return f"{id}{plan_rows.SUFFIX}" in self.store.last_known(id).get("files", {})

    def plan(self, id: str) -> Plan:
        """Return what is known of the steps after the last rows; {} for nothing.

        Raises:
            NotFound: there is no data set of that id.
            DamagedFile: the file of the plan is not what was stored.
        """
        if not self.has_plan(id):
            return {}
        with self.store.local(id, plan_rows.SUFFIX) as path:
            return plan_rows.read_stored_plan(path, calendar_of(self.store.document(id)))

    def received_table(self, id: str) -> Table:
        """Return the rows of a data set as they were received.

        Raises:
            NotFound, DamagedFile: as `load`.
        """
        document = self.store.document(id)
        kept = f"{id}{table_merge.SUFFIX}" in document.get("files", {})
        suffix = table_merge.SUFFIX if kept else ".parquet"
        calendar = calendar_of(document)
        known = tuple(document.get("known", ()))
        with self.store.local(id, suffix) as path:
            return table_merge.read_table(path, known, calendar if calendar.begins else None)

    def has_log(self, id: str) -> bool:
        """Return True if a data set was made of an event log.

        Raises:
            NotFound: there is no data set of that id.
        """
        return f"{id}{event_files.SUFFIX}" in self.store.document(id).get("files", {})

    def log(self, id: str) -> EventLog:
        """Return the event log that a data set was made of.

        Raises:
            NotFound, DamagedFile: as `load`; or it was made of none.
        """
        with self.store.local(id, event_files.SUFFIX) as path:
            return event_files.read(path)

    def event_options(self, id: str) -> EventOptions:
        """Return the choices by which the series of an event log were made.

        Raises:
            NotFound: there is no data set of that id.
        """
        return EventOptions.from_document(self.store.document(id)["event_options"])

    def digest(self, id: str) -> str:
        """Return a text that changes with anything about a data set: its rows or its calendars.

        It is that of the last known state while the store is slow or away.

        Raises:
            NotFound, DamagedFile: as `load`.
        """
        return sha256(orjson.dumps(self.store.last_known(id))).hexdigest()

    def rows_digest(self, id: str, plant: str) -> str:
        """Return a text that changes with any row of a plant, and with none of the others.

        Raises:
            NotFound, DamagedFile: as `load`.
        """
        with self.store.local(id, ".parquet") as path:
            # The day is counted from the first row of all plants.
            names = [name for name in pq.read_schema(path).names if name not in ("day", "plant")]
            table = pq.read_table(path, columns=names, filters=[("plant", "=", plant)])
        rows = hash_pandas_object(table.to_pandas(), index=False).to_numpy()
        return sha256(rows.tobytes()).hexdigest()

    def peaks(self, id: str) -> dict[str, float]:
        """Return the highest throughput of each plant, in units a day (see `plant_peaks`).

        Raises:
            NotFound, DamagedFile: as `load`.
        """
        days = calendar_of(self.store.document(id)).days_of_step
        with self.store.local(id, ".parquet") as path:
            peaks = dataset_files.plant_peaks(path)
        return {plant: peak / days for plant, peak in peaks.items()}

    def stream(self, id: str, form: str) -> Iterator[bytes]:
        """Yield the rows of a data set as `csv` or `json`, some at a time."""
        document, opened = self.store.document(id), ExitStack()
        path = opened.enter_context(self.store.local(id, ".parquet"))
        # Opened before the first byte is promised: it is read whole, even if it is deleted.
        file = opened.enter_context(pq.ParquetFile(path))
        if form == "csv":
            return _closing(opened, dataset_streams.csv_parts(file))
        return _closing(opened, dataset_streams.json_parts(file, document))

    def parquet(self, id: str) -> AbstractContextManager[Path]:
        """Return the file of a data set, as long as the context is open."""
        return self.store.local(id, ".parquet")


def _closing(opened: ExitStack, parts: Iterator[bytes]) -> Iterator[bytes]:
    with opened:
        yield from parts
