"""The report in a real browser: sliders by mouse, touch and keyboard, no word in the console, open to everybody."""

import pytest

from tests.pages.browser import browser, needs_chromium, shown
from tests.pages.runs import HOSTILE, changed, copied
from zerokd.pages.diff import write_diff_page
from zerokd.pages.report import write_report

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def opened():
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    target = write_report(changed(copied(folder), recipe=HOSTILE, fallbacks=[HOSTILE]))
    return f"file://{target}"


def cut(page, number=0):
    return page.locator(".compare").nth(number).evaluate("slider => slider.style.getPropertyValue('--cut')")


def test_nothing_is_said_in_the_console_and_nothing_is_asked_for(opened, address):
    with shown(opened, address) as (page, messages, requests):
        assert messages == []
        assert requests == [address]
        assert page.locator("h1").inner_text() == HOSTILE
        assert page.locator("img:not(.compare img)").count() == 0


def test_the_slider_by_mouse(opened, address):
    with shown(opened, address, viewport={"width": 1200, "height": 900}) as (page, _, _):
        slider = page.locator(".compare input").first
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * 0.5, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.8, middle, steps=4)
        page.mouse.up()
        assert 70 <= float(cut(page).rstrip("%")) <= 90
        clip = page.locator(".compare .left").first.evaluate("image => getComputedStyle(image).clipPath")
        assert clip.startswith("inset(0px ")
        assert cut(page, 1) == "50%"


def test_the_slider_by_touch(opened, address):
    options = {"viewport": {"width": 400, "height": 800}, "has_touch": True, "is_mobile": True}
    with shown(opened, address, **options) as (page, _, _):
        slider = page.locator(".compare input").first
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] * 0.2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(100)
        assert float(cut(page).rstrip("%")) <= 35


def test_the_slider_by_keyboard(opened, address):
    with shown(opened, address) as (page, _, _):
        slider = page.locator(".compare input").first
        slider.focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        assert cut(page) == "55%"
        page.keyboard.press("Home")
        assert cut(page) == "0%"
        assert slider.get_attribute("aria-valuetext") == "0% low"


def test_other_pictures_can_be_chosen(opened, address):
    with shown(opened, address) as (page, _, _):
        before = page.locator(".compare .right").first.get_attribute("src")
        page.locator(".choose select[data-side=right]").first.select_option(label="teacher")
        assert page.locator(".compare .right").first.get_attribute("src") != before
        assert page.locator(".compare .tag.r").first.inner_text() == "teacher"


def test_light_and_dark(opened, address):
    colours = {}
    for scheme in ("light", "dark"):
        with shown(opened, address, color_scheme=scheme) as (page, _, _):
            colours[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
            page.locator("#theme").click()
            colours[f"{scheme}, other"] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colours["light"] == colours["dark, other"] != colours["dark"] == colours["light, other"]


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_screen(opened, address, width):
    with shown(opened, address, viewport={"width": width, "height": 800}) as (page, _, _):
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["report", "diff"])
def test_it_passes_an_accessibility_audit(opened, address, tmp_path, scheme, kind):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    if kind == "diff":
        write_diff_page(copied(tmp_path, name="a"), changed(copied(tmp_path, name="b"), threads=3), tmp_path / "d.html")
    where = address if kind == "report" else f"file://{tmp_path / 'd.html'}"
    with shown(opened, where, color_scheme=scheme, bypass_csp=True) as (page, _, _):
        for details in page.locator("details").all():
            details.evaluate("details => details.open = true")
        audit = axe.Axe().run(page)
        assert audit.violations_count == 0, audit.generate_report()
