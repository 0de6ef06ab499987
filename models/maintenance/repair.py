"""Repairs that lose nothing: what is damaged is set aside, what can be made again is made again."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from models.registry.registry import LITERT, SERVED
from utils import logs
from utils.storage.artifact_store import ArtifactStore, copy_of


def set_aside(store: ArtifactStore, id: str, *suffixes: str) -> str:
    """Move a damaged thing, or files of it, out of the way; says so."""
    return f"moved to {store.set_aside(id, *suffixes)} of the store of {store.noun}s."


def withdraw(store: ArtifactStore, id: str, *suffixes: str) -> str:
    """Move files of a thing out of the way and have its document state them no more."""
    said = set_aside(store, id, *suffixes)
    files = store.document(id).get("files", {})
    gone = {f"{id}{suffix}" for suffix in suffixes}
    store.amend(id, {"files": {name: files[name] for name in files if name not in gone}})
    return said


def remove(store: ArtifactStore, name: str) -> str:
    """Remove a file that belongs to nothing."""
    store.files.remove(name)
    return "removed."


def sweep(store: ArtifactStore) -> str:
    """Remove what was prepared and never put in its place."""
    store.files.sweep()
    return "removed."


def rebuild(store: ArtifactStore, id: str, suffixes: Collection[str]) -> str:
    """Make files of a model again from its `.keras` or `.h5`; what is damaged is set aside.

    Raises:
        ServiceError: the network cannot be opened, or the store cannot be written to.
    """
    with logs.without_chatter():
        from models.conversion import compression, legacy_import
        from models.training import network
    keras_model = legacy_import.open_keras(store, id)
    with TemporaryDirectory() as folder:
        if set(suffixes) == {SERVED["float32"]}:
            made = {SERVED["float32"]: Path(folder) / "model.onnx"}
            network.export_onnx(keras_model, made[SERVED["float32"]])
        else:
            files = compression.all_files(keras_model, Path(folder))
            made = {compression.SUFFIX_OF[name]: path for name, path in files.items()}
        for suffix in suffixes:
            store.set_aside(id, suffix)
            store.attach(id, suffix, copy_of(made[suffix]))
    return f"{', '.join(sorted(suffixes))} made again."


DERIVED = (*SERVED.values(), LITERT)  # what `rebuild` makes
