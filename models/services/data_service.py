"""Data sets stored for clients: generated, uploaded, and rows added to them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from models.data.dataset_calendars import calendars_in
from models.data.datasets import Datasets
from models.data.growth import add_rows
from models.data.reading.raw_files import NO_OPTIONS
from models.data.series_list import SeriesLists
from models.services.selection import selection
from models.services.synthetic_data import plant_spec
from utils.api.idempotency import fingerprint, id_of, seed_of, used_key
from utils.api.replies.data import DataRow, GenerateReply, RowsReply, UploadReply
from utils.api.replies.datasets import (
    DamagedDataset,
    DatasetInfo,
    DatasetSeriesReply,
    DatasetsReply,
)
from utils.api.schemas.data import DatasetsQuery, SeriesQuery
from utils.api.schemas.synthetic_data import GenerateRequest
from utils.api.upload_options import RowsOptions, UploadOptions
from utils.errors import Conflict, NotFound
from utils.settings import Settings
from utils.storage.artifact_reader import sha256_of_file


class DataService:
    """Storing of data sets; a request that is sent again with its key stores nothing twice."""

    def __init__(self, settings: Settings, datasets: Datasets) -> None:
        self._settings, self._datasets = settings, datasets
        self._series_lists = SeriesLists(datasets)

    def generate(
        self, request: GenerateRequest, idempotency_key: str | None = None
    ) -> GenerateReply:
        """Make and store synthetic data; one idempotency key always gives the same data set.

        Raises:
            TooLarge: more rows (MAX_ROWS) or series (MAX_SERIES) than allowed, or the stored data
                sets take all of the space that they may (MAX_DATA_MB); nothing was made.
            InvalidInput: the idempotency key was used with another body.
        """
        seed, id = seed_of(request.seed, idempotency_key), id_of(idempotency_key, "generate")
        mark = fingerprint(request)

        def store() -> dict[str, Any]:
            spec = plant_spec(request, seed, self._settings)
            return self._datasets.generate(spec, id, mark)

        return self._generated(self._stored_once(store, id, mark, idempotency_key), seed)

    def _stored_once(
        self, store: Callable[[], dict[str, Any]], id: str, mark: str | None, key: str | None
    ) -> dict[str, Any]:
        """The document of the data set that `store` stores, or that an equal request has stored.

        Raises:
            InvalidInput: a request with the same key and another fingerprint has stored it.
        """
        if key is None:
            return store()
        with contextlib.suppress(NotFound):
            document = self._datasets.store.document(id)
            if document.get("fingerprint") != mark:
                raise used_key(key)
            return document
        try:
            return store()
        except Conflict:  # by an equal request at the same time
            document = self._datasets.store.document(id)
            if document.get("fingerprint") != mark:
                raise
            return document

    def _generated(self, document: dict[str, Any], seed: int) -> GenerateReply:
        return GenerateReply(
            dataset_id=document["dataset_id"],
            data_points=document["data_points"],
            data=[DataRow(**row) for row in self._datasets.preview(document["dataset_id"])],
            summary=document["summary"],
            seed=seed,
        )

    def upload(
        self,
        path: Path,
        options: UploadOptions = NO_OPTIONS,
        idempotency_key: str | None = None,
    ) -> UploadReply:
        """Check and store the table in a file; one idempotency key always gives one data set.

        Raises:
            InvalidInput: the idempotency key was used with another table.
            ServiceError: the table cannot be read or repaired; the sentence names the place.
        """
        id, mark = id_of(idempotency_key, "upload"), None
        if idempotency_key is not None:
            mark = sha256_of_file(path) + (fingerprint(options) if options.given else "")

        def store() -> dict[str, Any]:
            return self._datasets.upload(path, id, mark, options, options.known or ())

        document = self._stored_once(store, id, mark, idempotency_key)
        names = ("dataset_id", "data_points", "summary", "quality", "read_as")
        fields: dict[str, Any] = {name: document[name] for name in names if name in document}
        return UploadReply(**fields, calendars=cast("Any", calendars_in(document)))

    def add_rows(self, id: str, path: Path, options: RowsOptions) -> RowsReply:
        """Add the rows in a file to a data set, or correct stored ones.

        Raises:
            NotFound: there is no such data set.
            Conflict: rows differ from stored ones, and the request does not replace them.
            ServiceError: the table cannot be read or repaired; the sentence names the place.
        """
        document, counts, read_as = add_rows(self._datasets, id, path, options)
        names = ("dataset_id", "data_points", "summary", "quality", "read_as", "version", "as_of")
        start = {"version": 1, "as_of": document["summary"]["date_range"]["end"], "quality": {}}
        fields: dict[str, Any] = {name: document.get(name, start.get(name)) for name in names}
        fields |= counts | {"calendars": calendars_in(document), "rows_read_as": read_as}
        return RowsReply(**fields)

    def page(self, query: DatasetsQuery) -> DatasetsReply:
        """Return a page of the stored data sets, and those of it that are damaged."""
        page, damaged = self._datasets.page(selection(query))
        return DatasetsReply(
            datasets=[DatasetInfo(**info) for info in page.shown.values()],
            damaged=[DamagedDataset(dataset_id=id, error=error) for id, error in damaged.items()],
            total=page.total,
            next_cursor=query.cursor_after(page.last),
        )

    def series_page(self, id: str, query: SeriesQuery) -> DatasetSeriesReply:
        """Return a page of the series of a data set.

        Raises:
            NotFound: there is no such data set.
            InvalidInput: the cursor is not one of this list.
        """
        page = self._series_lists.page(id, query.q, query.after, query.limit)
        found = {"step": page.step, "series": page.shown, "total": page.total}
        return DatasetSeriesReply.model_validate(
            found | {"next_cursor": query.cursor_after(page.last)}
        )
