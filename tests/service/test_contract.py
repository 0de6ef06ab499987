"""The HTTP contract, line by line, against a running service."""

from __future__ import annotations

import gzip
import io
import json
import math
import socket
from http.client import HTTPResponse
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.running_service import FAST, SMALL, Service

Body = dict[str, Any]
ROW_FIELDS = {
    "day",
    "date",
    "plant",
    "application",
    "panel_size",
    "wip",
    "throughput",
    "cycle_time",
    "finished_goods",
    "semi_finished_goods",
    "littles_law_compliance",
}


def refusal(reply: Any, status: int) -> Body:
    body = reply.json()
    assert reply.status_code == status, body
    assert reply.headers["Content-Type"] == "application/json"
    assert body["success"] is False
    assert isinstance(body["error"], str) and body["error"]
    assert all({"field", "message", "received"} <= set(detail) for detail in body["details"])
    return body


def test_health_says_what_an_operator_wants(service: Service) -> None:
    service.wait_for_worker()
    body = service.get("/health").json()
    assert body["status"] == "healthy" and body["success"] is True
    assert {"timestamp", "version", "uptime_seconds", "models", "jobs_queued"} <= set(body)
    assert body["timestamp"].endswith("+00:00")
    assert body["workers_alive"] == 1


def test_generate_replies_with_a_preview_and_stores_the_whole(service: Service) -> None:
    reply = service.post("/api/data/generate", SMALL).json()
    assert reply["data_points"] == 480 and len(reply["data"]) == 100
    assert set(reply["data"][0]) >= ROW_FIELDS
    assert reply["summary"]["total_points"] == 480
    assert reply["summary"]["plants"] == SMALL["plants"]
    assert set(reply["summary"]["date_range"]) == {"start", "end"}
    again = service.post("/api/data/generate", SMALL).json()
    assert again["data"] == reply["data"] and again["dataset_id"] != reply["dataset_id"]


def test_generate_has_the_contracts_defaults(service: Service) -> None:
    reply = service.post("/api/data/generate").json()
    assert reply["data_points"] == 36 * 545
    assert reply["summary"]["plants"] == ["Plant_A", "Plant_B", "Plant_C"]


def test_generate_takes_both_spellings_and_null(service: Service) -> None:
    body = {"historicalDays": 30, "base_wip": 80, "noiseLevel": None}
    assert service.post("/api/data/generate", body).json()["data_points"] == 36 * 30


def test_generate_too_much_is_refused_with_the_limit(service: Service) -> None:
    body = {"plants": [f"p{i}" for i in range(1_000)], "historicalDays": 36_500}
    assert "10,000,000" in refusal(service.post("/api/data/generate", body), 413)["error"]


def test_train_replies_with_the_contracts_fields(trained: Body, dataset: Body) -> None:
    history = trained["training_history"]
    assert len(history["loss"]) == len(history["val_loss"]) == history["epochs"] == 2
    assert {"rmse", "mae", "r2_score"} <= set(trained["metrics"])
    assert set(trained["metrics"]["per_target"]) == {"wip", "throughput", "cycle_time"}
    summary = trained["model_summary"]
    assert summary["input_shape"] == [None, 10, 14] and summary["output_shape"] == [None, 84]
    assert summary["config"]["lstm_units_1"] == 4 and summary["config"]["batch_size"] == 32
    assert summary["total_params"] > 0 and summary["created_at"]
    assert trained["training_time"] > 0
    assert trained["dataset_id"] == dataset["dataset_id"]


def test_train_with_the_same_seed_gives_the_same_model(service: Service, trained: Body) -> None:
    body = FAST | {"datasetId": trained["dataset_id"], "seed": 5}
    first, second = (service.post("/api/model/train", body).json() for _ in range(2))
    assert first["training_history"] == second["training_history"]
    assert first["metrics"] == second["metrics"]
    ask = {"plant": "P 1", "application": "TV", "panelSize": "L"}
    forecasts = [
        service.post("/api/model/predict", ask | {"model_id": m["model_id"]}).json()["predictions"]
        for m in (first, second)
    ]
    assert forecasts[0] == forecasts[1]


def test_train_on_posted_rows_names_series_that_are_too_short(service: Service) -> None:
    rows = [
        {"day": i, "plant": "A", "application": "B", "panel_size": "C", "wip": 100 + i % 7,
         "throughput": 50 + i % 5}
        for i in range(80)
    ]  # fmt: skip
    short = [row | {"plant": "Short"} for row in rows[:9]]
    reply = service.post("/api/model/train", FAST | {"trainingData": rows + short}).json()
    assert "Short / B / C is left out" in reply["warnings"][0]
    assert reply["data_points"] == 89


