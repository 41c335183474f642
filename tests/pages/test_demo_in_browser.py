"""The student in a real browser: the pixels of Python, and nothing that leaves the page."""

import io
import itertools
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from PIL import Image

from tests.pages.browser import SOFTWARE, browser, needs_chromium, shown
from zerokd.data.dead_leaves import DeadLeaves
from zerokd.data.rooms_and_streets import SAMPLE_SCENES
from zerokd.models.auto_exposure import AutoExposure
from zerokd.pages.demo import build_demo_page
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.enhance.enhancer import Enhancer
from zerokd.student.load import load_trained_model

pytestmark = needs_chromium
NUMBERS = itertools.count()
SIZES = ((61, 47), (1, 1), (200, 3))


@pytest.fixture(scope="module")
def opened():
    with browser(*SOFTWARE) as chromium:
        yield chromium


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    folder, catalogue = tmp_path_factory.mktemp("demo"), discover_plugins()
    for name in ("best", "fidelity"):
        (folder / f"{name}.html").write_text(build_demo_page(load_trained_model(name, catalogue)))
    return {name: f"file://{folder}/{name}.html" for name in ("best", "fidelity")}


@pytest.fixture(scope="module")
def address(addresses):
    return addresses["fidelity"]


@pytest.fixture(scope="module")
def best(addresses):
    return addresses["best"]


