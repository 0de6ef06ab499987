"""The entries of data sets in the index, of which lists are made."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain
from typing import Any

from utils.errors import DamagedFile
from utils.storage.artifact_index import Entry, Tag
from utils.storage.artifact_store import ArtifactStore

INDEX_VERSION = 3  # to be increased with each change of `entry_of`
OF_CLIENT = "of_client"  # tag of data sets that no training stored for itself
POSTED = "posted rows"  # source of rows in a request for a training
_LISTED = (
    *("dataset_id", "created_at", "source", "data_points", "summary", "quality", "parameters"),
    *("version", "as_of"),
)


def entry_of(store: ArtifactStore, id: str) -> Entry:
    """Return a data set as the index has it; a damaged one with its fault.

    Raises:
        NotFound: there is none of that id.
    """
    try:
        document = store.document(id)
        summary, files = document["summary"], document.get("files", {})
        info = {name: document[name] for name in _LISTED if name in document}
        names = {name: summary[name] for name in ("plants", "applications", "panel_sizes")}
        words = [
            document["source"],
            document["created_at"],
            *chain.from_iterable(names.values()),
        ]
        created_at, rows = document["created_at"], document["data_points"]
    except (DamagedFile, KeyError) as error:
        fault = f"Its document lacks {error}." if isinstance(error, KeyError) else error.message
        written = datetime.fromtimestamp(store.changed_at(id), UTC).isoformat()
        return Entry(written, -1, "damaged", {}, None, {"error": fault, "files": {}})
    names["made"] = document.get("made", {})
    shown = {"info": info, "files": files}
    tags = {} if is_of_training(document) else {OF_CLIENT: Tag("")}
    return Entry(created_at, rows, " ".join(words), tags, names, shown)


def is_of_training(document: dict[str, Any]) -> bool:
    """Return whether a data set was stored for a training, by its document."""
    return "made_for" in document or document.get("source") == POSTED
