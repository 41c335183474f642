"""The student in a real browser: the pixels of Python, and nothing that leaves the page."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.pages.browser import SOFTWARE, browser, needs_chromium, shown
from zerokd.pages.demo import build_demo_page
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.enhance.enhancer import Enhancer
from zerokd.student.load import load_trained_model

pytestmark = needs_chromium
SIZES = ((61, 47), (1, 1), (200, 3))


@pytest.fixture(scope="module")
def opened():
    with browser(*SOFTWARE) as chromium:
        yield chromium


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("demo") / "demo.html"
    path.write_text(build_demo_page(load_trained_model("fidelity", discover_plugins())))
    return f"file://{path}"


@pytest.fixture(scope="module")
def student():
    return Enhancer("fidelity", engine="torch")


def photo(size, channels=3):
    levels = np.random.default_rng(0).integers(0, 130, (size[1], size[0], channels)).astype(np.uint8)
    return Image.fromarray(levels)


def given(page, image, name="photo.png"):
    file = io.BytesIO()
    image.save(file, "PNG")
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": file.getvalue()})
    wait_for_status(page, f"{name}, {image.width}x{image.height}")


def wait_for_status(page, text):
    """Wait until the page says so; its policy forbids to ask in JavaScript."""
    page.wait_for_selector(f"#state:has-text('{text}')")


def saved(page, path):
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(path)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def set_to(page, name, value):
    page.eval_on_selector(f"#{name}", f"input => {{ input.value = {value}; input.dispatchEvent(new Event('input')); }}")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("strength", [0, 100, 160])
def test_its_pixels_are_those_of_python(opened, address, student, tmp_path, size, strength):
    with shown(opened, address, accept_downloads=True) as (page, messages, requests):
        given(page, photo(size))
        set_to(page, "strength", strength)
        saved_pixels = saved(page, tmp_path / "a.png")
        wanted = student(np.asarray(photo(size)), strength / 100).astype(int)
        assert saved_pixels.shape == wanted.shape
        assert np.abs(saved_pixels - wanted).max() <= 1
        assert (messages, [url for url in requests if not url.startswith("blob:")]) == ([], [address])


def test_before_is_left_and_after_is_right(opened, address, student):
    with shown(opened, address) as (page, _, _):
        given(page, Image.new("RGB", (100, 40), (30, 30, 30)))
        set_to(page, "split", 25)
        read = """() => {
            const sheet = document.createElement('canvas');
            Object.assign(sheet, { width: 100, height: 40 });
            const drawn = sheet.getContext('2d');
            drawn.drawImage(document.getElementById('canvas'), 0, 0);
            return [10, 60].map((x) => drawn.getImageData(x, 20, 1, 1).data[0]);
        }"""
        before, after = page.evaluate(read)
        exact = student(np.full((40, 100, 3), 30, np.uint8))[20, 60, 0]
        assert abs(before - 30) <= 1
        assert abs(after - int(exact)) <= 1
        assert page.locator("#split-value").inner_text() == "25 %"


def test_a_scene_is_there_at_first_and_what_is_no_photo_is_told(opened, address):
    with shown(opened, address) as (page, messages, _):
        wait_for_status(page, "a generated scene")
        page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"not a photo"})
        wait_for_status(page, "not a photo")
        assert messages == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_passes_an_accessibility_audit_and_fits_a_phone(opened, address, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    options = {"color_scheme": scheme, "bypass_csp": True, "viewport": {"width": 360, "height": 740}}
    with shown(opened, address, **options) as (page, _, _):
        wait_for_status(page, "a generated scene")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        audit = axe.Axe().run(page)
        assert audit.violations_count == 0, audit.generate_report()