def test_train_with_nothing_long_enough_leaves_nothing_behind(service: Service) -> None:
    before = service.get("/api/data").json()["datasets"]
    body = FAST | SMALL | {"historicalDays": 10}
    assert "sequenceLength" in refusal(service.post("/api/model/train", body), 422)["error"]
    assert service.get("/api/data").json()["datasets"] == before


def test_train_that_diverges_is_a_422(service: Service, dataset: Body) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"], "learningRate": 1, "epochs": 60}
    reply = service.post("/api/model/train", body)
    assert reply.status_code in (200, 422)  # it may just hold together; never NaN in a 200
    assert "NaN" not in reply.text


def test_models_are_listed_newest_first_with_details(service: Service, trained: Body) -> None:
    models = service.get("/api/models").json()["models"]
    assert trained["model_id"] in [m["model_id"] for m in models]
    created = [m["info"]["created_at"] for m in models]
    assert created == sorted(created, reverse=True)
    assert {"config", "metrics"} <= set(models[0]["info"])
    data = [entry["created_at"] for entry in service.get("/api/data").json()["datasets"]]
    path = f"/api/data/{trained['dataset_id']}"
    times = [*created, *data, service.get(path).json()["created_at"]]
    assert not any("." in time for time in [*times, trained["model_summary"]["created_at"]])
    details = service.get(f"/api/model/{trained['model_id']}").json()
    assert details["training_history"] == trained["training_history"]
    assert {"plant": "P 1", "application": "TV", "panel_size": "L"} in details["series"]


def test_predict_replies_day_by_day(service: Service, question: Body) -> None:
    reply = service.post("/api/model/predict", question).json()
    days = reply["predictions"]
    assert [day["day"] for day in days] == list(range(1, 31))
    assert days[0]["date"] == "2024-04-30"  # 120 days from 2024-01-01
    for day in days:
        values = [day[f"predicted_{name}"] for name in ("wip", "throughput", "cycle_time")]
        assert all(value >= 0 and math.isfinite(value) for value in values)
        assert 0 <= day["confidence"] <= 1
    confidence = [day["confidence"] for day in days]
    assert confidence == sorted(confidence, reverse=True)
    assert len({day["predicted_wip"] for day in days}) == 30
    for day in days:
        for target in ("wip", "throughput", "cycle_time"):
            bounds = [day[f"predicted_{target}_{b}"] for b in ("lo95", "lo80", "hi80", "hi95")]
            predicted = day[f"predicted_{target}"]
            assert 0 <= bounds[0] <= bounds[1] <= predicted <= bounds[2] <= bounds[3]
    assert reply["cold_start"] is False and reply["raw"] is False
    law = reply["little_law_analysis"]
    assert len(law["daily_compliance"]) == 30 == sum(law["analysis"].values())
    assert set(law["analysis"]) == {"excellent", "good", "fair", "poor"}
    assert law["average_compliance"] == pytest.approx(sum(law["daily_compliance"]) / 30)
    assert set(reply["validation"]) == {"is_valid", "warnings", "recommendations"}


def test_predict_depends_on_the_state(service: Service, question: Body) -> None:
    def first(**state: float) -> float:
        reply = service.post("/api/model/predict", question | state).json()
        return float(reply["predictions"][0]["predicted_wip"])

    assert len({first(), first(currentWIP=400), first(lastThroughput=10)}) == 3
    assert first(currentWIP=400) > first(currentWIP=100)


@pytest.mark.parametrize(("wanted", "reached"), [(1.0, True), (1e9, False)])
def test_predict_says_when_a_target_is_reached(
    service: Service, question: Body, wanted: float, reached: bool
) -> None:
    reply = service.post("/api/model/predict", question | {"targetProduction": wanted}).json()
    assert reply["target"]["reached"] is reached
    assert (reply["target"]["day"] == 1) is reached
    assert reply["validation"]["is_valid"] is reached or reached
    assert bool(reply["validation"]["recommendations"]) or reached


def test_predict_from_a_history(service: Service, question: Body) -> None:
    rows = [
        {"date": f"2024-05-{i + 1:02d}", "wip": 200, "throughput": 40, "cycle_time": 5}
        for i in range(12)
    ]
    reply = service.post("/api/model/predict", question | {"history": rows}).json()
    assert reply["predictions"][0]["date"] == "2024-05-13"
    assert abs(reply["predictions"][0]["predicted_wip"] - 200) < 60
    # Two rows that join on to the end of the training data are enough; a gap is not.
    two = [row | {"date": f"2024-04-{30}"} for row in rows[:1]]
    joined = service.post("/api/model/predict", question | {"history": two}).json()
    assert joined["predictions"][0]["date"] == "2024-05-01"
    refused = service.post("/api/model/predict", question | {"history": rows[:2]})
    assert "at least 10 rows" in refusal(refused, 422)["error"]


