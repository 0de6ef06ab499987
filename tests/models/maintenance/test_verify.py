"""`verify` finds whatever is wrong with what is stored, and repairs it without a loss."""

from __future__ import annotations

import shutil
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.datasets import Datasets
from models.forecast.forecaster import Forecaster
from models.maintenance.verify import verify
from models.registry.registry import Registry
from tests.support.running_service import FAST, SMALL, Service, run_command
from tests.support.stores import Stores, age, copied, settings_in
from utils.errors import DamagedFile, Unavailable
from utils.settings import read
from utils.storage.artifact_reader import STORED_AS
from utils.storage.locations import open_files


@pytest.fixture(scope="module")
def published(service: Service, dataset: dict[str, Any]) -> dict[str, Any]:
    """A model of our own: those of other tests are drawn and compressed."""
    reply = service.post("/api/model/train", FAST | {"datasetId": dataset["dataset_id"]})
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.fixture
def stores(service: Service, published: dict[str, Any], tmp_path: Path) -> Stores:
    return copied(service, tmp_path, published["model_id"], published["dataset_id"])


def problems(stores: Stores) -> list[str]:
    found = verify(stores.settings)["findings"]
    return [f"{f['subject']}: {f['problem']}" for f in found if f["kind"] == "problem"]


def load_everything(stores: Stores) -> None:
    """Read the model and the data set as the service does."""
    registry = Registry(stores.settings.model_location, 0)
    assert isinstance(registry.open(stores.model_id).forecaster, Forecaster)
    with registry.store.local(stores.model_id, ".keras"):
        pass
    Datasets(stores.settings.data_location, 10**6, 10**6).load(stores.dataset_id)


