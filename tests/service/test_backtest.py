"""Backtests over HTTP: scores against plain loops over replies of `predict`, and their progress."""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.support.running_service import FAST, SMALL, Service, job_events, wait_until
from tests.support.stores import visible_files

Body = dict[str, Any]
TARGETS = ("wip", "throughput", "cycle_time")
ASK = {"origins": 4, "horizon": 9}
NOBODY = "00000000-0000-0000-0000-000000000000"
# Far more roll-outs than any test waits for: such a backtest ends by being cancelled.
ENDLESS = {"origins": 200, "horizon": 365, "includeTraining": True, "background": True}


def strict(text: str) -> Body:
    return json.loads(text, parse_constant=lambda c: pytest.fail(c))


def path_of(model: Body) -> str:
    return f"/api/model/{model['model_id']}/backtest"


@pytest.fixture(scope="module")
def report(service: Service, trained: Body) -> Body:
    """A backtest of the model on the data that it was trained on."""
    reply = service.post(path_of(trained), ASK)
    assert reply.status_code == 200, reply.text
    return strict(reply.text)


def rows_of(service: Service, dataset_id: str) -> dict[tuple[str, ...], list[Body]]:
    """The rows of a data set, by series."""
    found: dict[tuple[str, ...], list[Body]] = {}
    for row in service.get(f"/api/data/{dataset_id}").json()["data"]:
        found.setdefault((row["plant"], row["application"], row["panel_size"]), []).append(row)
    return found


def predicted(
    service: Service, model: Body, key: tuple[str, ...], past: list[Body], days: int
) -> Any:
    """Return the forecast of the model from some rows of a series."""
    names = dict(zip(("plant", "application", "panelSize"), key, strict=True))
    history = [{name: row[name] for name in ("date", *TARGETS)} for row in past]
    body = names | {"model_id": model["model_id"], "history": history, "predictionDays": days}
    reply = service.post("/api/model/predict", body)
    assert reply.status_code == 200, reply.text
    return reply.json()["predictions"]


# --- the figures ------------------------------------------------------------------------------


def test_figures_are_those_of_plain_loops_over_predict(
    service: Service, trained: Body, report: Body
) -> None:
    series = rows_of(service, report["dataset_id"])
    dates = [row["date"] for row in next(iter(series.values()))]
    origins = [dates.index(each["date"]) + 1 for each in report["origins"]]
    horizon, season, landed, stated = report["horizon"], 7, 0, 0.0
    sums = {target: defaultdict(float) for target in TARGETS}
    for key, rows in series.items():
        for origin in origins:
            output = predicted(service, trained, key, rows[:origin], horizon)
            for h, row in enumerate(rows[origin : origin + horizon]):
                stated += 3 * output[h]["confidence"]
                for target in TARGETS:
                    true, forecast = row[target], output[h][f"predicted_{target}"]
                    early = [r[target] for r in rows[: origins[0]]]
                    steps = [abs(b - a) for a, b in zip(early, early[season:], strict=False)]
                    low, high = (output[h][f"predicted_{target}_{end}80"] for end in ("lo", "hi"))
                    missed = max(low - true, 0) + max(true - high, 0)
                    own = sums[target]
                    own["n"] += 1
                    own["size"] += true
                    own["signed"] += forecast - true
                    own["off"] += abs(forecast - true)
                    own["scaled"] += abs(forecast - true) / (sum(steps) / len(steps))
                    own["last"] += abs(rows[origin - 1][target] - true)
                    own["seasonal"] += abs(rows[origin - season + h % season][target] - true)
                    own["in80"] += missed == 0
                    own["in95"] += (output[h][f"predicted_{target}_lo95"] <= true
                                    <= output[h][f"predicted_{target}_hi95"])  # fmt: skip
                    own["winkler80"] += high - low + 10 * missed
                    landed += abs(forecast - true) <= 0.2 * true
    for target, own in sums.items():
        found = report["per_target"][target]["overall"]
        assert found["count"] == own["n"] == 4 * 4 * 9
        wanted = {
            "wape": own["off"] / own["size"],
            "mase": own["scaled"] / own["n"],
            "bias": own["signed"] / own["size"],
            "coverage_80": own["in80"] / own["n"],
            "coverage_95": own["in95"] / own["n"],
            "winkler_80": own["winkler80"] / own["size"],
            "skill_over_last_value": 1 - own["off"] / own["last"],
            "skill_over_seasonal_naive": 1 - own["off"] / own["seasonal"],
        }
        assert {name: found[name] for name in wanted} == pytest.approx(wanted, rel=1e-4, abs=1e-6)
        assert found["last_value"]["wape"] == pytest.approx(own["last"] / own["size"])
        assert found["seasonal_naive"]["wape"] == pytest.approx(own["seasonal"] / own["size"])
    bins = report["confidence"]
    assert sum(each["count"] for each in bins) == 3 * 4 * 4 * 9
    assert sum(each["count"] * each["landed"] for each in bins) == pytest.approx(landed)
    assert sum(each["count"] * each["stated"] for each in bins) == pytest.approx(stated, rel=1e-3)


