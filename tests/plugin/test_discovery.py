"""Plugins are found, told apart, and kept from harming each other."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from zerokd.errors import RecipeError
from zerokd.plugin import candidates, discovery
from zerokd.plugin.kinds import KINDS

GOOD = """
from zerokd import Loss, LossSpec, Port, hookimpl

@hookimpl
def zerokd_losses():
    return [LossSpec({name!r}, target=__name__ + ":Flat", summary="a test")]

class Flat(Loss):
    ports = {{"image": Port("any image", grad=True, default="student.enhanced")}}
    def forward(self, *, image):
        return image.mean(dim=(1, 2, 3))
"""


def plugin(folder, stem, text):
    path = folder / f"{stem}.py"
    path.write_text(text)
    return path


def test_built_ins_of_every_kind_are_found_and_none_is_broken():
    catalogue = discovery.discover_plugins()
    assert not catalogue.broken_plugins
    assert all(catalogue.for_kind(kind) for kind in KINDS if kind != "observers")
    assert all(entry.provider.builtin for entry in catalogue.entries)


def test_every_built_in_record_names_its_own_file_and_fits_its_contract():
    for entry in discovery.discover_plugins().entries:
        spec = entry.spec
        assert spec.target.startswith(f"zerokd.{spec.kind}.{spec.name}:")
        assert issubclass(spec.load(), KINDS[spec.kind].load_contract())


def test_a_one_file_plugin_is_found_with_its_origin(tmp_path):
    catalogue = discovery.discover_plugins([plugin(tmp_path, "mine", GOOD.format(name="flat"))])
    entry = catalogue.find("losses", "flat")
    assert entry.qualified_name == "mine:flat"
    assert catalogue.find("losses", "mine:flat") is entry
    assert entry.spec.load().__name__ == "Flat"


def test_two_strangers_with_one_name_must_be_told_apart(tmp_path):
    files = [plugin(tmp_path, stem, GOOD.format(name="flat")) for stem in ("one", "two")]
    catalogue = discovery.discover_plugins(files)
    with pytest.raises(RecipeError) as caught:
        catalogue.find("losses", "flat")
    assert "one and two" in str(caught.value)
    assert 'use = "one:flat"' in str(caught.value)
    assert catalogue.find("losses", "two:flat").provider.name == "two"


def test_a_built_in_is_never_shadowed(tmp_path):
    catalogue = discovery.discover_plugins([plugin(tmp_path, "sly", GOOD.format(name="mse"))])
    assert catalogue.find("losses", "mse").provider.builtin
    assert catalogue.find("losses", "sly:mse").provider.name == "sly"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_module_at_all", "No module named 'no_such_module_at_all'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("class Odd(BaseException): pass\nraise Odd('boom')", "Odd: boom"),
        ("def (", "SyntaxError"),
        (
            "from zerokd import hookimpl\n@hookimpl\ndef zerokd_losses():\n    return [3]",
            "zerokd_losses: TypeError: returned int, expected LossSpec",
        ),
        (
            "from zerokd import hookimpl\n@hookimpl\ndef zerokd_losses():\n    raise ValueError('boom')",
            "zerokd_losses: ValueError: boom",
        ),
        ("from zerokd import hookimpl\n@hookimpl\ndef zerokd_lossses():\n    return []", "zerokd_lossses"),
    ],
)
def test_a_broken_plugin_is_named_and_harms_no_other(tmp_path, text, reason):
    files = [plugin(tmp_path, "bad", text), plugin(tmp_path, "fine", GOOD.format(name="flat"))]
    catalogue = discovery.discover_plugins(files)
    assert [ill.provider.name for ill in catalogue.broken_plugins] == ["bad"]
    assert reason in catalogue.broken_plugins[0].reason
    assert catalogue.find("losses", "flat").provider.name == "fine"


def test_a_missing_name_mentions_the_nearest_and_the_broken(tmp_path):
    catalogue = discovery.discover_plugins([plugin(tmp_path, "bad", "import no_such_module_at_all")])
    with pytest.raises(RecipeError) as caught:
        catalogue.find("losses", "multi_region_exposur")
    assert "did you mean 'multi_region_exposure'?" in str(caught.value)
    assert "plugin bad is broken" in str(caught.value)


class Point(EntryPoint):
    """An installed plugin that was never installed."""

    @property
    def dist(self):
        from types import SimpleNamespace

        return SimpleNamespace(name=f"dist-{self.name}", version="1.2", requires=None)


@pytest.mark.parametrize(
    ("chosen", "names"),
    [(None, {"dist-a", "dist-b"}), ("", set()), ("dist-a", {"dist-a"}), ("dist-a, dist-b", {"dist-a", "dist-b"})],
)
def test_zerokd_plugins_chooses_installed_plugins(monkeypatch, tmp_path, chosen, names):
    for stem in ("a", "b"):
        plugin(tmp_path, f"entry_{stem}", GOOD.format(name=f"flat_{stem}"))
    monkeypatch.syspath_prepend(tmp_path)
    points = [Point(stem, f"entry_{stem}", "zerokd") for stem in ("a", "b")]
    monkeypatch.setattr(candidates, "entry_points", lambda group: points)
    monkeypatch.delenv("ZEROKD_PLUGINS", raising=False)
    if chosen is not None:
        monkeypatch.setenv("ZEROKD_PLUGINS", chosen)
    strangers = [entry.provider for entry in discovery.discover_plugins().entries if not entry.provider.builtin]
    assert {provider.name for provider in strangers} == names
    assert all(provider.version == "1.2" for provider in strangers)


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["--help"], ["run", "--help"]])
def test_listing_and_help_import_no_torch(arguments):
    code = (
        "import atexit, os, sys; sys.argv = ['zerokd', *sys.argv[1:]]\n"
        "atexit.register(lambda: 'torch' in sys.modules and os._exit(1))\n"
        "from zerokd.cli import main\n"
        "main()"
    )
    completed = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout


def test_files_of_one_name_in_two_folders_keep_their_classes_apart(tmp_path):
    targets = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        catalogue = discovery.discover_plugins([plugin(tmp_path / name, "my-own", GOOD.format(name=name))])
        targets.append(catalogue.find("losses", name).spec)
    assert targets[0].target != targets[1].target
    loaded = [sys.modules[spec.load().__module__].__file__ for spec in targets]
    assert loaded == [str(tmp_path / name / "my-own.py") for name in ("one", "two")]


def test_a_file_given_twice_counts_once_and_its_namesake_is_broken(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    plugin(tmp_path, "mine", GOOD.format(name="flat"))
    plugin(tmp_path / "other", "mine", GOOD.format(name="flat"))
    monkeypatch.chdir(tmp_path)
    catalogue = discovery.discover_plugins(["mine.py", tmp_path / "mine.py", "other/mine.py"])
    assert catalogue.find("losses", "mine:flat").spec.load()
    (ill,) = catalogue.broken_plugins
    assert "would have the same name 'mine'; rename one" in ill.reason
    assert str(tmp_path / "other" / "mine.py") in ill.reason


def test_strict_names_every_broken_file(tmp_path):
    files = [tmp_path / "nope.py", plugin(tmp_path, "bad", "def ("), plugin(tmp_path, "fine", GOOD.format(name="flat"))]
    with pytest.raises(RecipeError) as caught:
        discovery.discover_plugins(files, strict=True)
    nope, bad = map(str, caught.value.problems)
    assert nope.startswith("plugin nope is broken: FileNotFoundError")
    assert bad.startswith("plugin bad is broken: SyntaxError")
    assert discovery.discover_plugins(files[2:], strict=True).find("losses", "flat")


def test_strict_does_not_mind_a_broken_installed_plugin(monkeypatch):
    monkeypatch.setattr(candidates, "entry_points", lambda group: [Point("ill", "no_such_module_at_all", "zerokd")])
    monkeypatch.delenv("ZEROKD_PLUGINS", raising=False)
    assert [ill.provider.name for ill in discovery.discover_plugins(strict=True).broken_plugins] == ["dist-ill"]


def test_an_interruption_is_not_a_fault_of_the_plugin(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        discovery.discover_plugins([plugin(tmp_path, "slow", "raise KeyboardInterrupt")])
