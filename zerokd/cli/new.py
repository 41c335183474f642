"""``zerokd new``."""

from __future__ import annotations

from pathlib import Path

import click

from zerokd.plugin.kinds import KINDS


@click.command("new")
@click.argument("kind", type=click.Choice([kind.word for kind in KINDS.values()]))
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to create; by default ./zerokd-NAME.")
@click.option("--one-file", is_flag=True, help="Create only NAME.py, for --plugin, in --out or here.")
def command(kind: str, name: str, out: Path | None, one_file: bool) -> None:
    """Create a working plugin to start from: a KIND named NAME, with its package and tests."""
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
    folder = out or Path(f"zerokd-{name.replace('_', '-')}")
    scaffold.write_files(scaffold.render_package(kind, name), folder)
    click.echo(
        f"Created {folder}. Next:\n  cd {folder}\n  pip install --editable '.[test]'\n  pytest\n  zerokd show {name}"
    )
