"""The page of a component: all that it declares, in 80 columns."""

import json
import math
import sys
from types import ModuleType
from typing import Literal

import pytest
from pydantic import Field

import zerokd
from zerokd.describe.component import describe_component, format_component_page
from zerokd.errors import PluginError
from zerokd.plugin.catalogue import CatalogueEntry, Provider
from zerokd.plugin.discovery import discover_plugins
from zerokd.text import TEXT_WIDTH

BUILT_IN = pytest.mark.parametrize("entry", discover_plugins().entries, ids=lambda entry: entry.qualified_name)


class Sample(zerokd.Loss):
    """Rewards one thing, against another; and this sentence goes on until the line is too long for eighty columns.

    Formula: $a^2$, the square of what is given, averaged over every axis that it has, and then some words more
    until it is long enough.
    Returns: (N,).

    Example:
        >>> 1 + 1
        2
    """

    class Config(zerokd.Config):
        start: float = Field(gt=0.0, alias="from", description="where it starts, in words that fill a line and more")
        mode: Literal["soft", "hard"] = Field("soft", description="[how]")
        free: int | None = None

    ports = {
        "a": zerokd.Port("trained", range=(0.0, math.inf), grad=True),
        "b": zerokd.Port("frozen", default="teacher.enhanced", like="a"),
    }
    bounds = (-1.0, math.inf)


PAGE = """\
sample: a test
loss of mine 1.2, a_test_module:Sample

Rewards one thing, against another; and this sentence goes on until the line is
too long for eighty columns.

Formula: $a^2$, the square of what is given, averaged over every axis that it
  has, and then some words more until it is long enough.
Returns: (N,).

Example:
    >>> 1 + 1
    2

Ports
  port  about    range     gradient  default           like
  a     trained  [0, inf)  yes       none
  b     frozen   any       no        teacher.enhanced  a

Values in [-1, inf)

Config
  key   type              default   bounds    description
  from  number            required  (0, inf)  where it starts, in words that
                                              fill a line and more
  mode  "soft" or "hard"  "soft"              [how]
  free  integer           none

In a recipe
  [terms.distillation.sample]
  use = "mine:sample"
  on = { a = "student.enhanced" }
  from = 1
"""


@pytest.fixture
def sample(monkeypatch):
    """The component above, registered by a stranger."""
    module = ModuleType("a_test_module")
    module.Sample = Sample
    monkeypatch.setitem(sys.modules, "a_test_module", module)
    return CatalogueEntry(
        zerokd.LossSpec("sample", target="a_test_module:Sample", summary="a test"), Provider("mine", "1.2")
    )


def test_a_page_says_all_that_is_declared(sample):
    assert format_component_page(sample) == PAGE


def test_the_same_as_data(sample):
    data = describe_component(sample)
    assert {key: data[key] for key in ("kind", "name", "provider", "version", "target", "summary", "bounds")} == {
        "kind": "losses",
        "name": "sample",
        "provider": "mine",
        "version": "1.2",
        "target": "a_test_module:Sample",
        "summary": "a test",
        "bounds": [-1.0, None],
    }
    assert data["doc"].startswith("Rewards one thing")
    assert "\n\nExample:\n    >>> 1 + 1\n    2" in data["doc"]
    assert [port["range"] for port in data["ports"]] == [[0.0, None], None]
    assert [(key["key"], key["required"], key["default"]) for key in data["config"]] == [
        ("from", True, None),
        ("mode", False, "soft"),
        ("free", False, None),
    ]
    assert f"\n{data['snippet']}" == PAGE[PAGE.index("\n  [terms") :].replace("\n  ", "\n")


class Net(zerokd.Model):
    class Config(zerokd.Config):
        floor: float = Field(gt=0.0, lt=1.0, examples=[0.25])

    def outputs(self):
        light = zerokd.Signal(range=(self.config.floor, 1.0), unchanged=1.0)
        return {"enhanced": zerokd.Signal(range=(0.0, math.inf)), "light": light}


def test_a_models_outputs_are_shown_as_it_declares_them(monkeypatch):
    module = ModuleType("a_test_module")
    module.Net = Net
    monkeypatch.setitem(sys.modules, "a_test_module", module)
    entry = CatalogueEntry(
        zerokd.ModelSpec("net", target="a_test_module:Net", summary="a test"), Provider("mine", "1.2")
    )
    rows = [line.split() for line in format_component_page(entry).splitlines()]
    assert ["signal", "range", "unchanged", "iterations"] in rows
    assert ["light", "[0.25,", "1]", "1"] in rows
    assert describe_component(entry)["outputs"] == [
        {"signal": "enhanced", "range": [0.0, None], "unchanged": None, "iterations": None},
        {"signal": "light", "range": [0.25, 1.0], "unchanged": 1.0, "iterations": None},
    ]


def test_a_model_whose_file_has_the_outputs_shows_the_one_that_all_have():
    (entry,) = discover_plugins().find_by_name("onnx_model")
    assert describe_component(entry)["outputs"] == [
        {"signal": "enhanced", "range": [0.0, 1.0], "unchanged": None, "iterations": None}
    ]


def test_a_name_wider_than_its_column_is_not_cut_short(sample, monkeypatch):
    name = "student.a_signal_of_a_name_that_no_column_of_this_table_has_room_for"
    monkeypatch.setattr(Sample, "ports", {"a": zerokd.Port("a signal of a long name", default=name)})
    table = format_component_page(sample).partition("Ports\n")[2].partition("\n\n")[0]
    assert name in "".join(line.split()[-1] for line in table.splitlines())


def test_a_component_without_docstring_has_a_page(sample, monkeypatch):
    monkeypatch.setattr(Sample, "__doc__", None)
    assert format_component_page(sample).splitlines()[:4] == [*PAGE.splitlines()[:2], "", "Ports"]


def test_a_config_that_cannot_be_read_is_its_own_fault(sample, monkeypatch):
    class Config(zerokd.Config):
        model_config = {"arbitrary_types_allowed": True}
        stream: type(sys.stdout)

    monkeypatch.setattr(Sample, "Config", Config)
    with pytest.raises(PluginError, match="the config of mine:sample failed: PydanticInvalidForJsonSchema"):
        format_component_page(sample)


@BUILT_IN
def test_the_page_of_a_built_in_fits_and_leaves_nothing_out(entry):
    text, page = format_component_page(entry), describe_component(entry)
    prose, _, snippet = text.partition(
        "\nOn the command line\n" if entry.spec.kind == "exporters" else "\nIn a recipe\n"
    )
    code = [line for line in page["doc"].splitlines() if line.startswith(" ")]
    assert [line for line in prose.splitlines() if len(line) > TEXT_WIDTH and line not in code] == []
    assert "\x1b" not in text
    assert "".join(page["doc"].split()) in "".join(text.split())
    names = [row["port"] for row in page.get("ports", ())] + [row["key"] for row in page["config"]]
    assert set(names) <= {line.split()[0] for line in prose.splitlines() if line.startswith("  ")}
    assert snippet.replace("\n  ", "\n")[2:] == page["snippet"]


@BUILT_IN
def test_the_facts_of_a_built_in_are_plain_json(entry):
    page = describe_component(entry)

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads(json.dumps(page), parse_constant=refuse).keys() == page.keys()


def test_the_page_of_a_metric_says_which_way_is_better_and_in_what():
    entry = discover_plugins().find("metrics", "psnr")
    assert (describe_component(entry)["better"], describe_component(entry)["unit"]) == ("higher", "dB")
    assert "Values in [0, 120] dB; higher is better" in format_component_page(entry)
