"""The store is away or full: replies give the reason, nothing is half-made, and jobs go on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support import s3
from tests.support.disks import filled, read_only, small_disk
from tests.support.running_service import FAST, SMALL, Service, start_service, wait_until
from tests.support.stores import visible_files
from tests.support.tcp_proxy import tcp_proxy

Body = dict[str, Any]
LONG = FAST | SMALL | {"epochs": 400, "seed": 5}
PREDICT = {"plant": "P 1", "application": "TV", "panelSize": "L"}
TABLE = "day,plant,application,panel_size,wip,throughput\n"


def refusal(reply: requests.Response) -> str:
    """Return the sentence of a 503, which must have Retry-After."""
    assert reply.status_code == 503, (reply.status_code, reply.text)
    assert int(reply.headers["Retry-After"]) > 0
    body = reply.json()
    assert body["success"] is False and "Traceback" not in body["error"]
    return str(body["error"])


def calls(service: Service, model_id: str, data_id: str) -> list[requests.Response]:
    """Each way in which a request meets the stores."""
    rows = TABLE + "".join(f"{day},A,B,C,100,50\n" for day in range(100))
    return [
        service.get("/api/models"),
        service.get("/api/data"),
        service.get(f"/api/model/{model_id}"),
        service.get(f"/api/model/{model_id}/download"),
        service.get(f"/api/data/{data_id}?format=csv"),
        service.post("/api/model/predict", PREDICT | {"model_id": model_id}),
        service.post("/api/data/generate", SMALL),
        service.post("/api/data/upload", data=rows, headers={"Content-Type": "text/csv"}),
        service.post("/api/model/train", FAST | SMALL | {"background": True}),
        service.post("/api/model/train", FAST | {"datasetId": data_id, "background": True}),
    ]


def taken_away_and_given_back(service: Service, take: Any, give: Any) -> None:
    """A model is published while its store is away, and everything works again afterwards."""
    service.wait_for_worker()
    data_id = service.post("/api/data/generate", SMALL).json()["dataset_id"]
    model_id = service.submit(FAST | {"datasetId": data_id})
    service.wait_for(model_id, "succeeded")
    right = service.post("/api/model/predict", PREDICT | {"model_id": model_id}).json()
    for _ in range(8):  # every web process has seen the stores
        assert service.get("/api/models").ok and service.get("/api/data").ok
        assert service.post("/api/model/predict", PREDICT | {"model_id": model_id}).ok
    before = models(service)
    running = service.submit(FAST | {"datasetId": data_id, "epochs": 300, "seed": 5})
    service.wait_for_epoch(running, 1)
    take()
    *before_it, forecast, generating, uploading, training, of_data = calls(
        service, model_id, data_id
    )
    for reply in (*before_it, generating, uploading, training, of_data):
        assert "Traceback" not in refusal(reply)
    assert forecast.json()["predictions"] == right["predictions"]  # by a model that is open
    assert service.get("/health").status_code == 200
    assert {d["field"] for d in service.get("/health/ready").json()["details"]} == {
        "model_store", "data_store"
    }  # fmt: skip
    log = service.folder / "log"
    wait_until(lambda: "Epoch 300/300" in log.read_text(), 60)
    wait_until(lambda: service.job(running)["waiting"] is not None, 60)
    waiting = service.job(running)
    assert waiting["status"] == "running"
    give()
    ended = service.wait_for(running, "succeeded")
    assert ended["tries"] == 1 and ended["waiting"] is None
    again = service.post("/api/model/predict", PREDICT | {"model_id": model_id})
    assert again.json()["predictions"] == right["predictions"]
    for reply in calls(service, model_id, data_id):
        assert reply.status_code in (200, 202), reply.text
    wait_until(lambda: {*before, running} <= models(service))
    assert service.get("/health/ready").status_code == 200


def models(service: Service) -> set[str]:
    listed = service.get("/api/models").json()["models"]
    assert {model["info"]["status"] for model in listed} <= {"ready"}
    return {model["model_id"] for model in listed}


@pytest.mark.long
def test_a_folder_that_is_gone_for_a_while(tmp_path: Path) -> None:
    service = start_service(tmp_path)
    names = ("models", "data")

    def take() -> None:
        for name in names:
            (tmp_path / name).rename(tmp_path / f"{name}, unmounted")

    def give() -> None:
        for name in names:
            assert not (tmp_path / name).exists()  # nothing was written in its place
            (tmp_path / f"{name}, unmounted").rename(tmp_path / name)

    taken_away_and_given_back(service, take, give)
    assert service.stop() == 0


@pytest.mark.long
def test_an_object_store_that_is_out_of_reach_for_a_while(tmp_path: Path, s3_server: s3.S3) -> None:
    bucket = s3_server.new_bucket()
    stores = {"MODEL_STORE": f"{bucket}/models", "DATA_STORE": f"{bucket}/data"}
    with tcp_proxy(int(s3_server.url.rsplit(":", 1)[1])) as proxy:
        reached = s3_server.environment | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}
        service = start_service(tmp_path, **stores, **reached)
        taken_away_and_given_back(service, proxy.close, proxy.open)
        assert service.stop() == 0


def test_forecasts_go_on_while_an_object_store_hangs(tmp_path: Path, s3_server: s3.S3) -> None:
    """Also where the store was seen so long ago that a forecast looks for newer rows."""
    bucket = s3_server.new_bucket()
    stores = {"MODEL_STORE": f"{bucket}/models", "DATA_STORE": f"{bucket}/data"}
    service = start_service(tmp_path, **stores, **s3_server.environment)
    service.wait_for_worker()
    data_id = service.post("/api/data/generate", SMALL).json()["dataset_id"]
    model_id = service.post("/api/model/train", FAST | {"datasetId": data_id}).json()["model_id"]
    ask = PREDICT | {"model_id": model_id}
    replies = [service.post("/api/model/predict", ask) for _ in range(8)]
    with s3_server.paused():
        end = time.monotonic() + 3
        while time.monotonic() < end:
            replies.append(service.post("/api/model/predict", ask))
        assert "The store s3://" in refusal(service.get(f"/api/model/{model_id}"))
    assert {reply.status_code for reply in replies} == {200}
    assert all(reply.json() == replies[0].json() for reply in replies)
    assert service.stop() == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("exhausted", "sentence"), [(filled, "No space left"), (read_only, "Read-only")]
)
def test_a_disk_of_the_stores_that_takes_nothing(
    tmp_path: Path, exhausted: Any, sentence: str
) -> None:
    with small_disk(tmp_path / "disk", 24) as disk:
        stores = {"MODEL_STORE": str(disk / "models"), "DATA_STORE": str(disk / "data")}
        service = start_service(tmp_path, TMPDIR=str(disk), **stores)
        service.wait_for_worker()
        data_id = service.post("/api/data/generate", SMALL).json()["dataset_id"]
        model_id = service.submit(FAST | {"datasetId": data_id})
        service.wait_for(model_id, "succeeded")
        ask = PREDICT | {"model_id": model_id}
        right = service.post("/api/model/predict", ask).json()
        running = service.submit(FAST | {"datasetId": data_id, "epochs": 300})
        service.wait_for_epoch(running, 1)
        with exhausted(disk):
            writing = calls(service, model_id, data_id)
            for reply in writing[-4:-1]:
                assert sentence in refusal(reply)
            assert [reply.status_code for reply in writing[:6]] == [200] * 6
            assert writing[5].json()["predictions"] == right["predictions"]
            waiting = writing[-1].json()["job_id"]
            log = service.folder / "log"
            wait_until(lambda: "waiting " in log.read_text(), 60)
            assert service.job(running)["status"] == "running"
        for job_id in (running, waiting):
            assert service.wait_for(job_id, "succeeded")["tries"] == 1
        assert models(service) == {model_id, running, waiting}
        listed = [entry["dataset_id"] for entry in service.get("/api/data").json()["datasets"]]
        assert listed == [data_id]
        for name in ("models", "data"):
            left = {path.name.split(".")[0] for path in visible_files(disk / name)}
            assert left == ({data_id} if name == "data" else models(service))
            assert not [*(disk / name / ".staging").iterdir()]
        for reply in calls(service, model_id, data_id):
            assert reply.status_code in (200, 202), reply.text
        assert service.stop() == 0


@pytest.mark.long
def test_a_full_disk_of_the_database(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        service = start_service(tmp_path, DATABASE_URL=f"sqlite:///{disk / 'jobs.sqlite'}")
        service.wait_for_worker()
        data_id = service.post("/api/data/generate", SMALL).json()["dataset_id"]
        asked = FAST | {"datasetId": data_id, "background": True}
        running = service.submit(asked | {"epochs": 100})
        service.wait_for_epoch(running, 1)
        with filled(disk):
            refused = [service.post("/api/model/train", asked) for _ in range(20)]
            assert "disk is full" in refusal(refused[-1])
            log = service.folder / "log"
            wait_until(lambda: "Epoch 100/100" in log.read_text(), 60)
            assert service.get(f"/api/jobs/{running}").status_code in (200, 503)
            assert service.get("/api/models").status_code == 200
        taken = [reply.json()["job_id"] for reply in refused if reply.status_code == 202]
        for job_id in (running, *taken, service.submit(asked)):
            service.wait_for(job_id, "succeeded")
        assert len(models(service)) == 2 + len(taken)
        assert len(service.get("/api/jobs").json()["jobs"]) == 2 + len(taken)
        assert service.stop() == 0