def test_horizons_parts_and_series_add_up_to_the_whole(report: Body) -> None:
    for target in TARGETS:
        whole, by_horizon = (report["per_target"][target][n] for n in ("overall", "by_horizon"))
        assert [each["step"] for each in by_horizon] == list(range(1, 10))
        assert sum(each["count"] for each in by_horizon) == whole["count"]
        parts = [part["per_target"][target] for part in report["parts"].values()]
        assert sum(part["count"] for part in parts) == whole["count"]
        for name in ("coverage_80", "coverage_95"):
            covered = sum(each["count"] * each[name] for each in by_horizon)
            assert covered == pytest.approx(whole["count"] * whole[name])
            covered = sum(part["count"] * part[name] for part in parts)
            assert covered == pytest.approx(whole["count"] * whole[name])
    assert report["series_count"] == len(report["series"]) == 4
    assert all(each["origins"] == 4 and not each["cold_start"] for each in report["series"])
    wapes = [each["per_target"]["wip"]["wape"] for each in report["series"]]
    assert wapes == sorted(wapes, reverse=True)


def test_the_parts_that_the_model_has_used_are_stated(
    service: Service, trained: Body, dataset: Body, report: Body
) -> None:
    """Of 120 days the last 24 are held back, and the last 12 of those calibrate."""
    last = date(2024, 4, 29)
    for each in report["origins"]:
        ahead = (last - date.fromisoformat(each["date"])).days
        assert each["part"] == ("judged" if ahead > 12 else "calibration")
        assert 9 <= ahead <= 24 and each["series"] == 4
    assert {"judged", "calibration"} == set(report["parts"])
    assert "has used in part (judged and calibration" in report["warnings"][0]
    every = service.post(path_of(trained), ASK | {"includeTraining": True, "origins": 12}).json()
    parts = [each["part"] for each in every["origins"]]
    assert parts[0] == "training" and parts == sorted(parts, key=["training", "judged",
                                                                  "calibration"].index)  # fmt: skip
    longer = service.post("/api/data/generate", SMALL | {"historicalDays": 150}).json()
    body = ASK | {"datasetId": longer["dataset_id"], "step": 10}
    newer = service.post(path_of(trained), body).json()
    assert newer["dataset_id"] == longer["dataset_id"]
    dates = [date.fromisoformat(each["date"]) for each in newer["origins"]]
    assert dates == [last + timedelta(days=21 - back) for back in (30, 20, 10, 0)]
    assert [each["part"] for each in newer["origins"]] == ["calibration", "new", "new", "new"]


