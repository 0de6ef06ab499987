"""Artifacts are published completely, or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.running_service import ROOT
from utils.errors import DamagedFile, NotFound
from utils.storage.artifact_store import ArtifactStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "things"


@pytest.fixture
def store(folder: Path) -> ArtifactStore:
    return ArtifactStore(folder, "thing", (".bin", ".h5", ".checkpoint"))


def publish(store: ArtifactStore, content: bytes = b"content") -> str:
    id = str(uuid4())
    store.publish(id, {"made": True}, {".bin": lambda path: path.write_bytes(content) and None})
    return id


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_publish_makes_a_thing_with_its_checksums(store: ArtifactStore, folder: Path) -> None:
    id = publish(store)
    assert store.ids() == [id]
    described = store.document(id)["files"][f"{id}.bin"]
    assert described["bytes"] == 7 and len(described["sha256"]) == 64
    assert store.read(id, ".bin") == b"content"
    assert visible(folder) == sorted([f"{id}.bin", f"{id}.json"])


def test_publish_that_fails_leaves_nothing(store: ArtifactStore, folder: Path) -> None:
    def broken(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        store.publish(str(uuid4()), {}, {".bin": broken})
    with pytest.raises(ValueError, match="JSON"):
        store.publish(str(uuid4()), {"x": float("nan")}, {})
    assert [*folder.rglob("*")] == [folder / ".staging"]


def test_attach_adds_a_file_to_the_document(store: ArtifactStore, folder: Path) -> None:
    id = publish(store)
    store.attach(id, ".h5", lambda path: path.write_bytes(b"more") and None)
    assert set(store.document(id)["files"]) == {f"{id}.bin", f"{id}.h5"}
    assert store.read(id, ".h5") == b"more"


@pytest.mark.usefixtures("short_pauses")
def test_a_tampered_file_is_an_error_of_its_own_only(store: ArtifactStore, folder: Path) -> None:
    good, bad, broken = (publish(store) for _ in range(3))
    (folder / f"{bad}.bin").write_bytes(b"c0ntent")
    (folder / f"{broken}.json").write_text("[1]")
    with pytest.raises(DamagedFile, match="not what was published"):
        store.read(bad, ".bin")
    with pytest.raises(DamagedFile, match="not a JSON object"):
        store.document(broken)
    assert store.document(good)["made"] and store.document(bad)["made"]


@pytest.mark.parametrize(
    "id", ["", ".", "..", "../x", "a/b", "/etc/passwd", "x" * 5000, "{}", "A" * 36, "\x00"]
)
def test_ids_that_are_none_are_not_found(store: ArtifactStore, folder: Path, id: str) -> None:
    (folder.parent / "x.json").write_text("{}")
    publish(store)
    for use in (store.document, store.delete, lambda i: store.read(i, ".bin")):
        with pytest.raises(NotFound):
            use(id)


def test_a_listed_name_that_is_no_uuid_is_found(store: ArtifactStore, folder: Path) -> None:
    publish(store)
    (folder / "old model.json").write_text('{"a": 1}')
    assert store.document("old model") == {"a": 1}
    with pytest.raises(NotFound, match="missing"):
        store.read("old model", ".h5")


def test_document_follows_the_file(store: ArtifactStore, folder: Path) -> None:
    id = publish(store)
    store.document(id)
    path = folder / f"{id}.json"
    path.write_text(json.dumps({"changed": "elsewhere"}))
    os.utime(path, ns=(1, 1))
    assert store.document(id) == {"changed": "elsewhere"}
    path.unlink()
    with pytest.raises(NotFound):
        store.document(id)


def test_delete_is_of_everything_and_once(store: ArtifactStore, folder: Path) -> None:
    id = publish(store)
    store.delete(id)
    assert visible(folder) == []
    with pytest.raises(NotFound):
        store.delete(id)


def test_sweep_removes_what_belongs_to_nothing_once_it_is_due(
    store: ArtifactStore, folder: Path
) -> None:
    store.sweep(list)
    id, deleted = publish(store), publish(store)
    store.delete(deleted)
    checkpoint, lost = folder / f"{uuid4()}.checkpoint", folder / f"{uuid4()}.bin"
    # Of an attempt that was paused until another one had published.
    outlived = folder / f"{id}.checkpoint"
    lone, staging = folder / f"{uuid4()}.h5", folder / ".staging-x"
    staging.mkdir()
    for path in (checkpoint, lost, lone, outlived):
        path.write_bytes(b"x")
    seen: dict[str, float] = {}

    def nothing(found: dict[str, float]) -> list[str]:
        seen.update(found)
        return []

    store.sweep(nothing)
    hour = (lost.name, staging.name, outlived.name)
    assert seen == {checkpoint.name: 7 * 86_400.0} | dict.fromkeys(hour, 3600.0)
    assert checkpoint.exists() and lost.exists() and staging.exists()
    store.sweep(lambda found: [name for name, seconds in found.items() if seconds < 86_400])
    kept = [checkpoint.name, lone.name, f"{id}.bin", f"{id}.json"]
    assert visible(folder) == sorted(kept) and not staging.exists()


PUBLISH = """
import resource, signal, sys
from pathlib import Path
from uuid import uuid4
from utils.errors import Unavailable
from utils.storage.artifact_store import ArtifactStore
store = ArtifactStore(Path(sys.argv[1]), "thing", (".bin",))
if sys.argv[2] == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        store.publish(str(uuid4()), {}, {".bin": lambda p: p.write_bytes(b"x" * 200_000) and None})
    except Unavailable as error:
        print(error)
else:
    print("ready", flush=True)
    while True:
        big = {".bin": lambda path: path.write_bytes(b"x" * 5_000_000) and None}
        store.publish(str(uuid4()), {}, big)
"""


def run(folder: Path, mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISH, str(folder), mode],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.service
def test_publish_on_a_disk_that_takes_no_more_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    """The kernel refuses the write, as it does on a full disk."""
    output, _ = run(tmp_path, "full").communicate(timeout=60)
    assert "could not be stored: File too large" in output
    assert [*tmp_path.rglob("*")] == [tmp_path / ".staging"]


@pytest.mark.parametrize("milliseconds", [3, 17, 40, 71])
@pytest.mark.service
def test_publish_that_is_killed_is_never_seen_half(tmp_path: Path, milliseconds: int) -> None:
    with run(tmp_path, "loop") as process:
        assert process.stdout is not None and process.stdout.readline()
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)
    store = ArtifactStore(tmp_path, "thing", (".bin",))
    for id in store.ids():
        assert len(store.read(id, ".bin")) == 5_000_000
