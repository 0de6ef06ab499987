"""A backup comes back as it was, to the byte; a restore is whole, or nothing has changed."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.datasets import Datasets
from models.data.growth import add_rows
from models.maintenance.backup import back_up, restore
from models.maintenance.verify import verify
from tests.support.running_service import FAST, ROOT, SMALL, Service, run_command, start_service
from tests.support.stores import Stores, copied, settings_in
from utils.api.upload_options import RowsOptions
from utils.errors import Conflict, DamagedFile, InvalidInput, ServiceError, Unavailable
from utils.storage.checksums import document_to_bytes


@pytest.fixture
def stores(service: Service, trained: dict[str, Any], tmp_path: Path) -> Stores:
    """A model and a data set, and a database with a table."""
    made = copied(service, tmp_path / "old", trained["model_id"], trained["dataset_id"])
    with closing(sqlite3.connect(tmp_path / "old" / "jobs.sqlite")) as database, database:
        database.execute("CREATE TABLE t (a)")
        database.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(1000)])
    return made


@pytest.fixture
def backup(stores: Stores) -> Path:
    return back_up(stores.settings, stores.folder.parent / "backup.tar")[0]


def moved(stores: Stores, folder: Path) -> Stores:
    """The same stores, at a place where there is nothing yet."""
    return replace(stores, folder=folder, settings=settings_in(folder))


ROOMS = ["models", "backtests", "data"]


def rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "jobs.sqlite")) as database:
        return int(database.execute("SELECT count(*) FROM t").fetchone()[0])


@given(st.lists(st.tuples(st.sampled_from(ROOMS), st.binary(max_size=3000)), max_size=6))
def test_every_byte_comes_back(tmp_path: Path, things: list[tuple[str, bytes]]) -> None:
    folder = tmp_path / str(uuid4())
    old, new = folder / "old", folder / "new"
    endings = {"models": ".keras", "backtests": ".result", "data": ".parquet"}
    for room, content in things:
        within, id = old / ("models/backtests" if room == "backtests" else room), str(uuid4())
        within.mkdir(parents=True, exist_ok=True)
        (within / f"{id}{endings[room]}").write_bytes(content)
        (within / f"{id}.json").write_bytes(document_to_bytes({"a": len(content)}))
    folder.mkdir(exist_ok=True)
    back_up(settings_in(old), folder / "backup.tar")
    restore(settings_in(new), folder / "backup.tar", False)
    before, after = (Stores(each, settings_in(each), "", "").content() for each in (old, new))
    assert len(before) == 2 * len(things) and after == before


def test_a_data_set_that_went_on_comes_back_with_its_version_and_rows(tmp_path: Path) -> None:
    header, table = "date,plant,application,panel_size,wip,throughput\n", tmp_path / "table.csv"
    days = [f"2024-01-{day:02},A,x,S,{'' if day == 9 else 90 + day},50\n" for day in range(1, 31)]
    old, new = (Datasets.of(settings_in(tmp_path / name)) for name in ("old", "new"))
    table.write_text(header + "".join(days[:20]))
    id = str(old.upload(table)["dataset_id"])
    table.write_text(header + "".join(days[20:25]))
    add_rows(old, id, table, RowsOptions())
    back_up(settings_in(tmp_path / "old"), tmp_path / "backup.tar")
    restore(settings_in(tmp_path / "new"), tmp_path / "backup.tar", False)
    assert new.store.document(id) == old.store.document(id)
    assert (new.store.document(id)["version"], len(new.load(id).values)) == (2, 25)
    table.write_text(header + "".join(days[25:]))
    for each in (old, new):
        assert add_rows(each, id, table, RowsOptions())[0]["version"] == 3
    for suffix in (".parquet", ".received"):
        assert new.store.read(id, suffix) == old.store.read(id, suffix)


@pytest.mark.long
def test_a_service_comes_back_whole_and_for_its_owner_only(
    stores: Stores, backup: Path, tmp_path: Path
) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == []
    new = moved(stores, tmp_path / "new")
    manifest, _ = restore(new.settings, backup, False)
    assert manifest.counts == {"models": 1, "data sets": 1} and not manifest.damaged
    assert new.content() == stores.content() and rows(new.folder) == 1000
    assert (new.folder / "jobs.sqlite").stat().st_mode & 0o777 == 0o600
    assert verify(new.settings)["clean"]


def test_a_database_in_the_folder_of_the_data_comes_back_too(
    stores: Stores, backup: Path, tmp_path: Path
) -> None:
    """As it is by default; the link of a checkout's `.gitkeep` stays where it is."""
    inside = replace(
        settings_in(tmp_path / "new"), database_url=f"sqlite:///{tmp_path}/new/data/jobs.sqlite"
    )
    (tmp_path / "new" / "models").mkdir(parents=True)
    keep = tmp_path / "new" / "models" / ".gitkeep"
    keep.touch()
    for _ in range(2):
        restore(inside, backup, True)
        assert rows(tmp_path / "new" / "data") == 1000 and keep.exists()
    [replaced] = (tmp_path / "new" / "data").glob(".replaced-*")
    assert rows(replaced) == 1000 and len(list(replaced.iterdir())) == 3


