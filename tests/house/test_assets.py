"""The weights that ship: made by recipes that ship, telling no path, alive, and the student near to its teacher."""

import json
import tomllib

import pytest
import torch
from safetensors import safe_open

from tests.conftest import RECIPES, ROOT
from zerokd.data.dead_leaves import DeadLeaves
from zerokd.files.weights import load_model_state, read_weights
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp

ASSETS = ROOT / "zerokd" / "assets"
MADE_BY = {"nano_dce": "fidelity", "zero_dce_pp": "teacher"}


def told(name: str) -> str:
    with safe_open(ASSETS / f"{name}.safetensors", framework="pt") as file:
        return file.metadata()["zerokd"]


@pytest.mark.parametrize(("name", "recipe"), MADE_BY.items())
def test_a_recipe_that_ships_made_them_on_generated_scenes(name, recipe):
    facts = json.loads(told(name))
    assert facts["recipe"] == recipe
    assert (RECIPES / f"{recipe}.toml").is_file()
    assert facts["data"]["source"]["use"] == "zerokd:dead_leaves"
    assert facts["fallbacks"] == []
    assert not any(root in told(name) for root in ("/work", "/home", "/tmp", "/root"))


def test_the_stated_weights_are_those_of_the_recipe():
    tables = tomllib.loads((RECIPES / "teacher.toml").read_text(encoding="utf-8"))
    terms = tables["terms"]["zero_reference"]
    wanted = {f"zero_reference.{name}": term.get("weight", 1.0) for name, term in terms.items()}
    assert json.loads(told("zero_dce_pp"))["stages"][0]["weights"] == wanted


@torch.no_grad()
def test_the_student_copies_the_teacher_on_scenes_it_never_saw():
    student, teacher = NanoDce(), ZeroDcePp()
    for name, model in (("nano_dce", student), ("zero_dce_pp", teacher)):
        load_model_state(model, read_weights(ASSETS / f"{name}.safetensors")[0], name)
        model.eval()
    data = DeadLeaves(count=16, size=96, seed=11)
    low = torch.stack([data[index] for index in range(16)]).float() / 255
    errors = (student(low)["enhanced"] - teacher(low)["enhanced"]).square().mean(dim=(1, 2, 3))
    assert (-10 * errors.log10()).mean() > 35
    hidden = student.e_conv1(low)
    assert (hidden.amax(dim=(0, 2, 3)) > 0).all()
    assert (student.e_conv2(hidden.relu()).amax(dim=(0, 2, 3)) > 0).all()