def test_train_by_preset_chooses_what_is_left_open(
    service: Service, dataset: dict[str, str]
) -> None:
    fast = {name: value for name, value in FAST.items() if name != "learningRate"}
    body = fast | {"datasetId": dataset["dataset_id"], "preset": "auto"}
    reply = service.post("/api/model/train", body).json()
    assert reply["model_summary"]["config"]["learning_rate"] == 0.001
    assert reply["model_summary"]["config"]["epochs"] == FAST["epochs"]
    info = service.get(f"/api/model/{reply['model_id']}").json()["info"]
    assert "learning_rate" in info["chosen_by_preset"] and "epochs" not in info["chosen_by_preset"]


def test_predict_raw_is_before_it_is_made_to_agree(service: Service, question: Body) -> None:
    raw = service.post("/api/model/predict", question | {"raw": True}).json()
    agreed = service.post("/api/model/predict", question).json()
    assert raw["raw"] is True
    assert raw["predictions"][9]["predicted_wip"] != agreed["predictions"][9]["predicted_wip"]


def test_predict_a_series_that_came_later(service: Service, question: Body) -> None:
    rows = [
        {"date": f"2024-06-{i + 1:02d}", "wip": 80 + i % 7, "throughput": 40 + i % 7}
        for i in range(20)
    ]
    new = question | {"plant": "Plant of tomorrow"}
    reply = service.post("/api/model/predict", new | {"history": rows}).json()
    assert reply["cold_start"] is True
    assert abs(reply["predictions"][0]["predicted_wip"] - 83) < 20
    refused = refusal(service.post("/api/model/predict", new), 422)["error"]
    assert "Wörk/2" in refused and "history" in refused


def test_predict_a_year(service: Service, question: Body) -> None:
    reply = service.post("/api/model/predict", question | {"predictionDays": 365}).json()
    assert len(reply["predictions"]) == 365
    assert reply["predictions"][-1]["confidence"] < reply["predictions"][0]["confidence"]


@pytest.mark.parametrize(
    ("field", "value", "known"),
    [("plant", "Mars", "P 1, Wörk/2"), ("panelSize", "XXL", '15.6", L')],
)
def test_predict_of_an_unknown_series_lists_the_known(
    service: Service, question: Body, field: str, value: str, known: str
) -> None:
    body = refusal(service.post("/api/model/predict", question | {field: value}), 422)
    assert known in body["error"] and body["details"][0]["field"] == field


@pytest.mark.parametrize(
    "id", ["00000000-0000-0000-0000-000000000000", "../../etc/passwd", "x" * 9999]
)
def test_predict_of_an_unknown_model_is_a_404(service: Service, question: Body, id: str) -> None:
    refusal(service.post("/api/model/predict", question | {"model_id": id}), 404)


@pytest.mark.parametrize(
    ("state", "valid", "score"),
    [
        ({"wip": 100, "throughput": 50, "cycleTime": 2}, True, 1.0),
        ({"wip": 200, "throughput": 50, "cycleTime": 2}, False, 0.5),
        ({"wip": 100, "throughput": 50}, True, 1.0),
    ],
)
def test_validate_judges_by_the_law(
    service: Service, state: Body, valid: bool, score: float
) -> None:
    found = service.post("/api/model/validate", state).json()["validation"]
    assert (found["is_valid"], found["compliance_score"]) == (valid, score)


def test_data_sets_are_listed_streamed_and_deleted(service: Service) -> None:
    made = service.post("/api/data/generate", SMALL | {"historicalDays": 40}).json()
    path = f"/api/data/{made['dataset_id']}"
    assert made["dataset_id"] in [
        d["dataset_id"] for d in service.get("/api/data").json()["datasets"]
    ]
    rows = service.get(path).json()["data"]
    assert len(rows) == 160 and rows[:100] == made["data"]
    assert service.get(path + "?format=csv").text.count("\n") == 161
    table = pq.read_table(io.BytesIO(service.get(path + "?format=parquet").content))
    assert table.num_rows == 160
    refusal(service.get(path + "?format=xml"), 422)
    assert service.call("DELETE", path).json()["success"] is True
    refusal(service.call("DELETE", path), 404)
    refusal(service.get(path), 404)