def test_what_is_damaged_is_copied_as_it_is_and_told(stores: Stores, tmp_path: Path) -> None:
    path = stores.folder / "models" / f"{stores.model_id}.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    archive, made = back_up(stores.settings, tmp_path)
    assert made.damaged == [f"models/{path.name}"] and archive.parent == tmp_path
    new = moved(stores, tmp_path / "new")
    assert restore(new.settings, archive, False)[0].damaged == made.damaged
    assert new.content() == stores.content()


def test_nothing_is_replaced_unless_it_is_said_and_then_it_is_kept(
    stores: Stores, backup: Path
) -> None:
    stores.models.delete(stores.model_id)
    before = stores.content()
    with pytest.raises(Conflict, match="--replace"):
        restore(stores.settings, backup, False)
    assert stores.content() == before
    _, replaced = restore(stores.settings, backup, True)
    assert stores.models.ids() == [stores.model_id] and rows(stores.folder) == 1000
    kept = {path.name for folder in replaced for path in folder.rglob("*")}
    assert kept == {Path(name).name for name in before} | {"jobs.sqlite"}
    report = verify(stores.settings)
    assert (
        report["clean"]
        and sum("a restore replaced" in f["problem"] for f in report["findings"]) == 2
    )


# --- what is refused -----------------------------------------------------------------------------


@given(st.integers(0), st.integers(1, 255))
def test_a_byte_that_changes_is_noticed_or_means_nothing(
    stores: Stores, backup: Path, place: int, change: int
) -> None:
    content = bytearray(backup.read_bytes())
    content[place % len(content)] ^= change
    spoilt, new = backup.with_name("spoilt.tar"), moved(stores, backup.parent / str(uuid4()))
    spoilt.write_bytes(content)
    try:
        restore(new.settings, spoilt, False)
    except (DamagedFile, InvalidInput):
        assert new.files == [] and not (new.folder / "jobs.sqlite").exists()
    else:  # a byte of the padding between two files, or of a date
        assert new.content() == stores.content() and rows(new.folder) == 1000


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_backup_that_is_cut_short_is_refused(
    stores: Stores, backup: Path, tmp_path: Path, share: float
) -> None:
    content = backup.read_bytes()
    end = content.index(b"manifest.json")
    backup.write_bytes(content[: int(share * end)])
    new = moved(stores, tmp_path / "new")
    with pytest.raises((DamagedFile, InvalidInput), match=r"cut short|is no backup"):
        restore(new.settings, backup, False)
    assert new.files == []


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize(
    "member",
    [
        *(
            tarfile.TarInfo(name)
            for name in ("../x", "/etc/x", "models/../../x", "models/a/b", "models/.hidden", "x",
                         "data/..", "models/backtests", "data/x\nmodels/y/z", "other/x")
        ),
        link("models/x.json", tarfile.SYMTYPE),
        link("models/x.json", tarfile.LNKTYPE),
        link("models/x.json", tarfile.CHRTYPE),
        link("data/x", tarfile.DIRTYPE),
    ],
    ids=lambda member: f"{member.name}-{member.type.decode()}",
)  # fmt: skip
def test_an_archive_that_holds_anything_else_is_refused(
    stores: Stores, backup: Path, tmp_path: Path, member: tarfile.TarInfo
) -> None:
    with tarfile.open(backup, "a") as tar:
        tar.addfile(member)
    new = moved(stores, tmp_path / "new")
    with pytest.raises(InvalidInput, match="and nothing else"):
        restore(new.settings, backup, False)
    assert new.files == [] and not (tmp_path / "x").exists()


