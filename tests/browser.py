"""Headless Chromium for tests of pages; CONTRIBUTING.md says how to install it."""

import contextlib
import json
import re
import shutil

import numpy as np
import pytest

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
DESKTOP, PHONE = (1280, 900), (390, 844)


def need_chromium():
    """Skip the test module that calls this where there is no browser, with one line."""
    pytest.importorskip("selenium", reason="needs selenium")
    if not PROGRAM or not DRIVER:
        reason = "needs Chromium and its driver (apt-get install chromium chromium-driver)"
        pytest.skip(reason, allow_module_level=True)


def open_browser(dark=False, size=DESKTOP, less_motion=False):
    """Start a browser in the mode of a desktop, or of a phone if it is narrow."""
    need_chromium()
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAM
    # Without a sandbox, because root, as in a container, cannot have one.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    features = {
        "prefers-color-scheme": "dark" if dark else "light",
        "prefers-reduced-motion": "reduce" if less_motion else "no-preference",
    }
    pairs = [{"name": name, "value": value} for name, value in features.items()]
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": pairs})
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    return opened


@pytest.fixture
def browser():
    """A browser of desktop size in light colours."""
    opened = open_browser()
    yield opened
    opened.quit()


@contextlib.contextmanager
def chromium(width=1280, height=900, dark=False, less_motion=False):
    """Start a browser, and end it with the block."""
    opened = open_browser(dark, (width, height), less_motion)
    try:
        yield opened
    finally:
        opened.quit()


def complaints(browser):
    """Return the errors and warnings on the console since the last call."""
    return [
        entry["message"]
        for entry in browser.get_log("browser")
        if entry["level"] in ("SEVERE", "WARNING")
    ]


def requests(browser):
    """Return the addresses that were requested since the last call."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event for event in events if event["method"] == "Network.requestWillBeSent"]
    return [event["params"]["request"]["url"] for event in sent]


# ---- the latent explorer's page -----------------------------------------------------------------


def settle(browser):
    """Wait until the page has drawn what was changed, and has put its state into the address."""
    browser.execute_async_script("setTimeout(() => requestAnimationFrame(arguments[0]), 600)")


def find_all(browser, part, panel=0):
    """Return the elements of a panel with this data-part."""
    selector = f".panel:nth-of-type({panel + 1}) [data-part={part}]"
    return browser.find_elements("css selector", selector)


def press(browser, part, panel=0, nth=0):
    element = find_all(browser, part, panel)[nth]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def pixels(browser, part="picture", panel=0):
    """Return the red channel of a canvas, [H, W] in 0 ... 255."""
    (canvas,) = find_all(browser, part, panel)
    code = """const [canvas] = arguments;
        const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [canvas.height, canvas.width, Array.from(image.data.filter((_, i) => i % 4 === 0))];
    """
    height, width, values = browser.execute_script(code, canvas)
    return np.reshape(values, (height, width))


def latents(browser, panel=0):
    """Return the latents that the address holds."""
    text = re.search(rf"z{panel}=([^&]*)", browser.current_url)[1]
    return np.array([float(number) for number in text.split(",")])


# Returns the lowest contrast of any visible text with what is behind it, and that text.
CONTRAST = """
const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
const luminance = (colour) => {
  const [r, g, b] = channels(colour).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if ((channels(colour)[3] ?? 1) > 0) return colour;
  }
  return "rgb(255, 255, 255)";
};
let worst = [Infinity, ""];
for (const element of document.querySelectorAll("body *")) {
  const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("");
  if (!text.trim() || !element.checkVisibility() || element.disabled) continue;
  const pair = [luminance(getComputedStyle(element).color), luminance(behind(element))];
  const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  if (contrast < worst[0]) worst = [contrast, text];
}
return worst;
"""