@settings(max_examples=max(20, settings().max_examples // 4))  # each opens a model
@given(st.integers(0), st.integers(0), st.integers(1, 255))
def test_any_byte_that_changes_is_found_and_refused(
    stores: Stores, file: int, place: int, change: int
) -> None:
    path = stores.files[file % len(stores.files)]
    assert len(stores.files) == 5
    whole = path.read_bytes()
    content = bytearray(whole)
    content[place % len(content)] ^= change
    try:
        path.write_bytes(content)
        age(path)
        [found] = problems(stores)
        assert path.name.split(".")[0] in found
        with pytest.raises(DamagedFile, match="damaged"):
            load_everything(stores)
    finally:
        path.write_bytes(whole)
        age(path)
    load_everything(stores)


def test_what_is_whole_is_clean(stores: Stores) -> None:
    report = verify(stores.settings)
    assert report["clean"] and report["checked"]["files"] == 3
    assert report["checked"]["models"] == report["checked"]["data sets"] == 1


def test_a_damaged_document_takes_its_thing_aside_and_nothing_is_lost(stores: Stores) -> None:
    path = stores.folder / "models" / f"{stores.model_id}.json"
    path.write_bytes(path.read_bytes().replace(b'"anchor"', b'"anchos"'))
    before = set(stores.content().values())
    report = verify(stores.settings, repair=True)
    assert report["clean"] and "moved to damaged/" in report["repairs"][0]
    assert stores.models.ids() == []
    assert set(stores.content().values()) == before
    again = verify(stores.settings)
    assert again["clean"] and any("3 damaged files" in f["problem"] for f in again["findings"])


@pytest.mark.parametrize("lost", [".keras", ".onnx .keras", ".parquet"])
def test_a_file_that_is_lost_is_reported_and_what_is_useless_without_it_is_set_aside(
    stores: Stores, lost: str
) -> None:
    room, id = ("data", stores.dataset_id) if lost == ".parquet" else ("models", stores.model_id)
    for suffix in lost.split():
        (stores.folder / room / f"{id}{suffix}").unlink()
    report = verify(stores.settings, repair=True)
    if lost == ".keras":  # it still forecasts: it stays, and is reported again
        assert not report["clean"] and "it still forecasts" in problems(stores)[0]
        assert isinstance(
            Registry(stores.settings.model_location, 0).open(id).forecaster, Forecaster
        )
    else:
        assert report["clean"] and problems(stores) == []
        assert (stores.models if room == "models" else stores.datasets).ids() == []


def test_pictures_are_withdrawn_as_they_are_made_again(stores: Stores) -> None:
    id, folder = stores.model_id, stores.folder / "models"
    stores.models.attach(id, ".png", lambda path: path.write_bytes(b"picture") and None)
    assert problems(stores) == []
    (folder / f"{id}.png").write_bytes(b"pixture")
    report = verify(stores.settings, repair=True)
    assert report["clean"] and problems(stores) == []
    assert not stores.models.has(id, ".png") and problems(stores) == []


def test_what_cannot_be_read_is_reported_and_left_where_it_is(stores: Stores) -> None:
    """No proof of damage: the permissions may be wrong, or a disk may be failing."""
    path = stores.folder / "data" / f"{stores.dataset_id}.parquet"
    path.unlink()
    path.mkdir()  # what even root cannot read as a file
    report = verify(stores.settings)
    assert not report["clean"] and not any(f["can_be_repaired"] for f in report["findings"])
    assert "cannot be read (Is a directory)" in problems(stores)[0]
    with pytest.raises(DamagedFile, match="cannot be read"):
        load_everything(stores)


def test_rows_are_counted(stores: Stores) -> None:
    """A document that lies about its data, with the right checksums."""
    document = stores.datasets.document(stores.dataset_id)
    points = document["data_points"] + 1
    stores.datasets.update_document(stores.dataset_id, lambda _: {"data_points": points})
    assert "has 480 rows, not the 481" in problems(stores)[0]


def test_left_overs_go_when_they_are_old_and_strangers_stay(stores: Stores) -> None:
    folder = stores.folder / "models"
    old, young = folder / f"{uuid4()}.onnx", folder / f"{uuid4()}.onnx"
    beside, staging = folder / f"{stores.model_id}.checkpoint", folder / ".staging-x"
    stranger, legacy = folder / "notes.txt", folder / "grandpa.h5"
    staging.mkdir()
    for path in (old, young, beside, stranger, legacy):
        path.write_bytes(b"x")
    age(old, beside, staging, stranger, legacy)
    verify(stores.settings, repair=True)
    assert not any(path.exists() for path in (old, beside, staging))
    assert all(path.exists() for path in (young, stranger, legacy))
    again = verify(stores.settings)
    assert again["clean"] and again["repairs"] == []
    assert any("python run.py import grandpa.h5" in f["advice"] for f in again["findings"])


@pytest.mark.usefixtures("short_pauses")
def test_a_store_far_away_is_checked_and_repaired_alike(location: str, tmp_path: Path) -> None:
    store = Datasets(location, 10**6, 10**6)
    good, bad, broken = (store.add_rows(ROWS)["dataset_id"] for _ in range(3))
    files = open_files(location)
    entry = store.store.document(bad)["files"][f"{bad}.parquet"]
    for name in (entry.get(STORED_AS, f"{bad}.parquet"), f"{broken}.json"):
        (tmp_path / "x").write_bytes(b"x")
        files.place(tmp_path / "x", name)
    far = replace(settings_in(tmp_path), data_store=location)
    settled = Stores(tmp_path, far, "", good)
    assert len(problems(settled)) == 2
    verify(settled.settings, repair=True)
    assert problems(settled) == []
    assert settled.datasets.ids() == [good] and files.aside() == 4


ROWS = [
    {"date": str(np.datetime64("2024-01-01") + day), "plant": "A", "application": "B"}
    | {"panel_size": "C", "wip": 100 + day % 7, "throughput": 50 + day % 5}
    for day in range(40)
]


# --- the command, and a running service ----------------------------------------------------------


def run(service: Service, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    names = ("MODEL_STORE", "DATA_STORE", "DATABASE_URL")
    return run_command(
        folder, "verify", *more, **{name: service.environment[name] for name in names}
    )


@pytest.mark.long
def test_verify_repairs_a_running_service_and_then_finds_nothing_more(
    service: Service, question: dict[str, str], tmp_path: Path
) -> None:
    models = service.folder / "models"
    id = service.post("/api/model/train", FAST | SMALL).json()["model_id"]
    twin = service.post("/api/model/train", FAST | SMALL).json()["model_id"]
    body = question | {"model_id": id}
    before = service.post("/api/model/predict", body).json()["predictions"]
    for name in (f"{id}.onnx", f"{twin}.json"):
        content = bytearray((models / name).read_bytes())
        content[len(content) // 2] ^= 1
        (models / name).write_bytes(content)
        age(models / name)
    (models / f"{id}.json").touch()  # so that no process has it open still
    listed = {m["model_id"]: m["info"] for m in service.get("/api/models").json()["models"]}
    assert listed[twin]["status"] == "damaged" and "is damaged" in listed[twin]["error"]
    assert service.post("/api/model/predict", body).status_code == 500
    found = verify(read(service.environment))
    subjects = [f["subject"] for f in found["findings"] if f["kind"] == "problem"]
    assert sorted(subjects) == sorted([f"model {id}", f"model {twin}"]) and not found["clean"]
    repaired = run(service, tmp_path, "--repair")
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert "made again" in repaired.stdout and "moved to" in repaired.stdout
    after = service.post("/api/model/predict", body).json()["predictions"]
    wip = [[day["predicted_wip"] for day in days] for days in (before, after)]
    assert wip[1] == pytest.approx(wip[0], rel=1e-6)
    assert service.get(f"/api/model/{twin}").status_code == 404
    again = verify(read(service.environment))
    assert again["clean"] and not any(f["can_be_repaired"] for f in again["findings"])
    assert service.call("DELETE", f"/api/model/{id}").status_code == 200
    deleted = verify(read(service.environment))
    assert deleted["clean"] and any(
        "trainings succeeded" in f["problem"] for f in deleted["findings"]
    )
    shutil.rmtree(models / "damaged")


def test_damaged_data_is_listed_beside_the_rest_and_no_job_trains_on_it(
    service: Service, dataset: dict[str, Any]
) -> None:
    ids = [service.post("/api/data/generate", SMALL).json()["dataset_id"] for _ in range(3)]
    folder = service.folder / "data"
    whole = (folder / f"{ids[0]}.parquet").read_bytes()
    (folder / f"{ids[0]}.parquet").write_bytes(whole[:-1])
    (folder / f"{ids[1]}.parquet").write_bytes(whole[:-1] + b"?")
    (folder / f"{ids[2]}.json").write_bytes(b"{}}")
    age(*(folder / f"{id}.parquet" for id in ids))
    reply = service.get("/api/data").json()
    listed = {entry["dataset_id"] for entry in reply["datasets"]}
    damaged = {entry["dataset_id"]: entry["error"] for entry in reply["damaged"]}
    assert {dataset["dataset_id"], ids[1]} <= listed and not {ids[0], ids[2]} & listed
    assert set(damaged) == {ids[0], ids[2]} and "bytes instead of" in damaged[ids[0]]
    for id in ids:
        for use in (
            service.get(f"/api/data/{id}"),
            service.get(f"/api/data/{id}?format=parquet"),
            service.post("/api/model/train", FAST | {"datasetId": id}),
        ):
            assert use.status_code == 500 and "damaged" in use.json()["error"], use.text
        assert service.call("DELETE", f"/api/data/{id}").status_code == 200


def test_a_model_that_is_cut_short_is_listed_as_damaged(service: Service, stores: Stores) -> None:
    registry = Registry(stores.settings.model_location, 0)
    [(_, info)] = registry.newest()
    assert info["status"] == "ready"
    path = stores.folder / "models" / f"{stores.model_id}.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    [(_, info)] = registry.newest()
    assert info["status"] == "damaged" and "bytes instead of" in info["error"]
    path.unlink()
    assert next(registry.newest())[1]["status"] == "ready"  # it is derived when it is needed
    path.with_suffix(".keras").unlink()
    assert "lost its network" in next(registry.newest())[1]["error"]


def test_a_database_that_is_damaged_is_reported(stores: Stores) -> None:
    (stores.folder / "jobs.sqlite").write_bytes(b"SQLite format 3\0" + b"?" * 5000)
    assert "is damaged" in problems(stores)[0]


def test_postgresql_is_read_and_an_unreachable_one_cannot_be_checked(
    stores: Stores, postgres_url: str
) -> None:
    there = replace(stores.settings, database_url=postgres_url)
    assert verify(there)["checked"]["databases"] == 1
    nowhere = replace(stores.settings, database_url="postgresql://x@127.0.0.1:9/x")
    with pytest.raises(Unavailable, match="database does not answer"):
        verify(nowhere)


@pytest.mark.service
def test_a_store_that_cannot_be_reached_is_exit_code_2(tmp_path: Path) -> None:
    done = run_command(tmp_path, "verify", MODEL_STORE="nonsense://x")
    assert done.returncode == 2 and "nonsense://x" in done.stderr


def test_a_file_that_is_just_being_replaced_is_no_damage(stores: Stores) -> None:
    """The document of what is attached follows a moment after the file: a reader looks again."""
    id, store = stores.model_id, stores.models
    store.attach(id, ".png", lambda path: path.write_bytes(b"before") and None)

    def after(path: Path) -> None:
        path.write_bytes(b"after")

    (stores.folder / "models" / f"{id}.png").write_bytes(b"after")
    late = threading.Timer(0.02, stores.models.attach, (id, ".png", after))
    late.start()
    assert store.read(id, ".png") == b"after"
    late.join()
