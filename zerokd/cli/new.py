"""``zerokd new``."""

from __future__ import annotations

from pathlib import Path

import click

from zerokd.cli.options import reports_phases
from zerokd.plugin.kinds import KINDS

RECIPE = "recipe"


@click.command("new")
@click.argument("kind", type=click.Choice([*(kind.word for kind in KINDS.values()), RECIPE]))
@click.argument("name", required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder to create; by default ./zerokd-NAME, for a recipe the working folder.",
)
@click.option("--one-file", is_flag=True, help="Create only NAME.py, for --plugin, in --out or here.")
@click.option(
    "--wrap",
    "wrapped_path",
    metavar="PACKAGE.NAME",
    help="Wrap a function or class of an installed library as a loss, such as piq.gmsd.",
)
@click.option("--from", "base", metavar="RECIPE", help="Recipe that a new recipe extends; by default paper.")
@reports_phases
def command(
    kind: str, name: str | None, out: Path | None, one_file: bool, wrapped_path: str | None, base: str | None
) -> None:
    """Create a working plugin to start from: a KIND named NAME, with its package and tests; or a recipe."""
    if wrapped_path is not None:
        if kind != "loss" or base is not None:
            raise click.UsageError("--wrap applies to a loss: zerokd new loss [NAME] --wrap PACKAGE.NAME")
        _wrap_loss(name, wrapped_path, out, one_file)
        return
    if name is None:
        raise click.UsageError("Missing argument 'NAME'.")
    if kind == RECIPE:
        _create_recipe(name, base or "paper", out or Path(), one_file)
        return
    if base is not None:
        raise click.UsageError("--from applies to a recipe: zerokd new recipe NAME --from RECIPE")
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.templates import scaffold

    scaffold.check_component_name(kind, name, discover_plugins())
    if one_file:
        scaffold.check_file_name(name)
        folder = out or Path()
        scaffold.write_files(scaffold.render_single_file(kind, name), folder)
        path = folder / f"{name}.py"
        click.echo(f"Created {path}. Next:\n  zerokd show {name} --plugin {path}")
        click.echo(f"  zerokd plugins --check {name} --plugin {path}")
        return
    folder = out or Path(scaffold.package_folder(name))
    scaffold.write_files(scaffold.render_package(kind, name), folder)
    click.echo(
        f"Created {folder}. Next:\n  cd {folder}\n  pip install --editable '.[test]'\n  pytest\n  zerokd show {name}"
    )


def _wrap_loss(name: str | None, wrapped_path: str, out: Path | None, one_file: bool) -> None:
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.plugin.library_callable import find_callable
    from zerokd.templates import scaffold, wrapped_loss
    from zerokd.testing.declaration_guess import guess_declaration

    library = find_callable(wrapped_path)
    name = name or wrapped_loss.component_name(library.name)
    scaffold.check_component_name("loss", name, discover_plugins())
    if one_file:
        scaffold.check_file_name(name)
    guess = guess_declaration(library, scaffold.class_name(name))
    render = wrapped_loss.render_wrapped_file if one_file else wrapped_loss.render_wrapped_package
    folder = out or (Path() if one_file else Path(scaffold.package_folder(name)))
    scaffold.write_files(render(name, guess.declaration, guess.undecided), folder)
    path = folder / f"{name}.py" if one_file else folder
    click.echo(f"Created {path}: {guess.describe()}")
    click.echo("Decide, in the lines marked `decide`:")
    click.echo("\n".join(f"  {sentence}" for sentence in guess.undecided))
    if one_file:
        click.echo(f"Next:\n  zerokd plugins --check {name} --plugin {path}")
    else:
        click.echo(f"Next:\n  cd {folder}\n  pip install --editable '.[test]'\n  pytest\n  zerokd show {name}")


def _create_recipe(name: str, base: str, folder: Path, one_file: bool) -> None:
    from zerokd.templates import new_recipe, scaffold

    if one_file:
        raise click.UsageError("--one-file applies to plugins; a recipe is always one file")
    scaffold.write_files(new_recipe.render_recipe(name, base, folder), folder)
    path = folder / f"{name}.toml"
    click.echo(f"Created {path}. Next:\n  zerokd check {path}\n  zerokd run {path}")
