"""Chromium for tests of pages; they are skipped, with a reason, where there is none."""

import shutil
from contextlib import contextmanager

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync"]
STALL = "GPU stall due to ReadPixels"  # what a software renderer says of every picture that is saved
SOFTWARE = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")


@contextmanager
def browser(*flags):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as one:
        opened = one.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def shown(opened, address, **options):
    """A page, with everything that its console says and every address that it asks for."""
    context = opened.new_context(**options)
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: STALL in message.text or said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda fault: said.append(str(fault)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    try:
        yield page, said, [one for one in asked if not one.startswith("data:")]
    finally:
        context.close()
