"""Every rule of exporters fails on an exporter with that defect."""

import itertools
from pathlib import Path

import pytest
import torch

import zerokd
from tests.testing.planted import failing
from zerokd.testing.collection import RULES_BY_KIND
from zerokd.testing.exporters import make_student

COUNT = itertools.count()


class Good(zerokd.Exporter):
    """Writes the weights, and runs a student with them."""

    suffix = ".weights"

    def write(self, model, path, facts):
        path.write_text(" ".join(str(weight.item()) for weights in model.parameters() for weight in weights.flatten()))

    def run(self, path):
        model, numbers = make_student(), iter(map(float, path.read_text().split()))
        with torch.no_grad():
            for weights in model.parameters():
                weights.copy_(torch.tensor([next(numbers) for _ in range(weights.numel())]).view_as(weights))
        return lambda low: model(torch.from_numpy(low))["enhanced"].detach().numpy()


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    """One defect is to write where it happens to stand."""
    monkeypatch.chdir(tmp_path)


def variant(**names):
    return type("Planted", (Good,), {"__doc__": "A test.", **names})


def beside(self, model, path, facts):
    Good.write(self, model, path, facts)
    Path("log.txt").write_text("here")


def other_each_time(self, model, path, facts):
    Good.write(self, model, path, facts)
    with path.open("a") as file:
        file.write(" 0" * next(COUNT))


def in_half(self, model, path, facts):
    model.half().float()
    Good.write(self, model, path, facts)


PLANTED = {
    "suffix": variant(suffix="weights"),
    "same_pixels": variant(run=lambda self, path: lambda low: low),
    "one_file": variant(write=beside),
    "same_bytes": variant(write=other_each_time),
    "leaves_the_model": variant(write=in_half, tolerance=0.1),
}


def test_a_good_exporter_passes_everything():
    assert failing("exporters", Good) == {}


def test_a_format_of_two_files_passes_too():
    def write(self, model, path, facts):
        Good.write(self, model, path, facts)
        path.with_suffix(".bin").write_text("")

    assert failing("exporters", variant(write=write, companions=(".bin",))) == {}
    assert set(failing("exporters", variant(companions=(".bin",)))) == {"one_file"}


def test_every_rule_has_its_defect():
    assert {rule.name for rule in RULES_BY_KIND["exporters"]} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_only_the_check_of_its_defect_fails(name):
    assert set(failing("exporters", PLANTED[name])) == {name}


def test_a_random_number_and_a_tolerance_that_allows_all_are_seen():
    def draws(self, model, path, facts):
        torch.rand(1)
        Good.write(self, model, path, facts)

    assert "random generator" in failing("exporters", variant(write=draws))["leaves_the_model"]
    assert "tolerance is 1.0" in failing("exporters", variant(tolerance=1.0))["same_pixels"]