CSV = "date;plant;application;panel_size;wip;throughput;cycle_time\n" + "".join(
    f"2024-01-{d:02d};A;B;C;{100 + d},5;{50 + d};\n" for d in range(1, 31) if d not in (7, 8)
)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (CSV.encode(), "text/csv"),
        (b"\xef\xbb\xbf" + CSV.encode(), "text/csv"),
        (gzip.compress(CSV.encode()), "application/gzip"),
    ],
)
def test_upload_reports_what_it_found(service: Service, content: bytes, kind: str) -> None:
    reply = service.post("/api/data/upload", data=content, headers={"Content-Type": kind}).json()
    assert reply["data_points"] == 30
    assert reply["summary"]["step"] == "day"
    assert reply["quality"]["gaps"]["steps"] == 2
    assert reply["quality"]["blanks"] == {"wip": 0, "throughput": 0, "cycle_time": 28}
    rows = service.get(f"/api/data/{reply['dataset_id']}").json()["data"]
    assert rows[6]["wip"] == pytest.approx(107.5) and rows[6]["cycle_time"] is None


def test_upload_of_a_forms_file_and_of_rows(service: Service) -> None:
    form = service.post("/api/data/upload", files={"file": ("t.csv", CSV)})
    assert form.json()["data_points"] == 30
    rows = [{"date": "2024-01-01", "plant": "A", "application": "B", "panelSize": "C", "wip": 1,
             "throughput": 1}]  # fmt: skip
    assert service.post("/api/data/upload", rows).json()["data_points"] == 1


def test_upload_with_a_long_gap_names_series_and_dates(service: Service) -> None:
    lines = CSV.splitlines(keepends=True)
    content = "".join(lines[:3] + lines[12:])
    reply = service.post("/api/data/upload", data=content, headers={"Content-Type": "text/csv"})
    assert "A / B / C" in refusal(reply, 422)["error"] and "2024-01-02" in reply.text


def test_delete_is_final_in_every_process(service: Service, dataset: Body) -> None:
    model = service.post("/api/model/train", FAST | {"datasetId": dataset["dataset_id"]}).json()
    ask = {"model_id": model["model_id"], "plant": "P 1", "application": "TV", "panelSize": "L"}
    for _ in range(6):
        assert service.post("/api/model/predict", ask).status_code == 200
    assert "message" in service.call("DELETE", f"/api/model/{model['model_id']}").json()
    for _ in range(6):
        refusal(service.post("/api/model/predict", ask), 404)
    refusal(service.call("DELETE", f"/api/model/{model['model_id']}"), 404)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/model/train"), ("DELETE", "/api/model/x")]
)
def test_cors_preflight_of_the_configured_origin(service: Service, method: str, path: str) -> None:
    headers = {
        "Origin": "http://localhost:4200",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type",
    }
    reply = service.call("OPTIONS", path, headers=headers)
    assert reply.ok
    assert reply.headers["Access-Control-Allow-Origin"] == "http://localhost:4200"
    assert method in reply.headers["Access-Control-Allow-Methods"]
    assert "content-type" in reply.headers["Access-Control-Allow-Headers"].lower()
    other = service.get("/health", headers={"Origin": "http://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_request_ids_are_returned_and_logged(service: Service) -> None:
    reply = service.get("/health", headers={"X-Request-ID": "from-a-client-1"})
    assert reply.headers["X-Request-ID"] == "from-a-client-1"
    assert "from-a-client-1" in (service.folder / "log").read_text()
    assert (
        len(service.get("/health", headers={"X-Request-ID": "bad id\t"}).headers["X-Request-ID"])
        == 32
    )


def test_body_of_20_mb_is_a_413(service: Service) -> None:
    reply = service.post(
        "/api/model/train", data=b" " * 20_000_000, headers={"Content-Type": "application/json"}
    )
    assert "16 MB" in refusal(reply, 413)["error"]


def test_a_chunked_body_of_more_than_16_mb_is_a_413(service: Service) -> None:
    parts = (b" " * 1_000_000 for _ in range(18))  # nobody says beforehand how much it will be
    reply = service.post(
        "/api/model/validate", data=parts, headers={"Content-Type": "application/json"}
    )
    assert reply.status_code == 413 and "16 MB" in reply.json()["error"]


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /api/jobs?limit=\xc2\xb2 HTTP/1.1", 400),
        (b"GET /health HTTP/9", 400),
        (b"nonsense", 400),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1", 414),
        (b"GET /health HTTP/1.1\r\nX: " + b"a" * 9000, 431),
    ],
)
def test_what_is_no_proper_http_is_refused_in_json(
    service: Service, request_line: bytes, status: int
) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(request_line + b"\r\nHost: x\r\n\r\n")
        reply = HTTPResponse(client)
        reply.begin()
        body = json.loads(reply.read())
    assert reply.status == status
    assert reply.headers["Content-Type"] == "application/json"
    assert body["success"] is False and "HTTP" in body["error"] and body["details"] == []