def test_a_series_that_the_model_does_not_know_is_forecast_as_predict_does(
    service: Service, trained: Body, dataset: Body
) -> None:
    known = rows_of(service, dataset["dataset_id"])
    old = known["P 1", "TV", "L"]
    fields = ("date", "application", "panel_size", *TARGETS)
    rows = [{name: row[name] for name in fields} | {"plant": "New"} for row in old]
    both = rows + [{name: row[name] for name in (*fields, "plant")} for row in old]
    made = service.post("/api/data/upload", both).json()
    body = ASK | {"datasetId": made["dataset_id"], "origins": 1}
    found = service.post(path_of(trained), body | {"plant": "New"}).json()
    assert [each["cold_start"] for each in found["series"]] == [True]
    shared = "New / TV / L: forecast by the coefficients that all series share"
    assert shared in found["warnings"][0]
    path = found["plot"][0]["forecasts"][0]
    past = [row for row in old if row["date"] <= path["origin"]]
    output = predicted(service, trained, ("New", "TV", "L"), past, 9)
    for name, field in (("forecast", ""), ("lo80", "_lo80"), ("hi95", "_hi95")):
        wanted = [day[f"predicted_wip{field}"] for day in output]
        assert path["per_target"]["wip"][name] == pytest.approx(wanted, rel=1e-4)
    # Side by side with one that it knows.
    pair = service.post(path_of(trained), body).json()
    assert {each["plant"]: each["cold_start"] for each in pair["series"]} == {
        "New": True, "P 1": False}  # fmt: skip
    new = next(each for each in pair["plot"] if each["plant"] == "New")
    assert new["forecasts"][0] == path


def test_the_plot_shows_what_came_and_forecasts_that_do_not_overlap(
    service: Service, report: Body
) -> None:
    series = rows_of(service, report["dataset_id"])
    assert 1 <= len(report["plot"]) <= 3
    for each in report["plot"]:
        rows = {
            r["date"]: r for r in series[each["plant"], each["application"], each["panel_size"]]
        }
        for target in TARGETS:
            wanted = [rows[day][target] for day in each["dates"]]
            assert each["actual"][target] == pytest.approx(wanted, abs=1e-6)
        last = ""
        for path in each["forecasts"]:
            assert last < path["dates"][0] and path["origin"] < path["dates"][0]
            last = path["dates"][-1]
            assert len(path["dates"]) == 9 and set(path["dates"]) <= set(each["dates"])
            for target, output in path["per_target"].items():
                assert output["last_value"] == pytest.approx(rows[path["origin"]][target], abs=1e-6)
                ends = (output[name] for name in ("lo95", "lo80", "forecast", "hi80", "hi95"))
                assert all(sorted(day) == list(day) for day in zip(*ends, strict=True))


def test_the_same_again_gives_the_same(service: Service, trained: Body, report: Body) -> None:
    again = service.post(path_of(trained), ASK).json()
    own = ("job_id", "created_at", "seconds")
    assert {k: v for k, v in again.items() if k not in own} == {
        k: v for k, v in report.items() if k not in own
    }


# --- its story --------------------------------------------------------------------------------


def test_a_result_is_read_again_and_drawn(service: Service, trained: Body, report: Body) -> None:
    url = f"{path_of(trained)}/{report['job_id']}"
    assert strict(service.get(url).text) == report
    picture = service.get(f"{url}?format=png")
    assert picture.headers["Content-Type"] == "image/png"
    width, height = struct.unpack(">II", picture.content[16:24])
    assert picture.content[1:4] == b"PNG" and width >= 1200 and height >= 400
    refused = service.get(f"{url}?format=xml")
    assert refused.status_code == 422 and "json or png" in refused.json()["error"]
    stored = service.folder / "models" / "backtests" / f"{report['job_id']}.json"
    assert set(json.loads(stored.read_text())["files"]) == {
        f"{report['job_id']}.png", f"{report['job_id']}.result"}  # fmt: skip


@pytest.mark.parametrize("way", ["body", "header"])
def test_a_background_backtest_is_a_202_that_leads_to_a_result(
    service: Service, trained: Body, way: str
) -> None:
    headers = {"Prefer": "respond-async"} if way == "header" else {}
    body = ASK | ({"background": True} if way == "body" else {})
    reply = service.post(path_of(trained), body, headers=headers)
    assert reply.status_code == 202 and int(reply.headers["Retry-After"]) > 0
    id, url = reply.json()["job_id"], reply.json()["status_url"]
    assert reply.headers["Location"] == url == f"/api/jobs/{id}"
    events = [json.loads(event.data) for event in job_events(service, id)]
    assert [event["status"] for event in events[:2]] == ["queued", "running"]
    shares = [event["progress"]["share"] for event in events[2:-1]]
    assert shares == sorted(shares) and shares[-1] == 1
    assert events[-2]["progress"]["origins_done"] == events[-2]["progress"]["origins"] == 4
    job = service.job(id)
    assert (job["kind"], job["status"]) == ("backtest", "succeeded")
    assert job["model_id"] == trained["model_id"] == events[-1]["model_id"]
    assert job["result_url"] == events[-1]["result_url"] == f"{path_of(trained)}/{id}"
    assert job["progress"]["share"] == 1 and job["config"]["horizon"] == 9
    assert service.get(job["result_url"]).json()["job_id"] == id


