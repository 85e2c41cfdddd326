"""A headless Chromium for the tests of pages, and what they ask of it."""

import json
import shutil

import pytest

DESKTOP, PHONE = (1280, 900), (390, 844)


def open_browser(dark=False, size=DESKTOP):
    """Return a Chromium, driven by Selenium; the test is skipped where there is none."""
    selenium = pytest.importorskip("selenium.webdriver", reason="no Selenium: install '.[dev]'")
    programs = [shutil.which("chromium") or shutil.which("google-chrome")]
    programs.append(shutil.which("chromedriver"))
    if None in programs:
        pytest.skip("no Chromium with chromedriver: see CONTRIBUTING.md")
    options = selenium.ChromeOptions()
    options.binary_location = programs[0]
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = selenium.Chrome(options, selenium.ChromeService(programs[1]))
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    return browser


@pytest.fixture
def browser():
    """A browser of desktop size in light colours."""
    opened = open_browser()
    yield opened
    opened.quit()


def complaints(browser):
    """Return the errors and warnings on the browser's console since the last call."""
    return [
        entry["message"]
        for entry in browser.get_log("browser")
        if entry["level"] in ("SEVERE", "WARNING")
    ]


def requests(browser):
    """Return the addresses that the browser has asked for since the last call."""
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
