"""docs/images/page-*.png: each view of the service's own page, light and dark, also on a phone.

`python -m docs.screenshots http://127.0.0.1:5000` fills the service with generated data and a
model, opens its page in Chromium (Debian: `apt-get install chromium chromium-driver`) and takes
them. Begin with an empty service, so that lists show the same each time.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from docs.pictures import IMAGES, Service

PLANTS = {
    "plants": ["North", "South"], "applications": ["Automotive", "Industrial"],
    "panelSizes": ["Small", "Large"], "historicalDays": 545, "seed": 1,
    "calendar": {"weekdays": [1, 2, 3, 4, 5], "country": "DE"},
}  # fmt: skip
SERIES = {"plant": "North", "application": "Automotive", "size": "Small"}
SIZES = {"": (1280, 800), "-phone": (390, 844)}  # in CSS pixels
TALLEST = 2200
COLOURS = 256
BUSY = ".busy, [aria-busy]"
_ASK = """
const [units, , date] = document.querySelectorAll("main form input");
units.value = 3000;
date.value = "2025-07-20";
document.querySelectorAll("main form").forEach((form) => form.requestSubmit());
"""
_DROP = """
const rows = Array.from({ length: 28 }, (_, day) =>
  `${String(day + 1).padStart(2, "0")}.01.2025;Nord;${1400 + 9 * day},5;${610 + day},0`);
const table = ["Tag;Werk;Lager Ist;Gutteile", ...rows].join("\\n");
const data = new DataTransfer();
data.items.add(new File([table], "week 5.csv"));
const input = document.querySelector("input[type=file]");
input.files = data.files;
input.dispatchEvent(new Event("change"));
"""
_OPEN = """
const all = Array.from(document.querySelectorAll("main > div > .stack > section > details"));
all.slice(1, 3).forEach((details) => { details.open = true; });
document.querySelectorAll("main .stack > .stack").forEach((part) => part.remove());
"""
_SCRIPTS = {"plan": _ASK, "import": _DROP, "calendar": _OPEN}  # of the views that need one
DRAWN = ".chart:not(.js-plotly-plot)"  # a chart that is not there yet


def main(url: str) -> None:
    """Take all pictures of the page at an address."""
    service = Service(url)
    dataset = service.post("/api/data/generate", PLANTS)["dataset_id"]
    trained = service.post("/api/model/train", {"datasetId": dataset, "preset": "auto", "seed": 1})
    model = trained["model_id"]
    enhanced = {"datasetId": dataset, "trainTestSplit": 0.8, "sequenceLength": 10, "epochs": 20}
    other = service.post("/api/model/train/enhanced", enhanced | {"seed": 1})["model_id"]
    backtest = service.post(f"/api/model/{model}/backtest", {})["job_id"]
    changed = {"wip": 300, "target": 2000, "keep": "capacity:0.8"}
    what_if = urlencode({"dataset": dataset, **SERIES, **changed})
    views = {
        "home": "", "data": "data", "import": "data", "dataset": f"dataset/{dataset}",
        "calendar": f"dataset/{dataset}",
        "forecast": f"forecast?{what_if}",
        "train": "train", "plan": f"plan?{urlencode({'source': f'data:{dataset}', **SERIES})}",
        "models": "models", "model": f"model/{model}", "jobs": "jobs", "job": f"job/{model}",
        "compare": f"compare?models={model},{other}", "backtest": f"job/{backtest}",
        "settings": "settings",
    }  # fmt: skip
    with chromium() as browser:
        for name, path in views.items():
            for size, (width, height) in SIZES.items():
                for mode in ("", "-dark"):
                    address = f"{url.rstrip('/')}/#/{path}"
                    _show(browser, address, width, height, mode, _SCRIPTS.get(name))
                    target = IMAGES / f"page-{name}{size}{mode}.png"
                    target.write_bytes(_small(browser.get_screenshot_as_png()))


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Chromium without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage",
                     "--hide-scrollbars", "--lang=en"):  # fmt: skip
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's own sandbox refuses to run as root
    browser = webdriver.Chrome(options, Driver(shutil.which("chromedriver")))
    try:
        yield browser
    finally:
        browser.quit()


def _show(
    browser: webdriver.Chrome, address: str, width: int, height: int, mode: str, script: str | None
) -> None:
    """Open a view, do what a script does, and make the window as tall as the view then is."""
    size = {"width": width, "deviceScaleFactor": 1, "mobile": width < 500}
    scheme = {"name": "prefers-color-scheme", "value": "dark" if mode else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size | {"height": height})
    browser.get("about:blank")
    browser.get(address)
    WebDriverWait(browser, 30).until(lambda page: page.find_elements(By.TAG_NAME, "h1"))
    _wait_until_drawn(browser)
    if script:
        browser.execute_script(script)
        _wait_until_drawn(browser)
    content = browser.execute_script("return document.documentElement.scrollHeight")
    tall = max(height, min(content, TALLEST))
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size | {"height": tall})
    browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    browser.execute_async_script("setTimeout(arguments[0], 400)")  # charts follow the size


def _wait_until_drawn(browser: webdriver.Chrome) -> None:
    browser.execute_async_script("setTimeout(arguments[0], 200)")  # what was asked for begins
    WebDriverWait(browser, 60).until(
        lambda page: not page.find_elements(By.CSS_SELECTOR, f"{BUSY}, {DRAWN}")
    )


def _small(png: bytes) -> bytes:
    """Return a picture with fewer colours, a third as large."""
    out = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=True
    )
    return out.getvalue()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000")
