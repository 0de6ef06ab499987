"""Load times of the service's own page, in Chromium on this machine.

`python -m benchmarks.page_load http://127.0.0.1:5000` prints, of the median of some loads with an
empty cache: bytes received and seconds until the first view has its content, the same until a
forecast is drawn, and the seconds from a moved slider to the drawn what-if. The service needs a
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
const done = arguments[0], slider = document.querySelector("input[type=range]");
const begin = performance.now();
const legend = document.querySelector(".legend");
new MutationObserver(() => legend.textContent.includes("A:") && done(performance.now() - begin))
  .observe(legend, { childList: true });
slider.value = Number(slider.max) * 0.8;
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
        slides = [_slide(browser, forecast) for _ in range(_LOADS)]
        print(f"what-if drawn {statistics.median(slides):.0f} ms after the slider was moved")


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


def _slide(browser: webdriver.Chrome, address: str) -> float:
    _load(browser, address, ".js-plotly-plot .main-svg")
    return float(browser.execute_async_script(_SLIDE))


def _report(name: str, loads: list[tuple[float, int]]) -> None:
    seconds = statistics.median(load[0] for load in loads) / 1000
    kilobytes = statistics.median(load[1] for load in loads) / 1000
    print(f"{name} after {seconds:.2f} s, {kilobytes:,.0f} kB received")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000")
