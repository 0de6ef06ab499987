"""Checks of Keras files of unknown origin, before Keras opens them.

A file may have been made to run code, to read other files, or to take all memory. Such a file is
refused by its description and its stated sizes, before any of it is loaded.

Example: a `.keras` file with a `Lambda` layer is refused, since that layer holds Python bytecode.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import h5py

from utils.errors import first_line

_OWN_MODULES = ("builtins", "keras", "tf_keras", "tensorflow")
# Parts of Keras that may read files, fetch them, or unpickle. Keras refuses most of them too.
_OUTWARD_MODULES = ("keras.utils", "keras.config", "keras.saving")
_OUTWARD_LAYERS = {
    *("TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"),
    *("IndexLookup", "IntegerLookup", "StringLookup", "TextVectorization"),
}
_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
_MOST_BYTES = 2_000_000_000  # of all members of a file, unpacked
_MOST_RATIO = 50  # unpacked to packed; Keras itself does not compress
_MOST_OBJECTS, _DEEPEST = 10_000, 20


class Refused(ValueError):
    """The file is not opened by Keras, for the reason in the message."""


class Broken(Refused):
    """The file is truncated, or not of the expected kind."""


def check_keras(path: Path) -> None:
    """Check a `.keras` file.

    Raises:
        Broken: it is truncated, or no such file.
        Refused: it holds code, foreign files, or more than its size allows.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members, path.stat().st_size)
            check_config(_config(archive.read("config.json")))
            with archive.open("model.weights.h5") as weights:
                check_weights(weights, archive.getinfo("model.weights.h5").file_size)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError) as error:
        raise Broken(f"is truncated or no .keras file: {first_line(error)}") from error


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    names = [member.filename for member in members]
    foreign = next((name for name in names if name not in _MEMBERS), None)
    if foreign is not None or len(set(names)) < len(names):
        raise Refused(f"holds a file that Keras does not write: {str(foreign or names[-1])[:60]!r}")
    _check_size(sum(member.file_size for member in members), size)


def _config(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refused(f"has a description that is no JSON: {first_line(error)}") from error


def check_config(config: Any) -> None:
    """Check the description of a model.

    Raises:
        Refused: it holds code, or names something that is no part of Keras.
    """
    for part in parts(config):
        name, module = str(part.get("class_name", "")), part.get("module")
        if "lambda" in name.lower():
            raise Refused(
                f"has a {name[:60]} layer, which holds code; it was not executed and is not "
                "accepted"
            )
        if name.rpartition(">")[2] in _OUTWARD_LAYERS:
            raise Refused(f"has a {name[:60]} layer, which may read other files")
        if isinstance(module, str) and module.startswith(_OUTWARD_MODULES):
            raise Refused(f"names a part of {module[:60]}, which is no layer")
        if isinstance(module, str) and module.split(".")[0] not in _OWN_MODULES:
            raise Refused(f"names {f'{module}.{name}'[:100]}, which is no part of Keras")


def parts(config: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects within a description, the outer before the inner."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def check_weights(file: Path | IO[bytes], size: int) -> None:
    """Check an HDF5 file of weights.

    Args:
        size: bytes of the file.

    Raises:
        Broken: it is truncated, or no HDF5 file.
        Refused: it leads to other files, or states more than its size allows.
    """
    try:
        with h5py.File(file, "r") as opened:
            stated = sum(_stated(held) for held in _held(opened) if isinstance(held, h5py.Dataset))
    except Refused:
        raise
    except Exception as error:  # a broken HDF5 file can raise just about anything
        raise Broken(f"is truncated or no Keras .h5 file: {first_line(error)}") from error
    _check_size(stated, size)


def _stated(held: h5py.Dataset) -> int:
    """Bytes of a dataset in memory."""
    if held.external or held.is_virtual:
        raise Refused(f"has weights that lie in another file: {held.name}")
    return int(held.size or 0) * held.dtype.itemsize


def _held(group: h5py.Group, depth: int = 0, count: list[int] | None = None) -> Iterator[Any]:
    """All groups and datasets within a group, none of them beyond the file."""
    count = [0] if count is None else count
    for name in group:
        count[0] += 1
        if depth > _DEEPEST or count[0] > _MOST_OBJECTS:
            raise Refused("holds too many parts within each other")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise Refused(f"has a link in place of weights: {name[:60]!r}")
        held = group[name]
        yield held
        if isinstance(held, h5py.Group):
            yield from _held(held, depth + 1, count)


def _check_size(stated: int, size: int) -> None:
    if stated > min(_MOST_BYTES, 1_000_000 + _MOST_RATIO * size):
        raise Refused(f"states {stated:,} bytes of content in a file of {size:,}")
