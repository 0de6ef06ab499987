"""The operation page's calls from a real browser: another origin, preflights, the whole way."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as ec
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.browser import start_browser
from tests.support.running_service import (
    ROOT,
    SMALL,
    Service,
    child_processes,
    make_key,
    run_command,
    start_service,
)
from utils.auth.keys import id_of

PAGES = ROOT / "tests" / "support" / "pages"
PORT = 4200  # the origin that the service allows by default
FIELDS = {
    "lstmUnits1": 8, "lstmUnits2": 6, "dropoutRate": 0.25, "sequenceLength": 15, "epochs": 12,
    "batchSize": 64, "learningRate": 0.002, "trainTestSplit": 0.85,
}  # fmt: skip
SERIES = {"plant": "Wörk/2", "application": "TV", "panelSize": '15.6"', "predictionDays": 14}
TRAIN = "/api/model/train/enhanced"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def origin() -> Iterator[str]:
    """The origin of our page, served as long as the test lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", PORT), partial(Quiet, directory=str(PAGES)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{PORT}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """Debian's Chromium, without a window."""
    yield from start_browser(tmp_path, 1000, 1100)


def test_the_page_goes_the_whole_way(
    service: Service, origin: str, browser: webdriver.Chrome, tmp_path: Path
) -> None:
    service.wait_for_worker()
    query = {"api": service.url, "train": TRAIN, "data": json.dumps(SMALL),
             "fields": json.dumps(FIELDS), "series": json.dumps(SERIES)}  # fmt: skip
    browser.get(f"{origin}/operation.html?{urlencode(query)}")
    browser.find_element(By.ID, "train").click()
    state = browser.find_element(By.ID, "state")
    WebDriverWait(browser, 120).until(lambda _: state.text in ("done", "failed"))
    picture = Path(os.environ.get("BROWSER_SCREENSHOT", tmp_path / "page.png"))
    browser.save_screenshot(str(picture))
    assert picture.stat().st_size > 10_000
    received = browser.execute_script("return window.received")
    assert (state.text, received["failures"]) == ("done", []), browser.get_log("browser")
    check(received)


def test_the_documentation_works_under_its_policy(
    service: Service, browser: webdriver.Chrome
) -> None:
    browser.get(f"{service.url}/api/docs/")
    first = WebDriverWait(browser, 60).until(
        lambda page: page.find_elements(By.CSS_SELECTOR, "#operations-Operation-health button")
    )
    first[0].click()
    for name in ("try-out__btn", "execute"):
        WebDriverWait(browser, 60).until(
            lambda page, name=name: page.find_elements(By.CLASS_NAME, name)
        )[0].click()
    shown = WebDriverWait(browser, 60).until(
        lambda page: page.find_elements(By.CSS_SELECTOR, ".live-responses-table .microlight")
    )
    assert any("healthy" in each.text for each in shown)
    assert browser.get_log("browser") == []


def test_the_page_shows_a_picture_and_a_report(
    service: Service, trained: dict[str, Any], origin: str, browser: webdriver.Chrome
) -> None:
    """As it may: in an `img`, in a frame; from another origin, whose own page wants CORP."""
    model = service.get(f"/api/model/{trained['model_id']}/visualize")
    assert model.ok
    browser.get(f"{origin}/shows.html")
    width = browser.execute_async_script(
        """const [url, done] = arguments, image = new Image();
        image.onload = () => done(image.naturalWidth);
        image.onerror = () => done(0);
        document.body.append(image);
        image.src = url;""",
        f"{service.url}/visualizations/{trained['model_id']}.png",
    )
    assert width > 100, browser.get_log("browser")
    browser.execute_script(
        """const frame = document.createElement("iframe");
        frame.src = arguments[0];
        document.body.append(frame);""",
        f"{service.url}/api/model/{trained['model_id']}/report",
    )
    WebDriverWait(browser, 60).until(
        ec.frame_to_be_available_and_switch_to_it((By.TAG_NAME, "iframe"))
    )
    WebDriverWait(browser, 60).until(lambda page: page.find_elements(By.TAG_NAME, "h1"))


@pytest.mark.long
def test_a_page_with_a_key_follows_a_job_and_connects_again(
    endless: tuple[Path, str], origin: str, browser: webdriver.Chrome
) -> None:
    folder, job = endless
    make_key(folder, "another", "admin")  # without any, the service would be open again
    key = make_key(folder, "page", "read")
    service = start_service(folder, WORKERS="0", WEB_PROCESSES="1")
    try:
        query = urlencode({"api": service.url, "key": key, "job": job})
        browser.get(f"{origin}/events.html?{query}")
        state = browser.find_element(By.ID, "state")

        def shows(what: str) -> None:
            stated = rf"{what} times, at epoch [1-9]\d*"
            WebDriverWait(browser, 30).until(lambda _: re.fullmatch(stated, state.text), state.text)

        shows("opened 1")
        for pid in child_processes(service.process.pid):
            if not child_processes(
                pid
            ):  # the web process, whose connections break; gunicorn has another
                os.kill(pid, signal.SIGKILL)
        shows("opened 2")
        url = service.environment["DATABASE_URL"]
        assert (
            run_command(folder, "keys", "revoke", str(id_of(key)), DATABASE_URL=url).returncode == 0
        )
        shows("closed after 2")  # by the service, then it refused
    finally:
        assert service.stop() == 0


def check(received: dict[str, Any]) -> None:
    """The replies that the page received are true and complete."""
    model, epochs = received["trained"], FIELDS["epochs"]
    model_id = model["model_id"]
    # The second press joined the training of the first.
    assert received["again"] == model
    assert model["enhanced_features"] is True
    assert len(model["training_history"]["loss"]) == model["training_history"]["epochs"] <= epochs
    assert received["generated"]["data_points"] == 480
    # Trainings of other tests that ended less than two minutes ago are in the polls, too.
    own = [poll for poll in received["polls"] if poll.get("P 1", {}).get("job_id") == model_id]
    assert own and all(set(poll) >= set(SMALL["plants"]) for poll in own)
    first = own[0]["P 1"]
    assert first["total_epochs"] == epochs
    assert first["start_time"] > 1_700_000_000_000
    last = own[-1]  # an ended training stays for two minutes
    assert {last[plant]["status"] for plant in SMALL["plants"]} == {"completed"}
    assert received["started"]
    curve = {int(epoch): loss for epoch, loss in received["curve"][model["model_id"]].items()}
    losses = dict(enumerate(model["training_history"]["loss"], start=1))
    assert curve == pytest.approx(losses, abs=1e-4)
    assert model["model_id"] in {each["model_id"] for each in received["models"]}
    assert len(received["forecast"]["predictions"]) == SERIES["predictionDays"]
    assert received["dashboard"]["status_data"]["overall_status"] in ("idle", "training", "pending")
    assert received["deleted"]["success"] is True
    assert model["model_id"] not in {each["model_id"] for each in received["left"]}
