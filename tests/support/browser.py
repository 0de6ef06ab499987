"""Debian's Chromium, driven by Selenium."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service as Driver

from tests.support import programs


def start_browser(folder: Path, width: int, height: int) -> Iterator[webdriver.Chrome]:
    """Yield a Chromium without a window, whose console can be read; end it afterwards.

    Args:
        folder: of its profile.
    """
    program, driver = programs.need("chromium"), programs.need("chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en",
                     f"--user-data-dir={folder}", f"--window-size={width},{height}"):  # fmt: skip
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's own sandbox refuses to run as root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options, Driver(driver))
    yield chrome
    chrome.quit()
