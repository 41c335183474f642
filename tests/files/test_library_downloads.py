"""What a library downloads through torch.hub is asked for and checked, and its files run no code."""

import hashlib
import pickle
import sys
import threading
import types
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
import torch.hub

from zerokd.errors import WeightsError
from zerokd.files import consent
from zerokd.files.library_downloads import check_library_downloads

BODY_STATE = {"weight": torch.arange(4.0)}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        with suppress(ConnectionError):  # who only asks for the size hangs up
            self.wfile.write(self.server.body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "*")
    torch.save(BODY_STATE, tmp_path / "body")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.body, running.requests = (tmp_path / "body").read_bytes(), []
        running.digest = hashlib.sha256(running.body).hexdigest()
        running.address = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()


def load(url, folder):
    with check_library_downloads():
        return torch.hub.load_state_dict_from_url(url, model_dir=str(folder), progress=False)


def test_a_file_with_its_digest_in_its_name_is_fetched_once(server, tmp_path):
    url = f"{server.address}/net-{server.digest[:8]}.pth"
    for _ in range(2):
        assert torch.equal(load(url, tmp_path / "cache")["weight"], BODY_STATE["weight"])
    assert len(server.requests) == 2  # the size, the file; then the cache
    assert torch.hub.download_url_to_file.__module__ == "torch.hub"


def test_another_file_under_that_name_is_refused_and_not_kept(server, tmp_path):
    with pytest.raises(WeightsError, match="invalid hash: SHA-256 starts with"):
        load(f"{server.address}/net-00000000.pth", tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_file_without_a_digest_is_not_asked_for(server, tmp_path):
    with pytest.raises(WeightsError, match=r"nothing states the SHA-256[\s\S]*download it to"):
        load(f"{server.address}/net.pth", tmp_path / "cache")
    assert not server.requests


def test_a_large_file_needs_consent(server, tmp_path, monkeypatch):
    monkeypatch.setattr(consent, "FREE_BYTES", 10)
    url = f"{server.address}/net-{server.digest[:8]}.pth"
    monkeypatch.setenv("ZEROKD_DOWNLOADS", "no")
    with pytest.raises(WeightsError, match="no consent to download"):
        load(url, tmp_path / "cache")
    monkeypatch.setenv("ZEROKD_DOWNLOADS", "yes")
    assert load(url, tmp_path / "cache").keys() == BODY_STATE.keys()


def test_a_library_that_imported_the_function_by_name_is_checked_too(server, tmp_path, monkeypatch):
    library = types.ModuleType("imagined_library")
    library.download_url_to_file = torch.hub.download_url_to_file
    monkeypatch.setitem(sys.modules, "imagined_library", library)
    with check_library_downloads(), pytest.raises(WeightsError, match="nothing states the SHA-256"):
        library.download_url_to_file(f"{server.address}/net.pth", str(tmp_path / "net.pth"))
    assert library.download_url_to_file is torch.hub.download_url_to_file


class Runs:
    def __reduce__(self):
        return (print, ("code of a file ran",))


def test_a_file_runs_no_code_whatever_the_library_asks_for(tmp_path, capsys):
    torch.save({"weight": Runs()}, tmp_path / "evil.pth")
    with check_library_downloads(), pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "evil.pth", weights_only=False)
    assert capsys.readouterr().out == ""
    torch.load(tmp_path / "evil.pth", weights_only=False)  # outside, torch decides
    assert capsys.readouterr().out == "code of a file ran\n"