def add(path: Path, name: str, content: bytes, headers: dict[str, str] | None = None) -> None:
    with tarfile.open(path, "a") as tar:
        member = tarfile.TarInfo(name)
        member.size, member.pax_headers = len(content), headers or {}
        tar.addfile(member, io.BytesIO(content))


def twice(path: Path) -> None:
    add(path, "jobs.sqlite", b"")


def unknown(path: Path) -> None:
    add(path, f"models/{uuid4()}.json", b"{}")


def bomb(path: Path) -> None:
    """Add a sparse file: 512 bytes that unpack to a terabyte of zeros."""
    name = f"models/{uuid4()}.json"
    sparse = {"major": "1", "minor": "0", "name": name, "realsize": str(10**12)}
    headers = {f"GNU.sparse.{key}": value for key, value in sparse.items()}
    add(path, name, b"1\n0\n0\n".ljust(512, b"\0"), headers)


def described(path: Path, **manifest: Any) -> None:
    path.unlink()
    with tarfile.open(path, "w"):
        pass
    add(path, "manifest.json", document_to_bytes(manifest))


def newer(path: Path) -> None:
    described(path, form=99, created_at="2024-01-01T00:00:00Z")


def untyped(path: Path) -> None:
    described(path, form=1, created_at="2024-01-01T00:00:00Z", members=["jobs.sqlite"])


def text(path: Path) -> None:
    path.write_text("hello")


