"""A student's file is enough to build it."""

import pytest
import torch

import zerokd
from zerokd.errors import RecipeError, WeightsError
from zerokd.files.weights import write_weights
from zerokd.models.nano_dce import NanoDce


def test_a_student_is_built_as_its_file_says(tmp_path):
    student = NanoDce(width=6, iterations=3)
    facts = {"architecture": {"use": "zerokd:nano_dce", "config": {"width": 6, "iterations": 3}}}
    write_weights(tmp_path / "student.safetensors", student.state_dict(), facts)
    loaded, low = zerokd.load_model(tmp_path / "student.safetensors"), torch.rand(2, 3, 8, 8)
    assert loaded.config == student.config
    assert torch.equal(loaded(low)["enhanced"], student(low)["enhanced"])


def test_a_file_that_does_not_say_what_it_is_for(tmp_path):
    write_weights(tmp_path / "a.safetensors", NanoDce().state_dict(), {})
    with pytest.raises(WeightsError, match="does not describe its model"):
        zerokd.load_model(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "architecture",
    [{}, [], "nano_dce", {"use": "zerokd:nano_dce"}, {"use": 3, "config": {}}, {"use": "a", "config": 1}],
)
def test_facts_of_another_form_are_no_crash(tmp_path, architecture):
    write_weights(tmp_path / "a.safetensors", NanoDce().state_dict(), {"architecture": architecture})
    with pytest.raises(WeightsError, match="does not describe its model"):
        zerokd.load_model(tmp_path / "a.safetensors")


def test_a_config_that_the_model_refuses(tmp_path):
    facts = {"architecture": {"use": "zerokd:nano_dce", "config": {"width": -1, "depth": 3}}}
    write_weights(tmp_path / "a.safetensors", NanoDce().state_dict(), facts)
    with pytest.raises(WeightsError, match=r"zerokd:nano_dce rejects the configuration(?s:.*)width(?s:.*)depth"):
        zerokd.load_model(tmp_path / "a.safetensors")


def test_a_model_of_a_one_file_plugin_needs_that_file(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from zerokd import ModelSpec, hookimpl\n"
        "from zerokd.models.nano_dce import NanoDce as Own\n"
        "@hookimpl\n"
        "def zerokd_models():\n"
        "    return [ModelSpec('own', target=__name__ + ':Own', summary='a test')]\n"
    )
    facts = {"architecture": {"use": "mine:own", "config": {}}}
    write_weights(tmp_path / "a.safetensors", NanoDce().state_dict(), facts)
    message = r'unknown model(?s:.*)`pip install --upgrade mine`(?s:.*)plugins=\["mine\.py"\]'
    with pytest.raises(RecipeError, match=message):
        zerokd.load_model(tmp_path / "a.safetensors")
    assert isinstance(zerokd.load_model(tmp_path / "a.safetensors", plugins=[plugin]), NanoDce)
