"""Plugins at a glance."""

import json

from zerokd import LossSpec, ModelSpec
from zerokd.describe.plugins import describe_plugins, format_pip_requirements, list_plugin_statuses, plugins_as_json
from zerokd.files.digest import file_sha256
from zerokd.plugin.catalogue import BrokenPlugin, Catalogue, CatalogueEntry, PluginNote, Provider

OURS, MINE, BROKEN = Provider("zerokd", "0.1.0", builtin=True), Provider("mine", "1.2"), Provider("ill", "0.3")


def loss(name, provider):
    return CatalogueEntry(LossSpec(name, target="a:B", summary="a test"), provider)


CATALOGUE = Catalogue(
    (
        loss("mse", OURS),
        loss("flat", MINE),
        loss("mse", MINE),
        CatalogueEntry(ModelSpec("net", target="a:B", summary="a test"), MINE),
    ),
    (BrokenPlugin(BROKEN, "ImportError: no"), BrokenPlugin(MINE, "zerokd_data: ValueError: boom")),
    (PluginNote(MINE, "printed: hello"),),
)


def test_rows_count_what_each_brings_and_name_its_state():
    statuses = {row.provider.name: (row.state, row.components_text) for row in list_plugin_statuses(CATALOGUE)}
    assert statuses == {
        "zerokd": ("ok", "1 loss"),
        "ill": ("broken", "nothing"),
        "mine": ("partly", "2 losses, 1 model"),
    }


def test_text_and_json_say_all():
    text = describe_plugins(CATALOGUE)
    for part in ("ImportError: no", "zerokd_data: ValueError: boom", "note: printed: hello", "clash: loss 'mse'"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80
    assert (
        next(row["provider"]["name"] for row in json.loads(json.dumps(plugins_as_json(CATALOGUE)))["plugins"])
        == "zerokd"
    )


def test_requirements_name_versions_and_digest_files(tmp_path):
    (tmp_path / "own.py").write_text("x = 1\n")
    own = Provider("own", path=str(tmp_path / "own.py"))
    lines = list(format_pip_requirements(Catalogue((*CATALOGUE.entries, loss("own", own)), CATALOGUE.broken_plugins)))
    assert lines == ["zerokd==0.1.0", "mine==1.2", f"# {own.path} sha256:{file_sha256(own.path)}"]
    assert len(file_sha256(own.path)) == 64
