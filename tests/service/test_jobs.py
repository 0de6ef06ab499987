"""Jobs over HTTP: submitted, followed, cancelled; one idempotency key, one job."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import requests

from models.jobs.worker_jobs import WorkerJobs
from tests.support.running_service import (
    FAST,
    SMALL,
    Service,
    job_events,
    start_service,
    wait_until,
)
from tests.support.stores import visible_files

Body = dict[str, Any]
# Far more epochs than any test waits for: such a job ends by being cancelled only.
ENDLESS = FAST | {"epochs": 10_000, "background": True}
ENDED = ("succeeded", "failed", "cancelled")


@pytest.fixture
def endless(service: Service, dataset: Body) -> Iterator[str]:
    """A job that trains until it is cancelled."""
    id = service.submit(ENDLESS | {"datasetId": dataset["dataset_id"]})
    service.wait_for_epoch(id)
    yield id
    service.call("DELETE", f"/api/jobs/{id}")
    service.wait_for(id, *ENDED)


@pytest.mark.parametrize("way", ["body", "header"])
def test_background_train_is_a_202_that_leads_to_a_model(
    service: Service, dataset: Body, way: str
) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"]}
    headers = {"Prefer": "respond-async, wait=10"} if way == "header" else {}
    body |= {"background": True} if way == "body" else {}
    reply = service.post("/api/model/train", body, headers=headers)
    assert reply.status_code == 202
    id, url = reply.json()["job_id"], reply.json()["status_url"]
    assert reply.headers["Location"] == url == f"/api/jobs/{id}"
    assert int(reply.headers["Retry-After"]) > 0
    assert ("Preference-Applied" in reply.headers) == (way == "header")
    ended = service.wait_for(id, "succeeded")
    assert ended["model_id"] == id and ended["error"] is None
    assert ended["progress"]["epoch"] == ended["progress"]["epochs"] == 2
    assert ended["queued_at"] <= ended["started_at"] <= ended["ended_at"]
    assert service.get(f"/api/model/{id}").status_code == 200


def test_a_plain_train_is_the_same_job(service: Service, trained: Body) -> None:
    found = service.job(trained["model_id"])
    assert found["status"] == "succeeded" and found["model_id"] == trained["model_id"]
    last = found["progress"]
    history = trained["training_history"]
    assert [last["loss"], last["val_loss"]] == [history["loss"][-1], history["val_loss"][-1]]


def test_progress_has_the_errors_of_the_network_and_the_metrics_those_of_the_combination(
    service: Service, trained: Body
) -> None:
    last, measured = service.job(trained["model_id"])["progress"], trained["metrics"]
    assert 0 < measured["mae"] < 1.05 * last["mae"] and last["r2_score"] < 1
    assert last["eta_seconds"] == 0 < last["seconds"]


def test_a_client_that_hangs_up_does_not_end_the_job(service: Service, dataset: Body) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"], "epochs": 40}
    key = {"Idempotency-Key": str(uuid4())}
    with requests.Session() as client, pytest.raises(requests.Timeout):
        client.post(f"{service.url}/api/model/train", json=body, headers=key, timeout=0.5)
    again = service.post("/api/model/train", body, headers=key)
    assert again.status_code == 200
    assert service.job(again.json()["model_id"])["tries"] == 1


def test_jobs_are_listed_newest_first_and_by_status(
    service: Service, dataset: Body, endless: str
) -> None:
    waiting = [service.submit(ENDLESS | {"datasetId": dataset["dataset_id"]}) for _ in range(2)]
    listed = service.get("/api/jobs").json()["jobs"]
    assert [each["job_id"] for each in listed[:3]] == [*reversed(waiting), endless]
    queued = service.get("/api/jobs?status=queued").json()["jobs"]
    assert [each["job_id"] for each in queued] == [*reversed(waiting)]
    assert all(each["progress"] is None and each["started_at"] is None for each in queued)
    second = service.get("/api/jobs?limit=1&offset=1").json()["jobs"]
    assert [each["job_id"] for each in second] == [waiting[0]]
    for id in waiting:
        service.call("DELETE", f"/api/jobs/{id}")


@pytest.mark.parametrize("sort", ["-queued_at", "queued_at"])
def test_each_job_is_on_one_page(service: Service, trained: Body, sort: str) -> None:
    whole = service.get(f"/api/jobs?limit=1000&sort={sort}").json()
    found, cursor = [], ""
    while cursor is not None:
        page = service.get(f"/api/jobs?limit=2&sort={sort}{cursor and '&cursor=' + cursor}").json()
        found += [job["job_id"] for job in page["jobs"]]
        assert page["total"] == whole["total"]
        cursor = page["next_cursor"]
    assert found == [job["job_id"] for job in whole["jobs"]]
    assert trained["model_id"] in found and len(found) == whole["total"]


def test_jobs_are_found_by_id_and_by_what_they_were_asked_to_do(
    service: Service, trained: Body
) -> None:
    for text in (trained["model_id"][:13], trained["dataset_id"].upper()):
        found = service.get(f"/api/jobs?q={text}").json()
        assert trained["model_id"] in [job["job_id"] for job in found["jobs"]]
    assert service.get("/api/jobs?q=%25_%25").json()["total"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=done", "status"),
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("limit=--5", "limit"),
        ("offset=" + "9" * 999, "offset"),
        ("page=2", "page"),
    ],
)
def test_a_query_that_breaks_a_rule_is_a_422(service: Service, query: str, field: str) -> None:
    reply = service.get(f"/api/jobs?{query}")
    assert reply.status_code == 422 and reply.json()["details"][0]["field"] == field


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/jobs/{}"), ("GET", "/api/jobs/{}/events"), ("DELETE", "/api/jobs/{}")],
)
@pytest.mark.parametrize("id", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_job_is_a_404(service: Service, method: str, path: str, id: str) -> None:
    reply = service.call(method, path.format(id))
    assert reply.status_code == 404 and reply.json()["success"] is False


# --- events -----------------------------------------------------------------------------------


def test_events_have_every_epoch_and_every_change_of_status(
    service: Service, dataset: Body
) -> None:
    id = service.submit(FAST | {"datasetId": dataset["dataset_id"], "background": True,
                                  "epochs": 5})  # fmt: skip
    events = list(job_events(service, id))
    assert [event.id for event in events] == [*map(str, range(7)), "end"]
    assert [event.event for event in events] == ["status"] * 2 + ["epoch"] * 5 + ["status"]
    fields = [json.loads(event.data) for event in events]
    assert [each["epoch"] for each in fields[2:-1]] == [1, 2, 3, 4, 5]
    assert set(fields[2]) >= {"epochs", "loss", "val_loss", "mae", "r2_score", "seconds",
                            "eta_seconds"}  # fmt: skip
    statuses = [fields[0]["status"], fields[1]["status"], fields[-1]["status"]]
    assert statuses == ["queued", "running", "succeeded"]
    assert fields[-1]["model_id"] == id
    for seen in range(7):
        rest = list(job_events(service, id, last_id=str(seen)))
        assert [event.id for event in rest] == [event.id for event in events[seen + 1 :]]


def test_events_come_while_the_job_runs_and_end_as_it_ends(service: Service, endless: str) -> None:
    stream = job_events(service, endless)
    seen = [next(stream) for _ in range(5)]
    assert service.job(endless)["status"] == "running"
    service.call("DELETE", f"/api/jobs/{endless}")
    *_, last = stream
    assert json.loads(last.data)["status"] == "cancelled"
    assert [event.id for event in seen] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("last_id", ["-3", "x", "9" * 12, "9" * 30, "9" * 5000])
def test_an_unknown_event_id_resumes_nothing(service: Service, endless: str, last_id: str) -> None:
    # Several, for each of the web processes to have met it.
    for _ in range(4):
        stream = job_events(service, endless, last_id)
        assert [next(stream).id for _ in range(3)] == ["0", "1", "2"]
        stream.close()


def test_a_stream_that_is_over_is_a_204(service: Service, trained: Body) -> None:
    url = f"/api/jobs/{trained['model_id']}/events"
    assert service.get(url, headers={"Last-Event-ID": "end"}).status_code == 204


def test_a_failed_job_has_one_sentence_as_its_error(service: Service, dataset: Body) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"], "sequenceLength": 300, "background": True}
    id = service.submit(body)
    ended = service.wait_for(id, "failed")
    assert "sequenceLength" in ended["error"] and ended["model_id"] is None
    *_, last = job_events(service, id)
    assert json.loads(last.data)["error"] == ended["error"]
    assert service.post("/api/model/train", body | {"background": False}).status_code == 422


@pytest.mark.long
def test_streams_are_bounded_and_leave_threads_for_requests(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    running = start_service(
        tmp_path_factory.mktemp("streams"), WEB_PROCESSES="1", MAX_STREAMS="3", WEB_THREADS="8",
        MAX_WAITING="1",
    )  # fmt: skip
    running.wait_for_worker()
    id = running.submit(ENDLESS | SMALL)
    streams = [job_events(running, id) for _ in range(3)]
    firsts = [next(stream) for stream in streams]
    assert {event.id for event in firsts} == {"0"}
    refused = running.get(f"/api/jobs/{id}/events")
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
    assert "MAX_STREAMS" in refused.json()["error"]
    for _ in range(20):
        assert running.get("/health").status_code == 200
    for _ in range(5):  # opened and never read
        assert running.call("HEAD", f"/api/jobs/{id}/events").status_code in (200, 503)
    streams[0].close()  # a client that leaves gives its place back

    def is_served() -> bool:
        with running.get(f"/api/jobs/{id}/events", stream=True) as reply:
            return reply.status_code == 200

    wait_until(is_served)
    for stream in streams[1:]:
        stream.close()
    running.stop()


# --- cancelling -------------------------------------------------------------------------------


def left_of(service: Service, id: str) -> list[str]:
    models, data = service.folder / "models", service.folder / "data"
    data_id = service.job(id)["dataset_id"]
    return [p.name for p in [*visible_files(models), *visible_files(data)] if id in p.name
            or data_id in p.name]  # fmt: skip


def test_cancel_ends_a_running_job_and_leaves_nothing(service: Service) -> None:
    id = service.submit(ENDLESS | SMALL)
    service.wait_for_epoch(id, 3)
    assert service.call("DELETE", f"/api/jobs/{id}").status_code == 200
    assert service.job(id)["status"] == "cancelled"
    wait_until(lambda: f"job cancelled [worker] job_id={id}" in (service.folder / "log").read_text()
               or left_of(service, id) == [])  # fmt: skip
    assert left_of(service, id) == []
    assert service.get(f"/api/model/{id}").status_code == 404
    assert service.call("DELETE", f"/api/jobs/{id}").status_code == 200  # once more, the same


@pytest.mark.long
def test_cancel_stops_a_batch_that_takes_minutes(service: Service, dataset: Body) -> None:
    large = {"lstmUnits1": 512, "lstmUnits2": 512, "sequenceLength": 80, "batchSize": 256}
    id = service.submit(ENDLESS | SMALL | large | {"historicalDays": 545})
    begun = f"starting training [worker] job_id={id}"
    wait_until(lambda: begun in (service.folder / "log").read_text())
    time.sleep(5)  # to be in the middle of it
    assert service.call("DELETE", f"/api/jobs/{id}").status_code == 200
    next_one = service.submit(FAST | {"datasetId": dataset["dataset_id"]})
    assert service.wait_for(next_one, "succeeded")["tries"] == 1
    assert service.job(id)["status"] == "cancelled" and left_of(service, id) == []


def test_cancel_of_a_queued_job_leaves_nothing_and_the_next_one_runs(
    service: Service, dataset: Body, endless: str
) -> None:
    waiting = service.submit(ENDLESS | SMALL)
    assert left_of(service, waiting) != []
    assert service.call("DELETE", f"/api/jobs/{waiting}").status_code == 200
    assert service.job(waiting)["started_at"] is None
    assert left_of(service, waiting) == []
    third = service.submit(FAST | {"datasetId": dataset["dataset_id"], "background": True})
    service.call("DELETE", f"/api/jobs/{endless}")
    service.wait_for(third, "succeeded")


def test_cancel_frees_a_plain_train_that_waits(service: Service, dataset: Body) -> None:
    body = {k: v for k, v in ENDLESS.items() if k != "background"}
    key = {"Idempotency-Key": str(uuid4())}
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(service.post, "/api/model/train",
                            body | {"datasetId": dataset["dataset_id"]}, headers=key)  # fmt: skip
        wait_until(lambda: service.get("/api/jobs?status=running").json()["jobs"])
        id = service.get("/api/jobs?status=running").json()["jobs"][0]["job_id"]
        service.call("DELETE", f"/api/jobs/{id}")
        reply = waits.result()
    assert reply.status_code == 409 and "cancelled" in reply.json()["error"]


def test_cancel_of_a_job_that_has_ended_is_a_409(service: Service, trained: Body) -> None:
    reply = service.call("DELETE", f"/api/jobs/{trained['model_id']}")
    assert reply.status_code == 409 and "succeeded" in reply.json()["error"]
    assert service.get(f"/api/model/{trained['model_id']}").status_code == 200


@pytest.mark.long
def test_cancelling_and_publishing_never_both_happen(service: Service, dataset: Body) -> None:
    """Cancelled at any moment of its end, a job has a model exactly if it succeeded."""
    body = FAST | {"datasetId": dataset["dataset_id"], "background": True, "epochs": 1}
    for wait in (0.0, 0.7, 1.4):
        id = service.submit(body)
        service.wait_for_epoch(id)
        time.sleep(wait)
        cancelled = service.call("DELETE", f"/api/jobs/{id}").status_code
        ended = service.wait_for(id, *ENDED)
        assert ended["status"] == ("cancelled" if cancelled == 200 else "succeeded")
        published = service.get(f"/api/model/{id}").status_code == 200
        assert published == (ended["status"] == "succeeded")


# --- Idempotency-Key --------------------------------------------------------------------------


def test_one_idempotency_key_gives_one_job(service: Service) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    body = FAST | SMALL | {"background": True}
    body.pop("seed")
    with ThreadPoolExecutor(4) as pool:
        replies = list(
            pool.map(lambda _: service.post("/api/model/train", body, headers=key), range(4))
        )
    assert len({reply.json()["job_id"] for reply in replies}) == 1
    waited = service.post("/api/model/train", body | {"background": False}, headers=key)
    assert waited.json()["model_id"] == replies[0].json()["job_id"]
    other = service.post("/api/model/train", body | {"epochs": 3}, headers=key)
    assert other.status_code == 422
    assert other.json()["details"][0]["field"] == "Idempotency-Key"


def test_one_idempotency_key_gives_one_data_set(service: Service) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    body = {"historicalDays": 3}
    replies = [service.post("/api/data/generate", body, headers=key).json() for _ in range(2)]
    assert replies[0] == replies[1]
    fresh = service.post("/api/data/generate", body).json()
    assert fresh["dataset_id"] != replies[0]["dataset_id"]
    other = service.post("/api/data/generate", {"historicalDays": 4}, headers=key)
    assert other.status_code == 422


def forget_jobs(service: Service, *ids: str) -> None:
    """Delete jobs as a worker does when they are old."""
    jobs = WorkerJobs(f"sqlite:///{service.folder / 'jobs.sqlite'}")
    jobs.delete(list(ids))
    jobs.engine.dispose()


def test_an_idempotency_key_of_a_forgotten_job_gives_its_model_to_the_same_body_only(
    service: Service, dataset: Body
) -> None:
    key, body = {"Idempotency-Key": str(uuid4())}, FAST | {"datasetId": dataset["dataset_id"]}
    first = service.post("/api/model/train", body, headers=key).json()["model_id"]
    forget_jobs(service, first)
    assert service.post("/api/model/train", body | {"seed": 1}, headers=key).status_code == 422
    again = service.post("/api/model/train", body, headers=key)
    assert again.status_code == 200 and again.json()["model_id"] == first


def test_after_a_delete_the_same_idempotency_key_trains_anew(
    service: Service, dataset: Body
) -> None:
    key, body = {"Idempotency-Key": str(uuid4())}, FAST | {"datasetId": dataset["dataset_id"]}
    first = service.post("/api/model/train", body, headers=key).json()["model_id"]
    assert service.call("DELETE", f"/api/model/{first}").ok
    second = service.post("/api/model/train", body, headers=key)
    assert second.status_code == 200 and second.json()["model_id"] != first
    assert service.get(f"/api/model/{first}").status_code == 404


def test_one_idempotency_key_gives_one_upload_one_group_and_one_compression(
    service: Service, dataset: Body, trained: Body
) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    csv = key | {"Content-Type": "text/csv"}
    table = "date,plant,application,panel_size,wip,throughput\n" + "".join(
        f"2024-01-{day:02},A,B,C,{100 + day},50\n" for day in range(1, 30)
    )
    with ThreadPoolExecutor(4) as pool:
        sent = [
            pool.submit(service.post, "/api/data/upload", data=table, headers=csv) for _ in "1234"
        ]
        replies = [each.result().json() for each in sent]
    assert len({reply["dataset_id"] for reply in replies}) == 1
    other = service.post("/api/data/upload", data=table.replace("101", "102"), headers=csv)
    assert other.status_code == 422
    group = FAST | {"datasetId": dataset["dataset_id"], "background": True}
    path = "/api/model/train/parallel/plants"
    jobs = [service.post(path, group, headers=key).json()["jobs"] for _ in range(2)]
    assert jobs[0] == jobs[1] and len(jobs[0]) == 2
    assert service.post(path, group | {"epochs": 3}, headers=key).status_code == 422
    path = f"/api/model/{trained['model_id']}/compress"
    assert service.post(path, {}, headers=key).json() == service.post(path, {}, headers=key).json()
    assert service.post(path, {"serves": "float32"}, headers=key).status_code == 422


def test_an_idempotency_key_is_refused_where_it_has_no_effect(
    service: Service, question: Body
) -> None:
    refused = service.post("/api/model/predict", question, headers={"Idempotency-Key": "k"})
    assert refused.status_code == 422 and "must be left out" in refused.json()["error"]


@pytest.mark.parametrize("key", ["", "x" * 256, "ä"])
def test_an_idempotency_key_that_breaks_its_rule_is_a_422(service: Service, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}
    reply = service.post("/api/data/generate", {"historicalDays": 3}, headers=headers)
    assert reply.status_code == 422 and "Idempotency-Key" in reply.json()["error"]


# --- a model per plant ------------------------------------------------------------------------


def test_parallel_plants_gives_a_model_of_each(service: Service, dataset: Body) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"]}
    reply = service.post("/api/model/train/parallel/plants", body).json()
    assert reply["total_plants"] == reply["successful_plants"] == 2
    assert reply["failed_plants"] == [] and reply["training_time"] > 0
    assert reply["average_time_per_plant"] > 0
    for plant, result in reply["plant_results"].items():
        model = service.get(f"/api/model/{result['model_id']}").json()
        assert (
            {series["plant"] for series in model["series"]} == {plant} == {model["info"]["plant"]}
        )
        assert result["success"] and result["data_points"] == dataset["data_points"] / 2
        assert service.job(result["model_id"])["plant"] == plant


def test_parallel_plants_that_fail_do_not_fail_the_others(service: Service) -> None:
    rows = [
        {"day": day, "plant": plant, "application": "A", "panel_size": "S", "wip": 10 + day % 3,
         "throughput": 5 + day % 2}
        for plant, days in (("long", 60), ("short", 3)) for day in range(days)
    ]  # fmt: skip
    body = FAST | {"trainingData": rows, "plants": ["long", "short"]}
    reply = service.post("/api/model/train/parallel/plants", body).json()
    assert reply["success"] is True and reply["failed_plants"] == ["short"]
    assert reply["plant_results"]["long"]["success"] is True
    assert "sequenceLength" in reply["plant_results"]["short"]["error"]


def test_parallel_plants_of_unknown_plants_is_a_422(service: Service, dataset: Body) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"], "plants": ["P 1", "Mars"]}
    reply = service.post("/api/model/train/parallel/plants", body)
    assert reply.status_code == 422 and "Mars" in reply.text and "P 1" in reply.json()["error"]


def test_a_single_model_does_not_wait_for_a_group(service: Service, dataset: Body) -> None:
    many = [f"p{i}" for i in range(12)]
    group = service.post(
        "/api/model/train/parallel/plants",
        FAST | {"plants": many, "applications": ["A"], "panelSizes": ["S"], "historicalDays": 60,
                "background": True},
    )  # fmt: skip
    assert group.status_code == 202 and len(group.json()["jobs"]) == 12
    reply = service.post("/api/model/train", FAST | {"datasetId": dataset["dataset_id"]})
    assert reply.status_code == 200
    states = [service.job(id)["status"] for id in group.json()["jobs"].values()]
    assert states.count("queued") > 6
    cancelling = [
        threading.Thread(target=service.call, args=("DELETE", f"/api/jobs/{id}"))
        for id in group.json()["jobs"].values()
    ]
    for each in cancelling:
        each.start()
    for each in cancelling:
        each.join()
    for id in group.json()["jobs"].values():
        service.wait_for(id, *ENDED)
