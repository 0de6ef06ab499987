"""The service's own page in Debian's Chromium: from a file to a decision, and what may go wrong."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_selenium_python import Axe
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.support.browser import start_browser
from tests.support.running_service import FAST, Service, child_processes, start_service
from utils.auth.key_store import KeyStore
from utils.auth.keys import id_of

NASTY = '<img src=x onerror="document.title=1">'
PASTE = """
const data = new DataTransfer();
data.setData("text/plain", arguments[0]);
const event = { clipboardData: data, bubbles: true, cancelable: true };
document.querySelector(".grid input").dispatchEvent(new ClipboardEvent("paste", event));
"""
VIEWS = ["", "data", "train", "plan", "models", "jobs", "settings", "nowhere"]


class Page:
    """The page in a browser: waits for what is shown, and notes what went wrong."""

    def __init__(self, browser: webdriver.Chrome, url: str) -> None:
        self.browser, self.url = browser, url

    def open(self, path: str) -> None:
        self.browser.get("about:blank")
        self.browser.get(f"{self.url}/#/{path}")
        self.settled()

    def settled(self) -> None:
        self.until(lambda: self.all("h1") and not self.all(".busy, [aria-busy]"))

    def until(self, condition: Any, seconds: float = 60) -> Any:
        # A view may be drawn anew before an element is there, or before it is read.
        changed = [StaleElementReferenceException, IndexError]
        wait = WebDriverWait(self.browser, seconds, 0.1, ignored_exceptions=changed)
        return wait.until(lambda _: condition())

    def all(self, css: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def button(self, text: str) -> WebElement:
        def found() -> WebElement | None:
            all_of = self.all("button, a.button")
            return next((each for each in all_of if each.text == text), None)

        element: WebElement = self.until(found)
        return element

    def field(self, label: str) -> WebElement:
        found = next(each for each in self.all("label") if each.text == label)
        return self.browser.find_element(By.ID, found.get_attribute("for") or "")

    def summary(self, text: str) -> WebElement:
        shown: WebElement = self.until(
            lambda: next((each for each in self.all("summary") if each.text == text), None)
        )
        return shown

    def figures(self) -> str:
        read = "return document.querySelector('.figures')?.textContent ?? ''"
        return str(self.browser.execute_script(read))

    @property
    def text(self) -> str:
        return self.browser.find_element(By.TAG_NAME, "body").text

    def shows(self, text: str, seconds: float = 60) -> None:
        self.until(lambda: text in self.text, seconds)

    def upload(self, path: Path) -> None:
        self.browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(path))

    def expect_accessible(self) -> None:
        axe = Axe(self.browser)
        axe.inject()
        found = axe.run()["violations"]
        assert found == [], axe.report(found)

    def problems(self, *allowed: str) -> list[str]:
        """Messages of the console, failed requests too, besides those that contain a text."""
        messages = [entry["message"] for entry in self.browser.get_log("browser")]
        return [each for each in messages if not any(text in each for text in allowed)]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    yield from start_browser(tmp_path_factory.mktemp("chromium"), 1280, 900)


@pytest.fixture
def page(service: Service, browser: webdriver.Chrome) -> Iterator[Page]:
    browser.get_log("browser")
    yield Page(browser, service.url)


def test_from_generated_data_to_a_decision(page: Page) -> None:
    page.open("data?generate=1")
    page.field("Panel sizes").clear()
    page.field("Panel sizes").send_keys("Small")
    page.button("Generate").click()
    page.shows("Stored. Below is how it was read")
    page.shows("Little's Law holds")
    page.expect_accessible()
    page.button("Forecast now").click()
    page.until(lambda: page.all(".js-plotly-plot .scatterlayer"))
    page.shows("Finished by week")
    page.expect_accessible()
    page.field("Units to finish").send_keys("1500")
    page.shows("1,500 units are reached")
    slider = page.field("WIP today")
    slider.send_keys(Keys.END)
    page.shows("A: without a change")
    page.until(lambda: "wip=" in page.browser.current_url)
    page.button("Keep to compare").click()
    page.field("Capacity").send_keys(Keys.HOME)
    page.shows("B: WIP")
    page.field("Forecast from (or drag the dotted line)").send_keys(Keys.PAGE_DOWN)
    page.shows("What came")
    page.settled()
    shown = page.figures()
    page.browser.refresh()  # its address shows the same again
    page.settled()
    page.until(lambda: page.figures() == shown)
    page.open("train")
    page.browser.find_element(By.CSS_SELECTOR, "input[value=quick]").click()
    page.browser.find_element(By.TAG_NAME, "summary").click()
    for label in ("Epochs", "Units of the first layer", "Units of the second layer"):
        page.field(label).send_keys("3")
    page.button("Start the training").click()
    page.shows("The training has ended.", 120)
    page.until(lambda: re.search("(error than|as good as) the better naive", page.text))
    page.expect_accessible()
    page.button("Details").click()
    page.until(lambda: page.all("h1")[0].text.startswith("Model"))
    page.settled()
    page.expect_accessible()
    page.button("Delete the model").click()
    page.until(lambda: page.all("h1")[0].text == "Models")
    page.button("Undo").click()
    page.until(lambda: page.all("h1")[0].text.startswith("Model "))
    assert page.problems() == []


@pytest.mark.long
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(page: Page, view: str) -> None:
    page.open(view)
    page.expect_accessible()
    assert page.problems() == []


def test_names_of_data_are_shown_as_text(page: Page, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    rows = "".join(
        f'2024-01-{day:02},"{NASTY.replace(chr(34), chr(34) * 2)}",=cmd(),<b>L</b>,{100 + day},50\n'
        for day in range(1, 29)
    )
    table.write_text("date,plant,application,panel_size,wip,throughput\n" + rows)
    page.open("data")
    page.upload(table)
    page.button("Store").click()
    page.shows("Stored. Below is how it was read")
    assert page.all("h1")[0].text == NASTY
    page.button("Forecast now").click()
    page.until(lambda: page.all(".js-plotly-plot"))
    assert page.field("Panel size").text == "<b>L</b>" and page.field("Plant").text == NASTY
    assert not page.all("main img, main b") and page.browser.title != "1"
    assert page.problems() == []


def test_a_table_is_looked_at_before_it_is_stored_and_goes_on_later(
    page: Page, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    rows = "".join(f"2024-01-{day:02},A,1.{100 + day},1.050\n" for day in range(1, 13))
    table.write_text("when,plant,foo,bar\n" + rows)
    page.open("data")
    page.upload(table)
    page.shows("Not found: Date, WIP, Throughput.")
    assert not page.button("Store").is_enabled()
    page.expect_accessible()
    for column, meaning in (("when", "Date"), ("foo", "WIP"), ("bar", "Throughput")):
        css = f"[aria-label='Meaning of {column}']"
        Select(page.all(css)[0]).select_by_visible_text(meaning)
        page.settled()
        assert page.browser.switch_to.active_element == page.all(css)[0]  # the keyboard stays
    Select(page.all("[aria-label='Meaning of plant']")[0]).select_by_visible_text("not read")
    page.shows("must not leave out plant")
    Select(page.all("[aria-label='Meaning of plant']")[0]).select_by_visible_text("recognised")
    page.button("1.234,5").click()
    page.shows("can be stored")
    page.button("Store").click()
    page.shows("Stored. Below is how it was read")
    page.summary("Add rows").click()
    page.summary("Or paste them from a spreadsheet").click()
    pasted = "date,plant,wip,throughput\n2024-01-12,A,1000,1050\n2024-01-13,A,1101,1050"
    page.field("Rows").send_keys(pasted)
    page.button("Read the pasted rows").click()
    page.button("Add the rows").click()
    page.button("Replace the stored rows").click()
    page.shows("1 row added, 1 replaced. Version 2 of the data set, up to Jan 13, 2024.")
    page.expect_accessible()
    assert page.problems("409 (CONFLICT)") == []


def test_one_of_many_plants_is_found_by_typing(page: Page, service: Service) -> None:
    rows = "".join(
        f"2024-01-{day:02},Line {line:03},{100 + day % 5},50\n"
        for line in range(201)
        for day in range(1, 13)
    )
    table = "date,plant,wip,throughput\n" + rows
    stored = service.post("/api/data/upload", data=table, headers={"Content-Type": "text/csv"})
    page.open(f"forecast?dataset={stored.json()['dataset_id']}")
    page.field("Plant").send_keys(Keys.CONTROL + "a")
    page.field("Plant").send_keys("187", Keys.TAB)
    page.until(lambda: "Line+187" in page.browser.current_url)
    assert page.field("Plant").get_attribute("value") == "Line 187"
    page.until(lambda: page.all(".js-plotly-plot"))
    page.expect_accessible()
    assert page.problems() == []


def test_days_are_closed_in_the_calendar_and_plan_rows_are_pasted(
    page: Page, service: Service
) -> None:
    spec = {"plants": ["N"], "applications": ["TV"], "panelSizes": ["L"], "historicalDays": 60}
    id = service.post("/api/data/generate", spec | {"calendar": {"weekdays": [1, 2, 3, 4, 5]}})
    path = f"/api/data/{id.json()['dataset_id']}"
    page.open(path.replace("/api/data", "dataset"))
    page.summary("Working days").click()
    page.until(lambda: page.all(".month"))
    page.browser.find_element(By.CSS_SELECTOR, "[data-date='2024-03-11']").click()
    page.browser.switch_to.active_element.send_keys(Keys.ARROW_LEFT)  # to a Sunday
    page.browser.switch_to.active_element.send_keys(Keys.ENTER)
    page.button("Save the calendar").click()
    page.shows("The calendar is saved.")
    changed = service.get(f"{path}/calendar?from=2024-03-08&until=2024-03-12").json()
    assert changed["closed_days"] == {"N": ["2024-03-09", "2024-03-11"]}
    page.summary("Plan: what is known ahead").click()
    page.button("Add a row").click()
    page.browser.execute_script(PASTE, "date\tplant\tapplication\treleases\n2024-03-13\tN\tTV\t7")
    page.button("Save the plan").click()
    page.shows("The plan of 1 row is saved.")
    assert service.get(f"{path}/plan").json()["plan"][0]["releases"] == 7
    page.expect_accessible()
    assert page.problems() == []


def test_the_phone_needs_no_scrolling_aside_and_the_keyboard_is_enough(
    page: Page, dataset: dict[str, Any]
) -> None:
    page.browser.set_window_size(500, 850)
    try:
        for view in ("", "data", f"forecast?dataset={dataset['dataset_id']}", "train", "models"):
            page.open(view)
            wider = "return document.documentElement.scrollWidth > innerWidth"
            assert page.browser.execute_script(wider) is False, view
    finally:
        page.browser.set_window_size(1280, 900)
    page.open("")

    def press(*keys: str) -> None:
        page.browser.switch_to.active_element.send_keys(*keys)

    press(Keys.TAB)
    assert page.browser.switch_to.active_element.text == "Skip to the content"
    for _ in range(4):  # the brand, Home, Data, Forecast
        press(Keys.TAB)
    press(Keys.ENTER)
    page.until(lambda: page.all("h1")[0].text == "Forecast")
    assert page.browser.switch_to.active_element.tag_name == "h1"  # readers begin there
    page.until(lambda: page.all(".js-plotly-plot"))
    press(Keys.TAB)
    assert page.browser.switch_to.active_element == page.field("Made from")


@pytest.mark.long
def test_german_by_choice(page: Page) -> None:
    page.open("settings")
    Select(page.field("Language")).select_by_visible_text("Deutsch")
    page.shows("Einstellungen")
    assert page.all("html")[0].get_attribute("lang") == "de"
    page.browser.execute_script("localStorage.clear()")
    assert page.problems() == []


@pytest.mark.long
def test_keys_are_asked_for_kept_in_the_tab_and_may_end(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    keys = KeyStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    keys.add("another", "admin")
    key = keys.add("reader", "read")
    service = start_service(tmp_path, WORKERS="0", WEB_PROCESSES="1")
    try:
        page = Page(browser, service.url)
        page.open("data")
        assert page.all("h1")[0].text == "Enter your key"
        page.expect_accessible()
        page.field("Key").send_keys(key, Keys.ENTER)
        page.shows("No data yet")
        assert not page.all("input[type=file]")  # a reader stores nothing
        page.open("train")
        page.shows("take a key with the role write")
        keys.revoke(str(id_of(key)))
        page.until(lambda: (page.open("models"), "Enter your key" in page.text)[1])
        assert re.search("revoked|not valid|unknown", page.all(".notice.bad")[0].text)
        page.browser.get_log("browser")
    finally:
        assert service.stop() == 0


@pytest.mark.long
def test_a_lost_connection_is_shown_and_heals(browser: webdriver.Chrome, tmp_path: Path) -> None:
    service = start_service(tmp_path, WORKERS="0", WEB_PROCESSES="1")
    page = Page(browser, service.url)
    page.open("")
    service.stop()
    browser.execute_script("location.hash = '#/models'")
    page.shows("No connection to the service.")
    again = start_service(
        tmp_path, WORKERS="0", WEB_PROCESSES="1", PORT=service.environment["PORT"]
    )
    try:
        page.shows("No models yet")
        page.until(lambda: "No connection" not in page.text)
    finally:
        again.stop()


@pytest.mark.long
def test_a_training_is_followed_over_the_death_of_its_worker_in_two_tabs(
    service: Service, page: Page, dataset: dict[str, Any]
) -> None:
    browser = page.browser
    body = FAST | {"datasetId": dataset["dataset_id"], "epochs": 400}
    job = service.submit(body)
    page.open(f"job/{job}")
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    try:
        page.open(f"job/{job}")
        service.wait_for_epoch(job, 3)
        for pid in child_processes(service.process.pid):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"worker" in command:
                os.kill(pid, signal.SIGKILL)
        page.shows("The training has ended.")
        assert "Loss by epoch" in page.text
    finally:
        browser.close()
        browser.switch_to.window(first)
    page.shows("The training has ended.")
    assert page.problems() == []