@pytest.fixture(scope="module")
def pages(opened, addresses):
    """A page of each student that many photos are given to, as a visitor does: opening one takes seconds."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(shown(opened, address, accept_downloads=True))
            for name, address in addresses.items()
        }


@pytest.fixture(scope="module")
def student():
    return Enhancer("fidelity", engine="torch")


@pytest.fixture(scope="module")
def model():
    return load_trained_model("best", discover_plugins()).model


def photo(size, channels=3):
    levels = np.random.default_rng(0).integers(0, 130, (size[1], size[0], channels)).astype(np.uint8)
    return Image.fromarray(levels)


def given(page, image):
    file, name = io.BytesIO(), f"photo{next(NUMBERS)}.png"
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
@pytest.mark.parametrize("strength", [0.0, 1.0, 1.6])
def test_its_pixels_are_those_of_python(pages, address, student, tmp_path, size, strength):
    page, messages, requests = pages["fidelity"]
    given(page, photo(size))
    set_to(page, "strength", strength)
    saved_pixels = saved(page, tmp_path / "a.png")
    wanted = student(np.asarray(photo(size)), strength).astype(int)
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
        wait_for_status(page, SAMPLE_SCENES[0][0])
        page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"not a photo"})
        wait_for_status(page, "not a photo")
        assert messages == []


def leaves(height, width, **options):
    """A dark generated scene, (H, W, 3), uint8."""
    data = DeadLeaves(**{"size": max(height, width, 16), "count": 1, "darkness": (3.0, 4.0), "lit": 0.0} | options)
    return data[0].permute(1, 2, 0).numpy()[:height, :width]


def back_lit(height, width):
    scene = leaves(height, width).copy()
    scene[:, width // 2 :] = np.minimum(255, 170 + scene[:, width // 2 :].astype(int))
    return scene


PHOTOS = {
    "dark and odd": lambda: leaves(123, 85),
    "dark and even": lambda: leaves(96, 160),
    "one row": lambda: leaves(1, 70),
    "one pixel": lambda: leaves(1, 1),
    "noisy": lambda: leaves(151, 200, darkness=(7.0, 7.0), noise=4.0),
    "back-lit": lambda: back_lit(120, 161),
    "grey": lambda: np.repeat(leaves(90, 64)[..., 1:2], 3, axis=2),
    "flat grey": lambda: np.full((40, 30, 3), 90, np.uint8),
    "black": lambda: np.zeros((33, 47, 3), np.uint8),
    "bright": lambda: np.random.default_rng(0).integers(170, 256, (50, 61, 3)).astype(np.uint8),
}


def to_tensor(pixels):
    return torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy()).float() / 255


@torch.no_grad()
def expected(model, pixels, strength=1.0):
    """In levels of 8 bits, not rounded."""
    low = to_tensor(pixels)
    enhanced = model.render(low, model.measure(low), (0, 0, *pixels.shape[:2]), strength)
    return 255 * enhanced[0].permute(1, 2, 0).double().numpy()


@pytest.mark.parametrize("name", PHOTOS)
def test_best_measures_a_photo_as_pytorch_does(pages, model, name):
    pixels, (page, messages, _) = PHOTOS[name](), pages["best"]
    given(page, Image.fromarray(pixels))
    read = "() => ({ ...measured, map: [...measured.map], curve: findStrength(measured, 0.54, program.constants) })"
    measured, state = page.evaluate(read), model.measure(to_tensor(pixels))
    maps = np.reshape(measured["map"], (64, 64, 4)).transpose(2, 0, 1)
    assert measured["noise"] == pytest.approx(state.noise[0].tolist(), rel=1e-4, abs=1e-6)
    assert measured["noisy"] == pytest.approx(state.noisy.item(), rel=1e-4, abs=1e-6)
    assert measured["curve"] == pytest.approx(state.strength.item(), rel=1e-4, abs=1e-6)
    assert measured["lift"] == pytest.approx(state.lift.item(), rel=1e-4, abs=1e-6)
    assert np.abs(maps[0] - state.slope[0, 0].numpy()).max() <= 1e-4
    assert np.abs(maps[1] - state.offset[0, 0].numpy()).max() <= 1e-4 * state.offset.abs().max()
    assert messages == []


@pytest.mark.parametrize("name", PHOTOS)
def test_best_gives_pytorchs_pixels(pages, best, model, tmp_path, name):
    pixels, (page, messages, requests) = PHOTOS[name](), pages["best"]
    given(page, Image.fromarray(pixels))
    for strength in (1.0, 1.7):
        set_to(page, "strength", strength)
        differences = np.abs(saved(page, tmp_path / "a.png") - expected(model, pixels, strength))
        assert differences.max() <= 0.51  # rounding to 8 bits takes 0.5
    assert (messages, [url for url in requests if not url.startswith("blob:")]) == ([], [best])


def test_best_leaves_a_bright_photo_as_it_is(opened, best, tmp_path):
    with shown(opened, best, accept_downloads=True) as (page, _, _):
        given(page, Image.fromarray(PHOTOS["bright"]()))
        assert np.array_equal(saved(page, tmp_path / "a.png"), PHOTOS["bright"]())


def test_exposure_and_denoise_are_those_of_the_model(opened, best, model, tmp_path):
    pixels = back_lit(120, 161)
    other = AutoExposure(exposure=0.7, denoise=0.25).eval()
    other.load_state_dict(model.state_dict())
    assert np.abs(expected(other, pixels) - expected(model, pixels)).max() > 5
    with shown(opened, best, accept_downloads=True) as (page, _, _):
        given(page, Image.fromarray(pixels))
        set_to(page, "exposure", 0.7)
        set_to(page, "denoise", 0.25)
        assert page.locator("#exposure-value").inner_text() == "0.70"
        assert np.abs(saved(page, tmp_path / "a.png") - expected(other, pixels)).max() <= 0.51
        page.click("#reset")
        assert page.locator("#exposure-value").inner_text() == "0.54"
        assert np.abs(saved(page, tmp_path / "a.png") - expected(model, pixels)).max() <= 0.51


def test_scenes_are_chosen_and_sliders_moved_by_keys(opened, best):
    with shown(opened, best) as (page, messages, _):
        first, second = (scene[0] for scene in SAMPLE_SCENES[:2])
        wait_for_status(page, first)
        page.get_by_label("or a generated scene:").select_option(second)
        wait_for_status(page, second)
        given(page, photo((30, 20)))
        page.get_by_label("or a generated scene:").select_option(second)
        wait_for_status(page, second)
        for name, value in (("strength", "0.99"), ("exposure", "0.53"), ("denoise", "0.99")):
            page.get_by_label(name).press("ArrowLeft")
            assert page.locator(f"#{name}-value").inner_text() == value
        assert messages == []


def test_a_traced_student_has_no_slider_but_strength(opened, address):
    with shown(opened, address) as (page, _, _):
        names = page.locator(".controls input").evaluate_all("inputs => inputs.map((input) => input.id)")
        assert names == ["split", "strength"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_button_names_the_colours_that_it_brings(opened, best, scheme):
    other = {"light": "dark", "dark": "light"}[scheme]
    with shown(opened, best, color_scheme=scheme) as (page, _, _):
        button, colour = page.locator("#theme"), "getComputedStyle(document.body).backgroundColor"
        before = page.evaluate(colour)
        assert button.inner_text() == f"{other} colours"
        button.press("Enter")
        assert button.inner_text() == f"{scheme} colours"
        assert page.evaluate(colour) != before
        button.click()
        assert page.evaluate(colour) == before


@pytest.mark.parametrize("name", ["best", "fidelity"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_passes_an_accessibility_audit_and_fits_a_phone(opened, addresses, scheme, name):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    options = {"color_scheme": scheme, "bypass_csp": True, "viewport": {"width": 360, "height": 740}}
    with shown(opened, addresses[name], **options) as (page, _, _):
        wait_for_status(page, SAMPLE_SCENES[0][0])
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        audit = axe.Axe().run(page)
        assert audit.violations_count == 0, audit.generate_report()
