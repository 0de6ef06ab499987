"""The load benchmark itself, with a load that is none."""

from __future__ import annotations

import json
from array import array

import pytest

from benchmarks.load import report
from benchmarks.load.clients import Question, Tally
from benchmarks.load.processes import ProcessWatch
from benchmarks.load.run import Load, Outcome, run
from benchmarks.load.streams import Streams
from tests.support.running_service import Service

SMALL = Load(clients=4, seconds=2, streams=2, trainings=1, epochs=2, days=60)


@pytest.mark.long
def test_a_service_under_a_small_load_falls_short_of_nothing(service: Service) -> None:
    found = report.document(run(service, SMALL))
    assert found["short"] == []
    assert found["requests"] > 0 and found["jobs"] >= 1 and found["streams"] >= 2
    assert "Fell short: nothing" in report.text(json.loads(json.dumps(found)))


@pytest.mark.long
def test_what_is_wrong_is_counted(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(_service: Service, _model: str) -> list[Question]:
        head = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
        return [Question(head % path, b"?") for path in (b"/nowhere", b"/health/live")]

    monkeypatch.setattr("benchmarks.load.run._questions", wrong)
    outcome = run(service, Load(clients=2, seconds=1, streams=0, trainings=0, epochs=1, days=60))
    assert {kind for kind, count in outcome.tally.errors.items() if count} == {
        "HTTP/1.1 404 NOT FOUND",
        "another forecast",
    }
    assert "no forecast was answered" in outcome.short()


@pytest.mark.parametrize(
    ("after", "short"),
    [((70, 30), []), ((130, 30), ["web 1 has 70 → 130 threads"]), ((0, 0), ["web 1 ended"])],
)
def test_a_process_has_to_be_there_afterwards_as_it_was(
    after: tuple[int, int], short: list[str]
) -> None:
    outcome = Outcome(SMALL, Tally(array("d", [0.1])), Streams(0, []), ProcessWatch({}), [])
    outcome.counts = {"web 1": [(70, 30), (90, 40), after]}
    assert outcome.short() == short


@pytest.mark.parametrize(("growth", "grows"), [(0.0, False), (1.0, True)])
def test_growth_is_told_from_noise(growth: float, grows: bool) -> None:
    watch = ProcessWatch({"web 1": 0})
    noise = [0.3, -0.2, 0.1, -0.3, 0.2, -0.1]
    watch.memory["web 1"] = [(60.0 * i, 100 + growth * i + noise[i % 6]) for i in range(60)]
    slope, error = watch.slope("web 1")
    assert (slope > 3 * error) == grows
    assert slope == pytest.approx(growth, abs=4 * error + 0.01)


def test_a_tally_keeps_a_few_examples() -> None:
    tally = Tally()
    for number in range(10):
        tally.wrong("kind", str(number))
    assert tally.errors["kind"] == 10 and len(tally.examples["kind"]) == 3
    assert tally.seconds == array("d")
