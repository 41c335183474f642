"""The site as a reader has it: built strictly, read in a browser without any network."""

import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import ROOT
from tests.pages.browser import browser, needs_chromium, shown

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
WIDE = ["index", "reference/components/index", "reference/components/losses/multi_region_exposure", "reference/recipe"]
WIDE += ["reference/command_line", "reference/python", "how_to/use_a_student", "results/best", "explanation/signals"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs", reason="the site's tools are not installed: pip install 'zerokd[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def address(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def opened():
    with browser() as chromium:
        yield chromium


def test_every_formula_became_mathml(site):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "arithmatex" not in text or "<math" in text
        assert r"\(" not in text.split("<script")[0]
        assert r"\frac" not in text
        assert "<merror" not in text


def test_programs_have_their_overview(site):
    listed = [
        line.split("](")[1].split(")")[0] for line in (site / "llms.txt").read_text().splitlines() if "](" in line
    ]
    assert len(listed) > 80
    assert [path for path in listed if not (site / path).exists()] == []


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", WIDE)
def test_a_page_fits_a_phone_and_asks_for_nothing_else(opened, address, path, scheme):
    with shown(opened, f"{address}{path}.html", viewport=PHONE, color_scheme=scheme) as (page, messages, requests):
        page.wait_for_selector("article")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert [message for message in messages if message.startswith("error")] == []
        assert [url for url in requests if not url.startswith(address)] == []
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")


@needs_chromium
@pytest.mark.parametrize("from_disk", [False, True])
def test_the_catalogue_is_filtered_by_kind_and_word(opened, address, site, from_disk):
    start = f"{site.as_uri()}/" if from_disk else address
    with shown(opened, f"{start}reference/components/index.html", viewport=DESK) as (page, _, _):
        rows = page.locator("article table tbody tr:visible")
        everything = rows.count()
        page.get_by_role("button", name="loss", exact=True).click()
        losses = rows.count()
        assert 10 < losses < everything
        page.get_by_role("searchbox", name="Show only components with this").fill("teacher moving")
        assert rows.locator("td:first-child").all_inner_texts() == ["contrastive"]
        assert page.locator(".filter output").inner_text() == f"1 of {everything}"


@needs_chromium
def test_search_finds_a_loss(opened, address):
    with shown(opened, f"{address}index.html", viewport=DESK) as (page, _, requests):
        # key by key: the theme listens for keys, not for a value that is put in at once
        page.locator("[data-md-component=search-query]").press_sequentially("multi_region_exposure")
        result = page.locator(".md-search-result__link").first
        result.wait_for(timeout=60_000)
        assert "multi_region_exposure" in result.get_attribute("href")
        assert [url for url in requests if not url.startswith(address)] == []
