"""The report page in Chromium: what a reader can do with it."""

import time

import pytest

from disentanglement.experiments.report import page
from tests import reports
from tests.browser import PHONE, complaints, open_browser, requests

pytestmark = pytest.mark.slow

WORD = "<script>window.hit = 1<img src=x onerror='window.hit = 2'>"

# The text of Bokeh's tooltips, which are in shadow roots.
TOOLTIPS = """
    const found = [];
    (function look(root) {
      for (const element of root.querySelectorAll("*")) {
        if (element.matches(".bk-Tooltip") && element.offsetWidth) {
          found.push(element.shadowRoot.textContent);
          window.hit ||= element.shadowRoot.querySelector("img, script");
        }
        if (element.shadowRoot) look(element.shadowRoot);
      }
    })(document);
    return found.join(" ");
"""
# For each chart and each of its two renderers, the rows that are shown.
SHOWN = """
    return Bokeh.documents.map((document) => document.roots()[0].renderers.map(
      (renderer) => [...renderer.view.filter.booleans]));
"""


@pytest.fixture
def address(tmp_path):
    """The address of a page on two scored runs and one under way; their names hold HTML."""
    results = tmp_path / "results"
    for i, state in enumerate(["finished", "finished", "stopped"]):
        scores = [0.3, 0.5, 0.6 + i / 10]
        table = reports.metric_table(scores, ["factor_vae", WORD])
        folder = reports.save_run(results / f"lr-{i}{WORD},", i, state, table, lr=f"{i}\"'{WORD}")
        if state == "finished":
            reports.save_scores(folder, factors=[WORD, "</td>", '"', "'", "&lt;"])
    return write(results)


def write(results, watch=None):
    path = results.parent / "report.html"
    path.write_text(page.render(results, watch))
    return path.as_uri()


def open_page(browser, address):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(address)
    WebDriverWait(browser, 60).until(lambda b: b.execute_script(READY))


READY = "return document.body && document.body.dataset.ready === 'yes'"


def test_no_error_no_request_and_no_html_from_names(browser, address):
    open_page(browser, address)
    browser.execute_script("document.querySelectorAll('details').forEach((d) => d.open = true)")
    assert complaints(browser) == []
    assert [url for url in requests(browser) if not url.startswith("data:")] == [address]
    assert browser.execute_script("return window.hit") is None
    text = browser.find_element("tag name", "main").text
    assert text.count(WORD) > 20
    assert not browser.find_elements("css selector", "main script, img[src=x]")


def test_hovering_shows_values(browser, address):
    from selenium.webdriver import ActionChains

    open_page(browser, address)
    chart = browser.find_element("css selector", ".chart")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    # The last dot of the last run, which no other covers.
    x, y = browser.execute_script("""
        const figure = Bokeh.documents[0].roots()[0];
        const view = Bokeh.index.get_one(figure);
        const dots = figure.renderers[1].data_source;
        const last = dots.get_array("x").length - 1;
        const {x_scale, y_scale} = view.frame;
        const box = arguments[0].getBoundingClientRect();
        return [x_scale.compute(dots.get_array("x")[last]) - box.width / 2,
                y_scale.compute(dots.get_array("y")[last]) - box.height / 2];
    """, chart)  # fmt: skip
    ActionChains(browser).move_to_element_with_offset(chart, round(x), round(y)).perform()
    text = wait_for(browser, TOOLTIPS)
    assert f"lr-2{WORD}" in text
    assert "200" in text
    assert "0.8000" in text
    assert browser.execute_script("return window.hit") is None
    assert complaints(browser) == []


def wait_for(browser, script):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 10).until(lambda b: b.execute_script(script))


def test_a_run_is_hidden_everywhere(browser, address):
    open_page(browser, address)
    everything = [[[True] * 3, [True] * 9]] * 2
    assert browser.execute_script(SHOWN) == everything
    browser.find_element("id", "run-1").click()
    without = [[[True, False, True], [True] * 3 + [False] * 3 + [True] * 3]] * 2
    assert browser.execute_script(SHOWN) == without
    strips = browser.find_elements("css selector", ".strip")
    assert [strip.is_displayed() for strip in strips] == [True, False, True]
    maps = browser.find_elements("css selector", "details.maps")
    assert [details.is_displayed() for details in maps] == [True, False]
    assert browser.find_element("id", "count").text == "2 of 3 shown"
    browser.find_element("id", "none").click()
    assert not any(strip.is_displayed() for strip in strips)
    browser.find_element("id", "all").click()
    assert browser.execute_script(SHOWN) == everything
    browser.find_element("id", "filter").send_keys("LR-2")
    assert browser.find_element("id", "count").text == "1 of 3 shown"
    assert not browser.find_element("id", "run-0").is_displayed()
    assert complaints(browser) == []