def packed(path: Path) -> None:
    subprocess.run(["gzip", str(path)], check=True)
    path.with_name(f"{path.name}.gz").rename(path)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (twice, "each file once"),
        (unknown, "is not what was backed up"),
        (bomb, "and nothing else"),
        (untyped, "is damaged, or of a newer release"),
        (newer, "newer release"),
        (text, "is no backup"),
        (packed, "is no backup"),
    ],
)
def test_what_is_no_backup_is_refused(
    stores: Stores, backup: Path, tmp_path: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    spoil(backup)
    with pytest.raises(ServiceError, match=sentence):
        restore(moved(stores, tmp_path / "new").settings, backup, False)


@pytest.mark.parametrize(
    ("elsewhere", "named"),
    [
        ({"model_store": "s3://bucket/models"}, "MODEL_STORE=s3"),
        ({"data_store": "s3://user:secret@bucket"}, "DATA_STORE=s3"),
        ({"database_url": "postgresql://x:secret@y/z"}, "DATABASE_URL=postgresql"),
    ],
)
def test_what_lies_elsewhere_is_for_other_tools(
    tmp_path: Path, elsewhere: dict[str, str], named: str
) -> None:
    with pytest.raises(Conflict, match=named) as refused:
        back_up(replace(settings_in(tmp_path), **elsewhere), tmp_path)
    assert "secret" not in refused.value.message


def test_a_file_that_exists_is_not_overwritten(stores: Stores, backup: Path) -> None:
    with pytest.raises(Conflict, match="does not exist yet"):
        back_up(stores.settings, backup)
    with pytest.raises(Unavailable, match="cannot be written"):
        back_up(stores.settings, backup.parent / "none" / "x.tar")


# --- a restore that ends in the middle -----------------------------------------------------------

DIE = """
import os, sys
from pathlib import Path
from tests.support.stores import settings_in
from models.data.datasets import Datasets
from models.data.growth import add_rows
from models.maintenance.backup import restore
count, rename = int(sys.argv[3]), Path.rename
def stops(path, target):
    global count
    count -= 1
    if count == 0:
        os._exit(9) if sys.argv[4] == "die" else (_ for _ in ()).throw(OSError(5, "it broke"))
    return rename(path, target)
Path.rename = stops
restore(settings_in(Path(sys.argv[1])), Path(sys.argv[2]), True)
"""


def stopped(stores: Stores, backup: Path, at: int, how: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DIE, str(stores.folder), str(backup), str(at), how],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("at", [1, 2, 6, 9])
def test_a_restore_that_is_killed_is_finished_by_the_next(
    stores: Stores, backup: Path, at: int
) -> None:
    whole = stores.content()
    assert stopped(stores, backup, at, "die").returncode == 9
    assert verify(stores.settings)["clean"] is (at == 1)  # the first one writes down the others
    _, replaced = restore(stores.settings, backup, True)
    visible = {n: c for n, c in stores.content().items() if ".replaced-" not in n}
    assert visible == whole and rows(stores.folder) == 1000
    assert replaced and verify(stores.settings)["clean"]


@pytest.mark.parametrize("at", [1, 2, 6, 9])
def test_a_restore_that_fails_leaves_all_as_it_was(stores: Stores, backup: Path, at: int) -> None:
    stores.models.delete(stores.model_id)
    whole = stores.content()
    failed = stopped(stores, backup, min(at, 6), "fail")
    assert "it broke" in failed.stderr and "Unavailable" in failed.stderr
    assert stores.content() == whole and rows(stores.folder) == 1000


# --- a running service ---------------------------------------------------------------------------


@pytest.mark.long
def test_a_service_is_backed_up_while_it_works_and_goes_on_elsewhere(
    service: Service, question: dict[str, Any], tmp_path: Path
) -> None:
    names = ("MODEL_STORE", "DATA_STORE", "DATABASE_URL")
    there = {name: service.environment[name] for name in names}
    running = service.submit(FAST | SMALL | {"epochs": 10_000})
    waiting = service.submit(FAST | SMALL | {"epochs": 3, "seed": 11})
    service.wait_for_epoch(running)
    ended = False

    def work() -> int:
        count = 0
        while not ended:
            table = "date,plant,application,panel_size,wip,throughput\n" + "".join(
                f"2024-01-{day:02},A,B,C,{100 + day + count},{50 + day}\n" for day in range(1, 30)
            )
            sent = service.post(
                "/api/data/upload", data=table, headers={"Content-Type": "text/csv"}
            )
            assert sent.status_code == 200, sent.text
            assert service.post("/api/model/predict", question).status_code == 200
            count += 1
        return count

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(work)
        made = run_command(tmp_path, "backup", str(tmp_path / "backup.tar"), **there)
        ended = True
        assert busy.result() > 0
    assert made.returncode == 0, made.stdout + made.stderr
    before = service.post("/api/model/predict", question).json()["predictions"]
    refused = run_command(tmp_path, "restore", str(tmp_path / "backup.tar"), "--replace", **there)
    assert refused.returncode == 2 and "is in use" in refused.stderr
    for id in (running, waiting):
        service.call("DELETE", f"/api/jobs/{id}")
    done = run_command(tmp_path, "restore", str(tmp_path / "backup.tar"))
    assert done.returncode == 0 and "Restored" in done.stdout, done.stderr
    elsewhere = start_service(tmp_path, WEB_PROCESSES="1")
    try:
        listed = {
            m["model_id"]: m["info"]["status"]
            for m in elsewhere.get("/api/models").json()["models"]
        }
        assert listed[question["model_id"]] == "ready" and set(listed.values()) == {"ready"}
        again = elsewhere.post("/api/model/predict", question).json()["predictions"]
        assert again == before
        # What ran is gone on with, what waited waits behind it.
        seen = elsewhere.job(running)["progress"]["epoch"]
        elsewhere.wait_for_epoch(running, seen + 1)
        assert elsewhere.job(waiting)["status"] == "queued"
        assert elsewhere.call("DELETE", f"/api/jobs/{running}").status_code == 200
        assert elsewhere.wait_for(waiting, "succeeded", "failed")["status"] == "succeeded"
        checked = run_command(tmp_path, "verify", "--json")
        assert json.loads(checked.stdout)["clean"], checked.stdout
    finally:
        assert elsewhere.stop() == 0
