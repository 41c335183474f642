"""Plugins at a glance."""

import json

from zerokd import LossSpec, ModelSpec
from zerokd.describe.plugins import as_json, as_text, requirements, rows
from zerokd.files.digest import sha256
from zerokd.plugin.catalogue import Broken, Catalogue, Entry, Note, Provider

OURS, MINE, ILL = Provider("zerokd", "0.1.0", builtin=True), Provider("mine", "1.2"), Provider("ill", "0.3")


def loss(name, provider):
    return Entry(LossSpec(name, target="a:B", summary="a test"), provider)


CATALOGUE = Catalogue(
    (
        loss("mse", OURS),
        loss("flat", MINE),
        loss("mse", MINE),
        Entry(ModelSpec("net", target="a:B", summary="a test"), MINE),
    ),
    (Broken(ILL, "ImportError: no"), Broken(MINE, "zerokd_data: ValueError: boom")),
    (Note(MINE, "printed: hello"),),
)


def test_rows_count_what_each_brings_and_name_its_state():
    found = {row.provider.name: (row.state, row.told) for row in rows(CATALOGUE)}
    assert found == {"zerokd": ("ok", "1 loss"), "ill": ("broken", "nothing"), "mine": ("partly", "2 losses, 1 model")}


def test_text_and_json_say_all():
    text = as_text(CATALOGUE)
    for part in ("ImportError: no", "zerokd_data: ValueError: boom", "note: printed: hello", "clash: loss 'mse'"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80
    assert next(row["provider"]["name"] for row in json.loads(json.dumps(as_json(CATALOGUE)))["plugins"]) == "zerokd"


def test_requirements_name_versions_and_digest_files(tmp_path):
    (tmp_path / "own.py").write_text("x = 1\n")
    own = Provider("own", path=str(tmp_path / "own.py"))
    lines = list(requirements(Catalogue((*CATALOGUE.entries, loss("own", own)), CATALOGUE.broken)))
    assert lines == ["zerokd==0.1.0", "mine==1.2", f"# {own.path} sha256:{sha256(own.path)}"]
    assert len(sha256(own.path)) == 64
