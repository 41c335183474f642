"""The page is served to this machine alone, whole, and with nothing in it that runs but its own script."""

import json
import re
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from zerokd.data.rooms_and_streets import SAMPLE_SCENES
from zerokd.errors import ExportError, OutputError
from zerokd.models.auto_exposure import AutoExposure
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp
from zerokd.pages.demo import DemoServer, build_demo_page
from zerokd.student.load import TrainedModel


@pytest.fixture(scope="module")
def content():
    return build_demo_page(TrainedModel(NanoDce().eval(), "", {"recipe": "</script><script>alert(1)</script>"}))


@contextmanager
def serving(content):
    with DemoServer(content) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def test_it_is_there_and_nothing_else_is(content):
    with serving(content) as address:
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address) as answer:
            assert answer.read().decode() == content
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        for path in ("etc/passwd", "../../etc/passwd", "index.html"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(address + path)
            assert caught.value.code == 404


def test_what_the_file_says_stays_text(content):
    assert content.count("<script") == 2  # the program, as JSON, and the page's own
    assert "alert(1)</script>" not in content
    facts = json.loads(re.search(r'id="program">(.*?)</script>', content, re.DOTALL)[1])
    assert len(facts["passes"]) == 3
    assert [scene["name"] for scene in facts["scenes"]] == [scene[0] for scene in SAMPLE_SCENES]
    assert all(scene["picture"].startswith("data:image/png;base64,") for scene in facts["scenes"])
    assert facts["controls"] == [{"name": "strength", "least": 0.0, "most": 2.0, "value": 1.0}]
    assert "constants" not in facts


def test_a_model_that_measures_has_more_controls():
    model = AutoExposure(exposure=0.4, denoise=0.5).eval()
    content = build_demo_page(TrainedModel(model, "", {"recipe": "best"}))
    facts = json.loads(re.search(r'id="program">(.*?)</script>', content, re.DOTALL)[1])
    assert [(control["name"], control["value"]) for control in facts["controls"]] == [
        ("strength", 1.0),
        ("exposure", 0.4),
        ("denoise", 0.5),
    ]
    assert len(facts["passes"]) == 9
    assert facts["constants"]["EXPOSURE"] == 0.4
    assert 'id="exposure" min="0.01" max="0.99" step="0.01" value="0.4"' in content


def test_it_goes_nowhere(content):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', content)[1]
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy
    assert not re.findall(r"https?://", content)


def test_a_model_that_shaders_cannot_hold(monkeypatch):
    with pytest.raises(ExportError, match="ZeroDcePp cannot run in a page: it concatenates"):
        build_demo_page(TrainedModel(ZeroDcePp(width=6).eval(), "", {}))


def test_a_port_that_is_taken_is_told(content):
    with DemoServer(content) as server, pytest.raises(OutputError, match=r"cannot serve at 127\.0\.0\.1:"):
        DemoServer(content, server.server_address[1])


REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", REQUEST[:9], REQUEST, REQUEST * 3, b"\xff\0\r\n\r\n", b"PUT / HTTP/1.1\r\n\r\n"])
def test_a_browser_that_goes_away_leaves_no_trace(capfd, sent):
    with serving("x" * 50_000_000) as address:  # more than a socket takes at once
        port = int(address.rstrip("/").rpartition(":")[2])
        for _ in range(3):
            client = socket.create_connection(("127.0.0.1", port))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, not an end
            client.sendall(sent)
            time.sleep(0.02)
            client.close()
        time.sleep(0.1)
        with urllib.request.urlopen(address) as answer:
            assert len(answer.read()) == 50_000_000
    assert capfd.readouterr() == ("", "")


def test_another_error_is_reported(capfd):
    with DemoServer("x") as server:
        try:
            raise ValueError("a defect")
        except ValueError:
            server.handle_error(None, ("127.0.0.1", 9))
    assert "ValueError: a defect" in capfd.readouterr().err
