"""Models, jobs and keys on the service's own page, in Debian's Chromium."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.service.test_own_page import Page, browser, page
from tests.support.running_service import FAST, Service, start_service
from utils.auth.key_store import KeyStore

__all__ = ["browser", "page"]  # fixtures
pytestmark = [pytest.mark.service, pytest.mark.long]


def test_models_of_the_same_data_are_compared_and_backtested(
    service: Service, page: Page, dataset: dict[str, Any]
) -> None:
    id = dataset["dataset_id"]
    models = [
        service.post("/api/model/train", FAST | {"datasetId": id, "lstmUnits1": units}).json()
        for units in (3, 5)
    ]
    page.open(f"models?q={id}")
    for model in models:
        page.browser.find_element("id", f"tick-{model['model_id']}").click()
    page.button("Compare 2 models").click()
    page.shows("Their forecasts of one series")
    page.settled()
    page.until(lambda: len(page.all(".js-plotly-plot")) == 2)
    assert "different" not in page.text and len(page.all("thead th")) == 3
    page.expect_accessible()
    page.open(f"model/{models[0]['model_id']}")
    page.button("Start a backtest").click()
    page.shows("Series that are hardest to forecast")
    page.until(lambda: len(page.all(".js-plotly-plot")) == 2)
    page.expect_accessible()
    assert page.problems() == []


def test_a_job_that_waits_shows_its_place_and_is_cancelled_in_the_list(
    service: Service, page: Page, dataset: dict[str, Any]
) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"], "epochs": 5000}
    jobs = []
    for seed in range(3):
        jobs.append(service.submit(body | {"seed": seed}))
        service.wait_for(jobs[0], "running")
        time.sleep(1.1)  # the order of jobs of one second is the engine's
    running, first, second = jobs
    page.open(f"job/{second}")
    page.shows("1 job waits before it.")
    page.open("jobs")
    for job in (running, first, second):
        css = f"button[aria-label$='{job[:8]}']"
        page.until(lambda css=css: page.all(css))[0].click()
        page.until(lambda css=css: not page.all(css))
    assert {service.job(job)["status"] for job in (first, second)} == {"cancelled"}
    page.expect_accessible()
    assert page.problems() == []


def test_an_administrator_makes_and_revokes_keys(browser: webdriver.Chrome, tmp_path: Path) -> None:
    boss = KeyStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}").add("boss", "admin")
    service = start_service(tmp_path, WORKERS="0", WEB_PROCESSES="1")
    try:
        page = Page(browser, service.url)
        page.open("settings")
        page.field("Key").send_keys(boss, Keys.ENTER)
        page.shows("this key")
        page.field("Name").send_keys("<b>night shift</b>")
        Select(page.field("Role")).select_by_visible_text("also store, train and delete (write)")
        page.button("Make a key").click()
        page.shows("Copy it now")
        page.expect_accessible()
        made = page.field("Key").get_attribute("value")
        service.key = str(made)
        page.until(lambda: service.get("/api/models").ok)
        page.button("Revoke").click()
        page.button("Revoke for good").click()
        page.shows("1 key that has ended")
        page.until(lambda: service.get("/api/models").status_code == 401)
        page.shows("10,000,000")  # rows of a data set
        assert page.problems("401 (UNAUTHORIZED)") == []
    finally:
        browser.execute_script("sessionStorage.clear()")
        assert service.stop() == 0
