"""What a name, a module or a record stands for, and the checks that it gets."""

import importlib.util

import pytest
from pydantic import Field

import zerokd
from zerokd.errors import RecipeError
from zerokd.plugin.catalogue import BrokenPlugin, Catalogue, CatalogueEntry, Provider
from zerokd.plugin.discovery import discover_plugins
from zerokd.testing import collect_checks, conformance
from zerokd.testing.collection import find_undefined_known_failures, make_subjects

FILE = '''
import zerokd

class Flat(zerokd.Loss):
    """Nothing."""
    ports = {"image": zerokd.Port("the image", grad=True)}
    known_failures = {"docstring": "this is a test", "misspelt": "nobody knows"}

    def forward(self, *, image):
        return image.mean(dim=(1, 2, 3))

@zerokd.hookimpl
def zerokd_losses():
    return [zerokd.LossSpec("flat", target=f"{__name__}:Flat", summary="a test")]
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    import sys

    (tmp_path / "flat_plugin.py").write_text(FILE)
    spec = importlib.util.spec_from_file_location("flat_plugin", tmp_path / "flat_plugin.py")
    result = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "flat_plugin", result)
    spec.loader.exec_module(result)
    return result


def test_a_module_a_record_an_entry_and_a_name_give_the_same_checks(module, tmp_path):
    (record,) = module.zerokd_losses()
    entry = CatalogueEntry(record, Provider("mine", "1.0"))
    catalogue = Catalogue((entry,))
    names = [
        list(map(str, collect_checks(reference, catalogue)))
        for reference in (module, record, entry, "mine", "flat", "mine:flat")
    ]
    assert all(reference == names[0] for reference in names)
    assert "flat-batch_order" in names[0]
    assert "flat-worsening" not in names[0]  # not declared


def test_a_one_file_plugin_is_checked_by_its_stem(tmp_path):
    (tmp_path / "mine.py").write_text(FILE)
    catalogue = discover_plugins([tmp_path / "mine.py"])
    assert {check.subject.entry.spec.name for check in collect_checks("mine", catalogue)} == {"flat"}


def test_what_means_nothing_is_told(module):
    with pytest.raises(RecipeError, match="no plugin and no component is called 'nothing'"):
        collect_checks("nothing", Catalogue())
    with pytest.raises(RecipeError, match=r"plugin bad 1\.0 is broken: ImportError: no"):
        collect_checks("bad", Catalogue(broken_plugins=(BrokenPlugin(Provider("bad", "1.0"), "ImportError: no"),)))
    with pytest.raises(RecipeError, match="module 'pytest' registers nothing"):
        collect_checks(pytest)


def test_known_failures_that_name_no_check_are_found(module):
    (record,) = module.zerokd_losses()
    assert find_undefined_known_failures(CatalogueEntry(record, Provider("mine"))) == ["misspelt"]


def test_a_component_is_tried_with_its_examples_or_with_what_it_requires(monkeypatch):
    class Strict(zerokd.Loss):
        class Config(zerokd.Config):
            level: float = Field(ge=2.0, description="a number that must be given")

        ports = {"image": zerokd.Port("the image", grad=True)}

    entry = CatalogueEntry(zerokd.LossSpec("strict", target="a:B", summary="a test"), Provider("mine"))
    monkeypatch.setattr("zerokd.testing.collection.load_component", lambda _: Strict)
    assert [make_subject.options for make_subject in make_subjects(entry)] == [{"level": 2.0}]
    Strict.examples = ({"level": 3.0}, {"level": 4.0})
    assert [str(make_subject) for make_subject in make_subjects(entry)] == ["strict(level=3.0)", "strict(level=4.0)"]


def test_conformance_is_one_parametrised_call(module):
    @conformance(module)
    def a_test(check):
        """Never run."""

    (mark,) = a_test.pytestmark
    assert (mark.name, mark.args[0]) == ("parametrize", "check")
    assert len(mark.args[1]) > 20