def test_jobs_are_listed_by_kind(service: Service, report: Body) -> None:
    kinds = {
        kind: {each["kind"] for each in service.get(f"/api/jobs?kind={kind}").json()["jobs"]}
        for kind in ("train", "backtest")
    }
    assert kinds == {"train": {"train"}, "backtest": {"backtest"}}
    every = service.get("/api/jobs?limit=1000").json()["jobs"]
    assert {"train", "backtest"} == {each["kind"] for each in every}
    trainings = [each for each in every if each["kind"] == "train"]
    counted = [line for line in service.get("/metrics").text.splitlines()
               if line.startswith("lstm_jobs{")]  # fmt: skip
    assert sum(float(line.split()[-1]) for line in counted) == len(trainings)


@pytest.mark.long
def test_backtests_leave_the_training_log_alone(service: Service, trained: Body) -> None:
    before = service.get("/api/training/logs").json()["logs"]
    for _ in range(3):
        service.post(path_of(trained), ASK | {"origins": 40, "includeTraining": True})
    assert service.get("/api/training/logs").json()["logs"] == before != []


@pytest.mark.long
def test_a_backtest_does_not_wait_for_a_training(
    service: Service, trained: Body, dataset: Body
) -> None:
    id = service.submit(FAST | {"datasetId": dataset["dataset_id"], "epochs": 10_000})
    service.wait_for_epoch(id)
    assert service.post(path_of(trained), ASK).status_code == 200
    assert service.job(id)["status"] == "running"
    service.call("DELETE", f"/api/jobs/{id}")
    service.wait_for(id, "cancelled")


def test_cancel_ends_a_running_backtest_and_leaves_nothing(service: Service, trained: Body) -> None:
    data = service.post("/api/data/generate").json()["dataset_id"]
    ask = ENDLESS | {"datasetId": data}
    ids = [service.post(path_of(trained), ask).json()["job_id"]]
    wait_until(lambda: (service.job(ids[0])["progress"] or {}).get("share", 0) > 0)
    ids.append(service.post(path_of(trained), ask).json()["job_id"])
    assert service.job(ids[1])["status"] == "queued"
    for id in reversed(ids):
        assert service.call("DELETE", f"/api/jobs/{id}").status_code == 200
        assert service.job(id)["status"] == "cancelled" and not service.job(id)["result_url"]
        assert service.get(f"{path_of(trained)}/{id}").status_code == 404
    log = service.folder / "log"
    wait_until(lambda: f"job cancelled [worker] job_id={ids[0]}" in log.read_text())
    left = visible_files(service.folder / "models" / "backtests")
    assert not [path for path in left if any(id in path.name for id in ids)]
    assert (
        service.post(path_of(trained), ASK).status_code == 200
    )  # the next one is not kept waiting


def test_the_same_key_is_the_same_backtest(service: Service, trained: Body) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first, second = (service.post(path_of(trained), ASK, headers=key) for _ in range(2))
    assert first.text == second.text
    other = service.post(path_of(trained), ASK | {"horizon": 3}, headers=key)
    assert other.status_code == 422 and "Idempotency-Key" in other.json()["error"]


