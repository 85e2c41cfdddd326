"""The latent explorer's page in a real browser: headless Chromium, driven by Selenium."""

import json
import re
import shutil
import time

import keras
import numpy as np
import pytest
from PIL import Image

from disentanglement import checksums
from disentanglement.experiments import explore
from disentanglement.experiments.explored import find
from disentanglement.networks import portable
from tests.browser import (
    CONTRAST,
    chromium,
    complaints,
    find_all,
    latents,
    need_chromium,
    pixels,
    press,
    requests,
    settle,
)
from tests.experiments import ROOT

need_chromium()
pytestmark = pytest.mark.slow

NAME = "InfoGAN-CR_dSprites/hour/run-0"
MINUS = "\N{MINUS SIGN}"
NASTY = '<script>document.title = "hacked"</script><b>"bold"</b>'


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of two models, the first of which has a factor with a nasty name."""
    folder = tmp_path_factory.mktemp("explorer")
    run = folder / "InfoGAN-CR_dSprites" / "run-0,"
    shutil.copytree(ROOT / "results" / f"{NAME},", run)
    record = json.loads((run / "final_metrics.json").read_text())
    record["protocol"]["factors"][1] = NASTY
    (run / "final_metrics.json").write_text(json.dumps(record))
    checksums.write(run)
    out = folder / "explorer.html"
    assert explore.main([str(run), f"{NAME}/global_id-14399", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def window():
    with chromium() as browser:
        yield browser


@pytest.fixture
def browser(window, page):
    """The browser with the page opened anew."""
    window.get("about:blank")
    complaints(window), requests(window)
    window.get(page.as_uri())
    settle(window)
    return window


def set_slider(browser, nth, value, panel=0):
    code = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
    browser.execute_script(code, find_all(browser, "range", panel)[nth], value)
    settle(browser)


def test_a_slider_moves_the_picture(browser):
    before, other = pixels(browser), pixels(browser, panel=1)
    assert len(find_all(browser, "range")) == 10
    set_slider(browser, 2, 0.8)
    assert (pixels(browser) != before).sum() > 20
    np.testing.assert_array_equal(pixels(browser, panel=1), other)  # the other model's stays
    np.testing.assert_array_equal(latents(browser), [0, 0, 0.8] + 7 * [0])
    assert find_all(browser, "value")[2].text == "0.80"
    press(browser, "reset")
    settle(browser)
    np.testing.assert_array_equal(pixels(browser), before)


def test_the_picture_is_keras_picture(browser):
    for panel, name in enumerate((NAME, f"{NAME}/global_id-14399")):
        generator = portable.rounded(find(name).generator, "float16")
        for _ in range(3):
            press(browser, "random", panel)
            settle(browser)
            values = latents(browser, panel)
            assert len(np.unique(values)) == 10
            assert (np.abs(values) <= 1).all()
            expected = np.asarray(generator(values[None].astype(np.float32)))[0, ..., 0]
            assert expected.std() > 0.05
            # Half a step of 255 is the browser's rounding.
            assert np.abs(pixels(browser, panel=panel) / 255 - expected).max() <= 1e-3 + 0.5 / 255


def test_the_strip_follows_the_pointer_and_sets_the_slider(browser):
    from selenium.webdriver import ActionChains

    generator = portable.rounded(find(NAME).generator, "float16")
    ActionChains(browser).move_to_element(find_all(browser, "latent")[4]).perform()
    settle(browser)
    (caption,) = find_all(browser, "caption")
    assert caption.text.startswith(f"code_4 from {MINUS}1.00 to 1.00")
    values = np.zeros((7, 10), np.float32)
    values[:, 4] = np.linspace(-1, 1, 7)
    expected = np.asarray(generator(values))[..., 0]
    strip = pixels(browser, "strip")
    for i, picture in enumerate(expected):
        assert np.abs(strip[:, 65 * i : 65 * i + 64] / 255 - picture).max() <= 1e-3 + 0.5 / 255
    (canvas,) = find_all(browser, "strip")
    width = canvas.size["width"]
    ActionChains(browser).move_to_element_with_offset(canvas, width * 0.45, 0).click().perform()
    settle(browser)
    assert latents(browser)[4] == 1
    set_slider(browser, 0, 1)  # of another code: the strip follows
    assert (pixels(browser, "strip") != strip).any()


def test_the_keyboard(browser):
    from selenium.webdriver import Keys

    slider = find_all(browser, "range")[1]
    slider.send_keys(Keys.ARROW_RIGHT)
    settle(browser)
    assert latents(browser)[1] == 0.02
    slider.send_keys(Keys.HOME)
    settle(browser)
    assert latents(browser)[1] == -1
    assert slider.get_attribute("aria-valuetext") == f"{MINUS}1.00"
    assert find_all(browser, "caption")[0].text.startswith("code_1")  # of the one with the focus
    find_all(browser, "sweep")[1].send_keys(Keys.SPACE)
    assert find_all(browser, "sweep")[1].get_attribute("aria-pressed") == "true"
    find_all(browser, "sweep")[1].send_keys(Keys.ESCAPE)
    assert find_all(browser, "sweep")[1].get_attribute("aria-pressed") == "false"


def seen_values(browser, nth, seconds):
    """Return the values that a slider shows in this time."""
    code = """const [slider, time, done] = arguments;
        const seen = [], end = performance.now() + time;
        const look = () => {
          if (seen.at(-1) !== Number(slider.value)) seen.push(Number(slider.value));
          if (performance.now() < end) requestAnimationFrame(look); else done(seen);
        };
        look();"""
    return browser.execute_async_script(code, find_all(browser, "range")[nth], 1000 * seconds)


def test_a_sweep_moves_the_slider_there_and_back(browser):
    press(browser, "sweep", nth=3)
    seen = seen_values(browser, 3, 5)
    assert min(seen) < -0.9
    assert max(seen) > 0.9
    assert len(seen) > 20
    press(browser, "sweep", nth=3)
    assert len(seen_values(browser, 3, 1)) <= 2


def test_the_strip_of_another_code_follows_a_sweep(browser):
    from selenium.webdriver import ActionChains

    press(browser, "sweep", nth=2)
    ActionChains(browser).move_to_element(find_all(browser, "latent")[0]).perform()
    time.sleep(1)
    strip = pixels(browser, "strip")
    time.sleep(1)
    assert find_all(browser, "caption")[0].text.startswith("code_0")
    assert (pixels(browser, "strip") != strip).any()


def test_less_motion(page):
    with chromium(less_motion=True) as browser:
        browser.get(page.as_uri())
        press(browser, "sweep", nth=3)
        assert 1 < len(seen_values(browser, 3, 3)) <= 6


def test_a_shared_link_restores_the_state(browser, page):
    press(browser, "random")
    press(browser, "random", panel=1)
    settle(browser)
    browser.find_element("id", "share").click()
    settle(browser)
    status = browser.find_element("id", "status").text
    link = browser.find_element("id", "link").get_attribute("value")
    assert status in ("Link copied.", "Copy this link:")
    assert link == browser.current_url
    values, pictures = latents(browser), [pixels(browser, panel=i) for i in (0, 1)]
    browser.get("about:blank")
    browser.get(link)
    settle(browser)
    np.testing.assert_array_equal(latents(browser), values)
    for i, picture in enumerate(pictures):
        np.testing.assert_array_equal(pixels(browser, panel=i), picture)


def test_a_link_of_nonsense(browser, page):
    browser.get(f"{page.as_uri()}#z0=NaN,9,,<b>,0.5{',1' * 50}&z7=1&z1=")
    settle(browser)
    set_slider(browser, 9, 0)
    np.testing.assert_array_equal(latents(browser), [0, 1, 0, 0, 0.5, 1, 1, 1, 1, 0])
    assert complaints(browser) == []


def codes_in(text):
    """Return the codes that the page has found, as it shows them."""
    assert text.startswith("Codes: code_0 ")
    codes = [float(number.replace(MINUS, "-")) for number in re.findall(r"_\d ([^\s,]+)", text)]
    assert text.count("(beyond the slider)") == sum(abs(code) > 1 for code in codes)
    return codes


def test_the_encoder_finds_the_codes_of_a_picture(browser, tmp_path):
    encoder = portable.rounded(find(NAME).encoder, "float16")
    press(browser, "random")
    settle(browser)
    code = "for (const d of document.querySelectorAll('details')) d.open = true"
    browser.execute_script(code)
    press(browser, "copy")
    settle(browser)
    expected = np.asarray(encoder(pixels(browser)[None, ..., None] / 255))[0]
    (found,) = find_all(browser, "found")
    np.testing.assert_allclose(codes_in(found.text), expected, atol=0.006)  # two decimals
    press(browser, "apply")
    settle(browser)
    np.testing.assert_allclose(latents(browser)[:5], np.clip(expected, -1, 1), atol=1e-3)

    # A file, of another size and with transparent parts.
    shape = np.zeros((128, 128, 4), np.uint8)
    shape[32:64, 64:96] = 255
    Image.fromarray(shape).save(tmp_path / "shape.png")
    find_all(browser, "file")[0].send_keys(str(tmp_path / "shape.png"))
    settle(browser)
    paper = pixels(browser, "paper")
    assert (paper.min(), paper.max()) == (0, 255)
    assert paper[20, 40] == 255
    shown = find_all(browser, "paper")[0].size
    assert shown["width"] == shown["height"]
    expected = np.asarray(encoder(paper[None, ..., None] / 255))[0]
    np.testing.assert_allclose(codes_in(found.text), expected, atol=0.006)

    # A file that is no picture; then drawing.
    (tmp_path / "text.png").write_text("no picture")
    find_all(browser, "file")[0].send_keys(str(tmp_path / "text.png"))
    settle(browser)
    assert found.text == "The browser cannot read text.png as a picture."
    press(browser, "clear")
    settle(browser)
    assert pixels(browser, "paper").max() == 0
    press(browser, "paper")
    settle(browser)
    assert pixels(browser, "paper").max() == 255
    assert found.text.startswith("Codes: code_0 ")
    assert complaints(browser) == []


def test_a_dropped_picture(browser):
    code = """const [picture, paper, done] = arguments;
        picture.toBlob((blob) => {
          const dropped = new DataTransfer();
          dropped.items.add(new File([blob], "picture.png", { type: "image/png" }));
          const options = { dataTransfer: dropped, bubbles: true, cancelable: true };
          done(!paper.dispatchEvent(new DragEvent("drop", options)));  // true: it was taken
        });"""
    press(browser, "random")
    settle(browser)
    picture, paper = (find_all(browser, part)[0] for part in ("picture", "paper"))
    assert browser.execute_async_script(code, picture, paper)
    settle(browser)
    np.testing.assert_array_equal(pixels(browser, "paper"), pixels(browser))
    # Beside the paper, a picture is ignored; the browser would open it instead of the page.
    assert browser.execute_async_script(code, picture, browser.find_element("tag name", "h1"))


def test_no_complaints_no_requests_and_no_html_in_names(browser, page):
    assert complaints(browser) == []
    assert requests(browser) == [page.as_uri()]
    assert browser.title.startswith("Latent explorer: InfoGAN-CR on dSprites")
    assert find_all(browser, "meaning")[0].text == f"{NASTY} 31%"
    assert browser.execute_script("return document.querySelectorAll('.panel b').length") == 0


def test_every_control_has_a_name(browser):
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = [n for n in tree if n.get("role", {}).get("value") in ("slider", "button")]
    assert len(controls) > 40
    names = [control["name"]["value"] for control in controls]
    assert all(names), controls
    assert "code_2 posX 31%" in names
    assert "Sweep noise 5" in names


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 360])
def test_contrast_and_width(page, dark, width):
    with chromium(width, 800, dark) as browser:
        browser.get(page.as_uri())
        code = "for (const d of document.querySelectorAll('details')) d.open = true"
        browser.execute_script(code)
        press(browser, "sweep")  # a pressed button
        contrast, text = browser.execute_script(CONTRAST)
        assert contrast >= 4.5, text
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        background = browser.execute_script(
            "return getComputedStyle(document.body).backgroundColor"
        )
        light = min(map(int, re.findall(r"\d+", background))) > 128
        assert light != dark


def test_a_model_in_colour(tmp_path):
    """Random weights, in the range of CelebA's pictures: -1 to 1."""
    x = latent = keras.Input((3,))
    x = keras.layers.Reshape((8, 8, 3))(keras.layers.Dense(8 * 8 * 3)(x))
    network = keras.Model(latent, keras.layers.Activation("tanh")(x))
    rng = np.random.default_rng(0)
    network.layers[1].kernel.assign(rng.normal(size=(3, 192)))
    layout = {"kind": "uniform", "low": -1, "high": 1, "sweep": [-1, 1]}
    model = {
        "title": "colours", "name": "colours", "notes": [], "codes": 2, "range": [-1, 1],
        "latents": [{"name": name, **layout} for name in "abc"], "invert": True,
        "precision": "float32", "differences": {"pixel": 0, "mean_pixel": 0},
        "generator": portable.portable(network, "float32"),
    }  # fmt: skip
    out = tmp_path / "colours.html"
    out.write_text(explore.page([model]))
    with chromium() as browser:
        browser.get(f"{out.as_uri()}#z0=0.5,-0.25,1")
        settle(browser)
        (canvas,) = find_all(browser, "picture")
        code = "return Array.from(arguments[0].getContext('2d').getImageData(0, 0, 8, 8).data)"
        shown = np.reshape(browser.execute_script(code, canvas), (8, 8, 4))[..., :3]
        images = np.asarray(network(np.array([[0.5, -0.25, 1]], np.float32)))[0]
        assert np.abs(shown / 255 - (1 - (images + 1) / 2)).max() <= 1e-3 + 0.5 / 255
        assert not find_all(browser, "encoder")[0].is_displayed()


def test_the_speed_of_a_picture(browser):
    """The fastest of many, because other tests run at the same time: 4 ms when written."""
    code = """const times = [];
        for (let i = 0; i < 40; i++) {
          const latents = models[0].latents.map(draw);
          const start = performance.now();
          panels[0].generate(latents);
          times.push(performance.now() - start);
        }
        return times;"""
    times = browser.execute_script(code)
    assert min(times) < 20
