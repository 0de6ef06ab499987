"""A folder of things that are published whole: each is some files and one `.json` document.

A thing exists when its document does. The document is written last, with `os.replace`, so that
a crash, a kill or a full disk at any moment leaves nothing half-made to be seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from utils.errors import DamagedFile, NotFound, Unavailable

Writer = Callable[[Path], None]

_DOCUMENT = ".json"
_STAGING = ".staging-"
_ABANDONED_AFTER = 3600.0  # seconds; nobody takes that long to move files into place


class Store:
    """The things of one noun ("model", "data set") in one folder.

    Args:
        folder: made when it is first written to.
        noun: what a thing is called in messages.
        suffixes: endings of the files that may belong to a thing, the document's aside.
    """

    def __init__(self, folder: Path, noun: str, suffixes: tuple[str, ...]) -> None:
        self.folder = folder
        self.noun = noun
        self.suffixes = suffixes
        self._documents: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}

    def ids(self) -> list[str]:
        """Ids of all that is published."""
        return sorted(self.stems(_DOCUMENT))

    def stems(self, suffix: str) -> set[str]:
        """Names, less their ending, of the folder's files that end in `suffix`."""
        try:
            with os.scandir(self.folder) as entries:
                return {
                    entry.name.removesuffix(suffix)
                    for entry in entries
                    if entry.name.endswith(suffix) and not entry.name.startswith(".")
                }
        except FileNotFoundError:
            return set()

    def path(self, id: str, suffix: str) -> Path:
        """Where the file of a thing is or would be.

        Only a UUID in its plain form, or a name that the folder's listing holds, ever becomes
        part of a path.

        Raises:
            NotFound: the id is neither.
        """
        if not _is_uuid(id) and not any(id in self.stems(s) for s in (_DOCUMENT, *self.suffixes)):
            raise NotFound(f"There is no {self.noun} {_short(id)}.")
        return self.folder / f"{id}{suffix}"

    def document(self, id: str) -> dict[str, Any]:
        """The document of a thing. It is shared with other callers: not to be changed.

        Raises:
            NotFound: there is none of that id.
            DamagedFile: the document cannot be read.
        """
        path = self.path(id, _DOCUMENT)
        try:
            state = path.stat()
            stamp = (state.st_mtime_ns, state.st_size)
            cached = self._documents.get(id)
            if cached and cached[0] == stamp:
                return cached[1]
            document = json.loads(path.read_bytes())
        except FileNotFoundError as error:
            self._documents.pop(id, None)
            raise NotFound(f"There is no {self.noun} {_short(id)}.") from error
        except (ValueError, OSError) as error:
            raise DamagedFile(
                f"The document of {self.noun} {id} cannot be read: {error}"
            ) from error
        if not isinstance(document, dict):
            raise DamagedFile(f"The document of {self.noun} {id} is not a JSON object.")
        self._documents[id] = (stamp, document)
        return document

    def readable_documents(self) -> dict[str, dict[str, Any]]:
        """Documents of all things, by id, less those deleted meanwhile or damaged."""
        found = {}
        for id in self.ids():
            with contextlib.suppress(NotFound, DamagedFile):
                found[id] = self.document(id)
        return found

    def file(self, id: str, suffix: str) -> Path:
        """A file of a thing, checked against the SHA-256 that its document states, if any.

        Raises:
            NotFound: the thing or its file does not exist.
            DamagedFile: the file is not what was published.
        """
        stated = self.document(id).get("files", {}).get(f"{id}{suffix}", {}).get("sha256")
        path = self.path(id, suffix)
        if not path.is_file():
            raise NotFound(f"The {suffix} file of {self.noun} {id} is missing.")
        if stated is not None and _sha256(path) != stated:
            raise DamagedFile(
                f"The file {path.name} of {self.noun} {id} is damaged: it is not what was "
                "published. Delete it and train again, or restore it from a backup."
            )
        return path

    def publish(self, id: str, document: dict[str, Any], files: Mapping[str, Writer]) -> None:
        """Publish a thing whole, or nothing of it.

        Args:
            id: a UUID, not in use.
            document: JSON-ready; a `files` entry with sizes and SHA-256 is added.
            files: ending → function that writes the file to the path it is given.

        Raises:
            Unavailable: the folder cannot be written to (a full disk, say).
        """
        placed: list[Path] = []
        try:
            with self._staging() as staging:
                for suffix, write in files.items():
                    write(staging / f"{id}{suffix}")
                described = {path.name: _describe(path) for path in sorted(staging.iterdir())}
                _write(staging / f"{id}{_DOCUMENT}", document | {"files": described})
                for suffix in (*files, _DOCUMENT):
                    target = self.folder / f"{id}{suffix}"
                    placed.append(target)
                    (staging / target.name).replace(target)
                _sync(self.folder)
        except BaseException as error:
            for path in reversed(placed):
                path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise self._unwritable(error) from error
            raise

    def attach(self, id: str, suffix: str, write: Writer) -> None:
        """Add or replace one file of a published thing, its document following."""
        document = self.document(id)
        try:
            with self._staging() as staging:
                path = staging / f"{id}{suffix}"
                write(path)
                files = document.get("files", {}) | {path.name: _describe(path)}
                _write(staging / f"{id}{_DOCUMENT}", document | {"files": files})
                path.replace(self.folder / path.name)
                (staging / f"{id}{_DOCUMENT}").replace(self.folder / f"{id}{_DOCUMENT}")
        except OSError as error:
            raise self._unwritable(error) from error

    def delete(self, id: str) -> None:
        """Delete a thing: its document first, so that it is never seen without its files.

        Raises:
            NotFound: there is none of that id.
        """
        found = [self.path(id, suffix) for suffix in (_DOCUMENT, *self.suffixes)]
        removed = [path for path in found if _unlinked(path)]
        self._documents.pop(id, None)
        if not removed:
            raise NotFound(f"There is no {self.noun} {_short(id)}.")

    def keep(self, id: str, suffix: str, write: Writer) -> None:
        """shim"""
        with self._staging() as staging:
            write(staging / "f")
            (staging / "f").replace(self.folder / f"{id}{suffix}")

    def kept(self, id: str, suffix: str) -> bytes | None:
        """shim"""
        path = self.folder / f"{id}{suffix}"
        return path.read_bytes() if path.exists() else None

    def drop(self, id: str, suffix: str) -> None:
        """shim"""
        (self.folder / f"{id}{suffix}").unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what crashes left behind: old staging folders and files without a document."""
        if not self.folder.is_dir():
            return
        known = self.stems(_DOCUMENT)
        for path in self.folder.iterdir():
            if time.time() - path.stat().st_mtime < _ABANDONED_AFTER:
                continue
            # A legacy .h5 may stand alone: people put it there, no crash did.
            orphan = path.suffix in self.suffixes and path.suffix != ".h5"
            if path.name.startswith(_STAGING):
                shutil.rmtree(path, ignore_errors=True)
            elif orphan and _is_uuid(path.stem) and path.stem not in known:
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _staging(self) -> Iterator[Path]:
        """A private folder beside the published files, on the same disk, gone afterwards."""
        staging = self.folder / f"{_STAGING}{uuid4()}"
        staging.mkdir(parents=True)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _unwritable(self, error: OSError) -> Unavailable:
        return Unavailable(f"The {self.noun} could not be stored: {error.strerror or error}.")


def _is_uuid(id: str) -> bool:
    try:
        return str(UUID(id)) == id
    except ValueError:
        return False


def _short(id: str) -> str:
    return repr(id if len(id) <= 60 else id[:57] + "...")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _describe(path: Path) -> dict[str, Any]:
    _sync(path)
    return {"sha256": _sha256(path), "bytes": path.stat().st_size}


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, allow_nan=False, ensure_ascii=False), encoding="utf-8")
    _sync(path)


def _sync(path: Path) -> None:
    """Have a file or folder on the disk before anything that says it is there."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unlinked(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