@pytest.mark.long
def test_a_models_backtests_go_with_it(service: Service, dataset: Body) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"]}
    gone, stays = (service.post("/api/model/train", body).json() for _ in range(2))
    results = {model["model_id"]: service.post(path_of(model), ASK).json()["job_id"]
               for model in (gone, stays)}  # fmt: skip
    assert service.call("DELETE", f"/api/model/{gone['model_id']}").status_code == 200
    assert service.get(f"{path_of(gone)}/{results[gone['model_id']]}").status_code == 404
    assert service.get(f"{path_of(stays)}/{results[stays['model_id']]}").status_code == 200
    names = [path.name for path in visible_files(service.folder / "models" / "backtests")]
    assert not [name for name in names if results[gone["model_id"]] in name]
    # Nor is it read as another model's.
    assert service.get(f"{path_of(gone)}/{results[stays['model_id']]}").status_code == 404
    assert service.post(path_of(gone), ASK).status_code == 404


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        ({"horizon": 0}, 422, "horizon"),
        ({"horizon": 366}, 422, "horizon"),
        ({"origins": 0}, 422, "origins"),
        ({"origins": 2.5}, 422, "origins"),
        ({"step": 0}, 422, "step"),
        ({"horizons": 3}, 422, "did you mean horizon?"),
        ({"datasetId": NOBODY}, 404, "data set"),
        ({"datasetId": "../x"}, 404, "data set"),
        ({"plant": "Mars"}, 422, "Mars"),
        ({"plant": "P 1", "panelSize": "XXL"}, 422, "P 1 / XXL"),
    ],
)
def test_what_breaks_a_rule_is_refused(
    service: Service, trained: Body, body: Body, status: int, part: str
) -> None:
    reply = service.post(path_of(trained), body)
    assert reply.status_code == status and part in reply.text
    assert strict(reply.text)["success"] is False


@pytest.mark.parametrize("id", [NOBODY, "nonsense", "..%2F..%2Fx"])
def test_what_is_not_there_is_a_404(service: Service, trained: Body, id: str) -> None:
    assert service.post(f"/api/model/{id}/backtest", ASK).status_code == 404
    for form in ("json", "png"):
        reply = service.get(f"{path_of(trained)}/{id}?format={form}")
        assert reply.status_code == 404 and reply.json()["success"] is False


def test_data_with_nothing_to_judge_by_is_a_422(service: Service, trained: Body) -> None:
    early = service.post("/api/data/generate", SMALL | {"historicalDays": 96}).json()
    body = ASK | {"datasetId": early["dataset_id"]}
    reply = service.post(path_of(trained), body)
    assert reply.status_code == 422
    assert "training span, which ends on 2024-04-05" in reply.json()["error"]
    assert "includeTraining" in reply.json()["error"]
    assert service.post(path_of(trained), body | {"includeTraining": True}).status_code == 200
    weeks = [
        {"date": str(date(2024, 1, 1) + timedelta(weeks=i)), "plant": "P 1", "application": "TV",
         "panel_size": "L", "wip": 10 + i % 3, "throughput": 5} for i in range(40)
    ]  # fmt: skip
    weekly = service.post("/api/data/upload", weeks).json()["dataset_id"]
    refused = service.post(path_of(trained), {"datasetId": weekly})
    assert refused.status_code == 422 and "one week apart" in refused.text


def test_data_without_the_plant_of_the_model_is_a_422(service: Service, dataset: Body) -> None:
    by_plant = FAST | {"datasetId": dataset["dataset_id"], "plants": ["P 1"]}
    reply = service.post("/api/model/train/parallel/plants", by_plant).json()
    model = reply["plant_results"]["P 1"]
    other = service.post("/api/data/generate", SMALL | {"plants": ["Elsewhere"]}).json()
    for what in ("backtest", "compress"):
        path = f"/api/model/{model['model_id']}/{what}"
        reply = service.post(path, {"datasetId": other["dataset_id"]})
        assert reply.status_code == 422, reply.text
        assert reply.json()["error"] == (
            "datasetId: must hold rows of P 1, the plant of the model; it has Elsewhere"
        )


@pytest.mark.long
def test_a_model_whose_data_is_deleted_says_so(service: Service) -> None:
    data = service.post("/api/data/generate", SMALL).json()["dataset_id"]
    model = service.post("/api/model/train", FAST | {"datasetId": data}).json()
    service.call("DELETE", f"/api/data/{data}")
    reply = service.post(path_of(model), ASK)
    assert reply.status_code == 404
    assert data in reply.json()["error"] and "datasetId" in reply.json()["error"]
