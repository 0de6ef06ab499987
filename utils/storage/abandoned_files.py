"""Files of a store that belong to no artifact: crashes and refused commits left them behind."""

from __future__ import annotations

import re
from collections.abc import Collection, Container

from utils.errors import DamagedFile, NotFound
from utils.storage.artifact_reader import DOCUMENT, STORED_AS, ArtifactReader, is_uuid
from utils.storage.files import ABANDONED_AFTER

_KEPT_FOR = 7 * 86_400.0  # seconds for which a checkpoint waits for its worker
_CHECKPOINT = "checkpoint"
_TOKEN = re.compile("[0-9a-f]{32}")  # in the name of a file of a commit


def abandoned(store: ArtifactReader, ended: Collection[str] = ()) -> dict[str, float]:
    """Return the files that belong to no artifact (yet), and for how many seconds to keep each.

    Args:
        ended: ids of ended jobs, whose checkpoints are not needed any more.
    """
    names, found = store.files.names(), {}
    for name in names:
        id, _, rest = name.partition(".")
        token, _, of_token = rest.partition(".")
        is_of_commit = _TOKEN.fullmatch(token) is not None
        suffix = of_token if is_of_commit else rest
        # A legacy .h5 may stand alone: people put it there.
        ours = f".{suffix}" in store.suffixes and is_uuid(id) and rest != "h5"
        known, is_checkpoint = f"{id}{DOCUMENT}" in names, suffix == _CHECKPOINT
        is_replaced = known and _is_replaced(store, id, name, is_of_commit, names)
        # The checkpoint of what is published was left by an attempt that was paused meanwhile.
        if not ours or (known and not is_replaced and not is_checkpoint):
            continue
        # A checkpoint may wait for its worker over a weekend.
        waits = is_checkpoint and not known and id not in ended
        found[name] = _KEPT_FOR if waits else ABANDONED_AFTER
    return found


def _is_replaced(
    store: ArtifactReader, id: str, name: str, is_of_commit: bool, names: Container[str]
) -> bool:
    """Return whether the file of an artifact has given way to another one.

    A file of a commit has if the document does not name it; a plain one if the document names
    another one in its place, and that is there.
    """
    try:
        entries = store.summary(id).get("files", {})
    except (NotFound, DamagedFile):
        return False
    if is_of_commit:
        return name not in {entry.get(STORED_AS) for entry in entries.values()}
    return (
        name in entries
        and entries[name].get(STORED_AS, name) != name
        and (entries[name][STORED_AS] in names)
    )
