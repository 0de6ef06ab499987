"""A backup's archive, unpacked and checked: nothing in it is trusted before it is checked."""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from models.maintenance.backup import FORM, MANIFEST
from models.maintenance.embedded_store import DATABASE, Places
from utils.errors import DamagedFile, InvalidInput
from utils.storage import sqlite_file
from utils.storage.checksums import document_from_bytes
from utils.storage.files import sync

# The only names there are: whatever else an archive holds was not put there by a backup.
_NAME = re.compile(r"(?:models/backtests|models|data)/(?!backtests\Z)[^./\x00][^/\x00]*")
_BLOCK = 1 << 20
_MOST_OF_MANIFEST = 256_000_000  # bytes; a million files


def unpack(source: Path, staged: Places, tell: Callable[[str], None]) -> dict[str, Any]:
    """Unpack an archive into places of its own and check it whole; its manifest.

    Raises:
        InvalidInput: it is no backup, or of a newer release.
        DamagedFile: it is not, to the byte, what was written.
        OSError: it cannot be read, or the places cannot be written to.
    """
    for path in staged:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # for its owner only, as yet
    staged.models.mkdir()
    staged.data.mkdir()
    found: dict[str, dict[str, Any]] = {}
    manifest: bytes | None = None
    try:
        with tarfile.open(source, "r:") as tar:
            for member in tar:
                tell(member.name)
                content = _expect_ours(tar, member, {*found, *([MANIFEST] if manifest else [])})
                if member.name == MANIFEST:
                    manifest = content.read(_MOST_OF_MANIFEST)
                    continue
                found[member.name] = _save(content, _place(member.name, staged))
    except tarfile.TarError as error:
        raise InvalidInput.of("from", f"is no backup: {error}", str(source)) from error
    stated = _manifest(source, manifest)
    _compare(source, stated["members"], found)
    if DATABASE in found:
        staged.database.chmod(0o600)  # it may hold the hashes of keys
        sqlite_file.expect_whole(staged.database)
    return stated


def _expect_ours(tar: tarfile.TarFile, member: tarfile.TarInfo, seen: set[str]) -> IO[bytes]:
    """The content of a member that a backup may have put there."""
    known = member.name in (DATABASE, MANIFEST) or _NAME.fullmatch(member.name)
    content = tar.extractfile(member) if known and member.isreg() else None
    if content is None or member.issparse() or member.name in seen:
        raise InvalidInput.of(
            "from",
            "must hold what a backup holds, each file once, and nothing else",
            member.name[:200],
        )
    return content


def _place(name: str, staged: Places) -> Path:
    if name == DATABASE:
        return staged.database
    room, _, below = name.partition("/")
    return (staged.models if room == "models" else staged.data) / below


def _save(content: IO[bytes], path: Path) -> dict[str, Any]:
    """Write a member to its place; what the manifest is to state of it."""
    sha256, size = hashlib.sha256(), 0
    path.parent.mkdir(exist_ok=True)
    with path.open("xb") as file:
        while block := content.read(_BLOCK):
            sha256.update(block)
            size += len(block)
            file.write(block)
    sync(path)
    return {"sha256": sha256.hexdigest(), "bytes": size}


def _manifest(source: Path, content: bytes | None) -> dict[str, Any]:
    if content is None:
        raise DamagedFile(f"The backup {source} is cut short: its end, {MANIFEST}, is missing.")
    try:
        manifest = document_from_bytes(content)
    except ValueError as error:
        raise DamagedFile(f"The backup {source} is damaged: its {MANIFEST}: {error}.") from error
    if manifest.get("form") not in range(1, FORM + 1):
        form = manifest.get("form")
        rule = f"must be a backup of this release or an older one (form 1 to {FORM})"
        raise InvalidInput.of("from", rule, form)
    return manifest


def _compare(
    source: Path, stated: dict[str, dict[str, Any]], found: dict[str, dict[str, Any]]
) -> None:
    for name in sorted(stated.keys() | found.keys()):
        if stated.get(name) != found.get(name):
            why = "is missing" if name not in found else "is not what was backed up"
            raise DamagedFile(f"The backup {source} is damaged: {name} {why}.")
