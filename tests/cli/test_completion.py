"""What the shell is offered; the way there is in test_plugins.py."""

from zerokd.cli.completion import complete_component_or_recipe, complete_plugin_or_component, complete_recipe


def offered(complete, typed):
    return [item.value for item in complete(None, None, typed)]


def test_components_by_bare_and_full_name():
    assert offered(complete_component_or_recipe, "color") == ["color_cast", "color_constancy"]
    assert offered(complete_component_or_recipe, "zerokd:nano") == ["zerokd:nano_dce"]
    assert complete_component_or_recipe(None, None, "ssim")[0].help


def test_a_path_or_a_name_that_nobody_has_is_a_file():
    for typed in ("recipes/pa", "./x", "~/x", "nobody_has_this"):
        assert complete_component_or_recipe(None, None, typed)[0].type == "file"


def test_plugins_too():
    assert "zerokd" in offered(complete_plugin_or_component, "ze")


def test_recipes_too_and_files_beside_them():
    assert offered(complete_recipe, "pa") == ["paper", ""]
    assert complete_recipe(None, None, "x")[0].type == "file"
    assert offered(complete_component_or_recipe, "pap") == ["paper"]