def test_the_keyboard(browser, address):
    from selenium.webdriver import ActionChains, Keys

    def press(*keys):
        ActionChains(browser).send_keys(*keys).perform()

    def focus():
        return browser.switch_to.active_element.get_attribute("id")

    open_page(browser, address)
    press(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the runs"
    press(Keys.ENTER, Keys.TAB)
    assert focus() == "filter"
    press(Keys.TAB, Keys.TAB)
    assert focus() == "none"
    press(Keys.SPACE)
    assert browser.find_element("id", "count").text == "0 of 3 shown"
    press(Keys.TAB, Keys.TAB)  # over the list, which can be scrolled
    assert focus() == "run-0"
    press(Keys.SPACE)
    assert browser.find_element("id", "count").text == "1 of 3 shown"

    summary = browser.find_element("css selector", ".values summary")
    summary.send_keys(Keys.ENTER)
    # The page fills the table when the browser tells it that the details are open.
    wait_for(browser, "return document.querySelectorAll('.values table tr').length > 1")
    rows = browser.find_elements("css selector", ".values table tr")
    assert [row.text.split()[-2:] for row in rows[1:]] == [
        ["0", "0.3000"], ["100", "0.5000"], ["200", "0.6000"],
    ]  # fmt: skip

    slider = browser.find_element("id", "frame")
    slider.send_keys(Keys.HOME)  # stops the animation
    assert browser.find_element("id", "play").text == "Play"
    assert place(browser) == ["0px 0px", "0px -88px"]
    slider.send_keys(Keys.END)
    assert place(browser) == ["-264px 0px", "-264px -88px"]
    slider.send_keys(Keys.ARROW_LEFT)
    assert place(browser) == ["-176px 0px", "-176px -88px"]
    browser.find_element("id", "play").send_keys(Keys.SPACE)
    assert browser.find_element("id", "play").text == "Pause"


def place(browser):
    """Return the places in its picture that the first two tiles show."""
    return browser.execute_script("""
        return [...document.querySelectorAll(".tile")].slice(0, 2).map(
          (tile) => getComputedStyle(tile).backgroundPosition);
    """)


def test_traversals_move(browser, address):
    open_page(browser, address)
    first = place(browser)
    wait_for(browser, f"""
        const tile = document.querySelector(".tile");
        return getComputedStyle(tile).backgroundPosition !== "{first[0]}";
    """)  # fmt: skip


def test_choices_outlive_a_reload(browser, address, tmp_path):
    write(tmp_path / "results", watch=2)
    open_page(browser, address)
    browser.execute_script("""
        window.old = true;
        document.getElementById("run-0").click();
        document.querySelector("#shared summary").click();
    """)
    wait_for(browser, f"return !window.old && ({READY.removeprefix('return ')})")
    browser.execute_script("window.old = true; document.getElementById('reload').click()")
    assert not browser.find_element("id", "run-0").is_selected()
    assert browser.find_element("id", "run-1").is_selected()
    assert browser.execute_script("return document.getElementById('shared').open")
    assert browser.execute_script(SHOWN)[0][0] == [False, True, True]
    time.sleep(2.5)
    assert browser.execute_script("return window.old")  # it has not been loaded again
    assert complaints(browser) == []


def test_hundreds_of_runs(browser, tmp_path):
    results = tmp_path / "results"
    for number in range(300):
        reports.save_run(results / f"run-{number},", number)
    open_page(browser, write(results))
    assert browser.find_element("id", "count").text == "300 of 300 shown"
    browser.find_element("id", "filter").send_keys("run-29")  # and 290 to 299
    assert browser.find_element("id", "count").text == "11 of 300 shown"
    assert sum(browser.execute_script(SHOWN)[0][0]) == 11
    assert complaints(browser) == []


@pytest.mark.parametrize("dark", [False, True])
def test_colours_and_a_phone(address, dark):
    opened = open_browser(dark, PHONE)
    try:
        open_page(opened, address)
        assert opened.execute_script("return document.documentElement.scrollWidth") == PHONE[0]
        back = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert back == ("rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)")
        figure = "return Bokeh.documents[0].roots()[0].{}"
        background = opened.execute_script(figure.format("background_fill_color"))
        assert background == ("#14171c" if dark else "#ffffff")
        label = opened.execute_script(figure.format("below[0].major_label_text_color"))
        assert label == ("#e6e9ee" if dark else "#1b1f24")
        assert complaints(opened) == []
    finally:
        opened.quit()
