"""Generated pages say what the code says."""

import pytest

from tests.conftest import ROOT
from tools.site import site
from tools.site.loss_catalogue import COSTS_FILE
from tools.site.markdown import GENERATED_MARK
from zerokd.errors import DataError


@pytest.fixture
def all_packages(monkeypatch):
    monkeypatch.delenv("ZEROKD_PLUGINS")
    try:
        site.find_first_party_entries(ROOT)
    except DataError as error:
        pytest.skip(str(error))


def test_no_page_is_stale(all_packages):
    assert site.find_stale_pages(ROOT) == [], "python -m tools.site"


def test_what_is_not_installed_is_told():
    with pytest.raises(DataError, match="zerokd-retinex") as caught:
        site.find_first_party_entries(ROOT)
    assert "pip install --editable plugins/zerokd-charbonnier" in str(caught.value)


def test_stale_pages_are_named_written_and_removed(tmp_path, monkeypatch):
    (tmp_path / "docs/old").mkdir(parents=True)
    (tmp_path / "docs/old/gone.md").write_text(f"# gone\n\n{GENERATED_MARK}\n")
    (tmp_path / "docs/kept.md").write_text("# by hand\n")
    navigation = (
        "site_name: x\nsite_description: y\nnav:\n  - Reference:\n      # generated\n      # end of generated\n"
    )
    (tmp_path / "mkdocs.yml").write_text(navigation)
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / COSTS_FILE).write_text('{"machine": "a machine", "pixels": 256, "losses": {}}')
    known = [entry for entry in site.discover_plugins().entries if entry.spec.name in ("mse", "gap")]
    monkeypatch.setattr(site, "find_first_party_entries", lambda root: known)
    lines = site.write_stale_pages(tmp_path)
    assert "docs/old/gone.md is orphaned" in lines
    assert "docs/reference/components/losses/mse.md is stale" in lines
    assert not (tmp_path / "docs/old/gone.md").exists()
    assert (tmp_path / "docs/kept.md").read_text() == "# by hand\n"
    assert "- mse: reference/components/losses/mse.md\n" in (tmp_path / "mkdocs.yml").read_text()
    assert site.find_stale_pages(tmp_path) == []
    (tmp_path / "docs/reference/errors.md").write_text("changed")
    assert site.find_stale_pages(tmp_path) == ["docs/reference/errors.md is stale"]
