"""Downloads from a local server: right, cached, wrong hash, cut off, silent, offline; and what the cache then holds."""

import hashlib
import io
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import safetensors.torch
import torch

from zerokd.errors import WeightsError
from zerokd.files import download
from zerokd.files.download import fetch_tensors
from zerokd.files.weights import read_weights

STATE = {"features.0.weight": torch.arange(6.0).view(2, 3), "features.0.bias": torch.ones(2), "other": torch.zeros(9)}


def saved(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


class Server(ThreadingHTTPServer):
    """Serves one body at /vgg.pth; ``cut`` sends only half of what it promises, ``mute`` nothing at all."""

    daemon_threads = True

    def __init__(self):
        self.body, self.fault, self.requests, self.released = saved(STATE), "", 0, threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/vgg.pth"

    @property
    def prefix(self):
        return hashlib.sha256(self.body).hexdigest()[:8]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests += 1
        if server.fault == "mute":
            server.released.wait()
            return
        self.send_response(404 if self.path != "/vgg.pth" else 200)
        self.send_header("Content-Length", str(len(server.body)))
        self.end_headers()
        self.wfile.write(server.body[: len(server.body) // 2] if server.fault == "cut" else server.body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def cache_path(tmp_path):
    return tmp_path / "cache" / "kept.safetensors"


def list_files(cache_path):
    return [path.name for path in cache_path.parent.rglob("*")]


def fetch(server, cache_path):
    return fetch_tensors(
        server.url, server.prefix, lambda name: name.startswith("features."), cache_path, len(server.body)
    )


def assert_right(tensors):
    assert sorted(tensors) == ["features.0.bias", "features.0.weight"]
    assert all(torch.equal(value, STATE[name]) for name, value in tensors.items())


def test_the_wanted_tensors_are_kept_and_nothing_else(server, cache_path):
    assert_right(fetch(server, cache_path))
    assert list_files(cache_path) == [cache_path.name]
    assert_right(read_weights(cache_path)[0])


def test_a_second_call_needs_no_network(server, cache_path):
    fetch(server, cache_path)
    assert_right(fetch(server, cache_path))
    assert server.requests == 1


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "harm",
    [
        flip_a_bit,
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not a weights file"),
        lambda path: path.write_bytes(safetensors.torch.save(STATE)),
    ],
    ids=["bit flipped", "truncated", "empty", "text", "another's file"],
)
def test_a_damaged_cache_is_fetched_anew(server, cache_path, harm):
    fetch(server, cache_path)
    harm(cache_path)
    assert_right(fetch(server, cache_path))
    assert server.requests == 2


def test_a_cache_made_from_another_address_is_not_taken(server, cache_path):
    fetch(server, cache_path)
    server.body = saved({name: value + 1 for name, value in STATE.items()})
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    tensors = fetch_tensors(elsewhere, server.prefix, lambda name: name == "other", cache_path, len(server.body))
    assert torch.equal(tensors["other"], STATE["other"] + 1)


def test_a_wrong_hash_is_refused(server, cache_path):
    with pytest.raises(WeightsError, match="invalid hash") as caught:
        fetch_tensors(server.url, "00000000", lambda name: True, cache_path, 1000)
    assert server.url in str(caught.value)
    assert caught.value.exit_code == 3
    assert list_files(cache_path) == []


def test_a_cut_off_download_is_refused(server, cache_path):
    server.fault = "cut"
    with pytest.raises(WeightsError, match=f"ended after {len(server.body) // 2} of {len(server.body)} bytes"):
        fetch(server, cache_path)
    assert list_files(cache_path) == []


def test_a_missing_file_is_told(server, cache_path):
    with pytest.raises(WeightsError, match="404"):
        fetch_tensors(server.url + ".gone", server.prefix, lambda name: True, cache_path, 1000)
    assert list_files(cache_path) == []


def test_a_silent_server_is_given_up(server, cache_path, monkeypatch):
    server.fault = "mute"
    monkeypatch.setattr(download, "SERVER_TIMEOUT_SECONDS", 0.2)
    before = socket.getdefaulttimeout()
    with pytest.raises(WeightsError, match="timed out"):
        fetch(server, cache_path)
    assert list_files(cache_path) == []
    assert socket.getdefaulttimeout() == before


def test_offline_says_what_was_wanted_from_where_and_what_to_do(cache_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, never listening: every connection is refused
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/vgg.pth"
        with pytest.raises(WeightsError) as caught:
            fetch_tensors(url, "00000000", lambda name: True, cache_path, 1000)
    text = str(caught.value)
    for part in (url, "refused", "network", str(cache_path.parent), "ZEROKD_CACHE"):
        assert part in text
    assert list_files(cache_path) == []


def test_what_is_not_a_state_dict_is_refused_though_its_hash_is_right(server, cache_path):
    server.body = saved([1, 2, 3])
    with pytest.raises(WeightsError, match="state dict"):
        fetch(server, cache_path)
    assert list_files(cache_path) == []


def test_a_cache_that_cannot_be_made_is_told(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match="ZEROKD_CACHE"):
        fetch(server, tmp_path / "file" / "kept.safetensors")


LARGE = 20 * 10**6  # needs consent; the body that the server sends is small all the same


def fetch_large(server, cache_path):
    return fetch_tensors(server.url, server.prefix, lambda name: name.startswith("features."), cache_path, LARGE)


def test_a_large_file_is_not_touched_without_consent(server, cache_path, monkeypatch):
    monkeypatch.delenv("ZEROKD_DOWNLOADS", raising=False)
    with pytest.raises(WeightsError, match=r"no consent to download vgg\.pth, 19 MB from 127\.0\.0\.1"):
        fetch_large(server, cache_path)
    assert server.requests == 0
    assert not cache_path.parent.exists()
    monkeypatch.setenv("ZEROKD_DOWNLOADS", "yes")
    assert_right(fetch_large(server, cache_path))
    monkeypatch.setenv("ZEROKD_DOWNLOADS", "no")
    assert_right(fetch_large(server, cache_path))  # from the cache, which needs no consent
    assert server.requests == 1


def test_a_file_that_grew_is_refused(server, cache_path, monkeypatch):
    monkeypatch.setattr(download, "FREE_BYTES", 0)
    with pytest.raises(WeightsError, match="larger than the 100 bytes"):
        fetch_tensors(server.url, server.prefix, lambda name: True, cache_path, 100)
    assert list_files(cache_path) == []


def test_a_pipe_gets_lines_with_size_speed_and_time_left(server, cache_path, monkeypatch, capsys):
    monkeypatch.setattr(download, "SECONDS_PER_LINE", 0.0)
    monkeypatch.setattr(download, "CHUNK_BYTES", 512)
    fetch(server, cache_path)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == -(-len(server.body) // 512)
    assert re.fullmatch(r"vgg\.pth: 0 of 0 MB, \d+\.\d MB/s, 0 s left", lines[-1])
