"""Load times of the service's own page, in Chromium on this machine.

`python -m benchmarks.page_load http://127.0.0.1:5000` prints, of the median of some loads with an
empty cache: bytes received and seconds until the first view has its content, the same until a
forecast is drawn, and the time from a moved slider to the drawn what-if. The service needs a
data set for the last two.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from docs.pictures import Service
from docs.screenshots import chromium

_LOADS = 5
_MOVES = 5
_RECEIVED = (
    "return performance.getEntriesByType('navigation').concat("
    "performance.getEntriesByType('resource'))"
    ".reduce((sum, each) => sum + each.transferSize, 0)"
)
_WATCH = """
window.found = 0;
new MutationObserver(() => {
  if (!window.found && document.querySelector(arguments[0])) window.found = performance.now();
}).observe(document, { childList: true, subtree: true });
"""
_SLIDE = """
const done = arguments[1], slider = document.querySelector("input[name=wip]");
const begin = performance.now();
const legend = document.querySelector(".legend");
new MutationObserver((_, observer) => {
  if (!legend.textContent.includes("A:")) return;
  observer.disconnect();
  done(performance.now() - begin);
}).observe(legend, { childList: true });
slider.value = Number(slider.max) * arguments[0];
slider.dispatchEvent(new Event("input"));
"""


def main(url: str) -> None:
    """Measure the page at an address."""
    base = url.rstrip("/")
    dataset = json.loads(Service(base).get("/api/data"))["datasets"]
    with chromium() as browser:
        _report("first view", [_load(browser, f"{base}/", "main .panel") for _ in range(_LOADS)])
        if not dataset:
            return
        forecast = f"{base}/#/forecast?dataset={dataset[0]['dataset_id']}"
        loads = [_load(browser, forecast, ".js-plotly-plot .main-svg") for _ in range(_LOADS)]
        _report("forecast drawn", loads)
        browser.set_script_timeout(30)
        slides = [_slides(browser, forecast) for _ in range(_LOADS)]
        for name, place in (("the first", 0), ("a later", -1)):
            median = statistics.median(each[place] for each in slides)
            print(f"what-if drawn {median:.0f} ms after {name} move of the slider")


def _load(browser: webdriver.Chrome, address: str, shown: str) -> tuple[float, int]:
    """Milliseconds until an element is there, and bytes received until then."""
    browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    watch = {"source": _WATCH.replace("arguments[0]", json.dumps(shown))}
    script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", watch)
    browser.get("about:blank")
    browser.get(address)
    found: Any = WebDriverWait(browser, 30).until(
        lambda page: page.execute_script("return window.found")
    )
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    return float(found), int(browser.execute_script(_RECEIVED))


def _slides(browser: webdriver.Chrome, address: str) -> list[float]:
    """Milliseconds from moves of the slider to their forecasts; the first ones compile code."""
    _load(browser, address, ".js-plotly-plot .main-svg")
    return [float(browser.execute_async_script(_SLIDE, 0.8 - 0.1 * i)) for i in range(_MOVES)]


def _report(name: str, loads: list[tuple[float, int]]) -> None:
    seconds = statistics.median(load[0] for load in loads) / 1000
    kilobytes = statistics.median(load[1] for load in loads) / 1000
    print(f"{name} after {seconds:.2f} s, {kilobytes:,.0f} kB received")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000")
