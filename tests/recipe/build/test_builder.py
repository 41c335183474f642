"""Mistakes are collected, and a part that failed is left out."""

from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.builder import Builder
from zerokd.recipe.schema.recipe import TermConfig
from zerokd.recipe.toml.document import parse_document

TEXT = (
    '[terms.a.one]\nuse = "ssim"\nwindow = 7\n[terms.a.two]\nuse = "ssmi"\n[terms.a.three]\nuse = "ssim"\nwindow = 0\n'
)


def test_what_can_be_built_is_and_the_rest_is_told_at_its_place():
    document = parse_document(TEXT, "x.toml")
    builder = Builder(document, discover_plugins())
    tables = document.tables["terms"]["a"]
    components = [builder.build(TermConfig(**table), ("terms", "a", name)) for name, table in tables.items()]
    assert components[0].config.window == 7
    assert components[1:] == [None, None]
    assert [str(error.problems[0].place) for error in builder.errors] == ["x.toml:5:7", "x.toml:8:10"]
    assert builder.failed_paths == {("terms", "a", "two"), ("terms", "a", "three")}
    assert list(builder.used_entries) == ["zerokd:ssim"]
    assert builder.provenance["terms.a.one"]["config"]["window"] == 7
