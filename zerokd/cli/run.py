"""``zerokd run``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zerokd.cli.options import change_options, device_option, plugin_option


@click.command("run")
@click.argument("path", metavar="RECIPE")
@change_options
@device_option
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; by default runs/<name>-<time>.")
@plugin_option
@click.option("--dry-run", is_flag=True, help="Check everything and stop before the first step.")
def command(
    path: str,
    device: str,
    out: Path | None,
    plugins: tuple[Path, ...],
    dry_run: bool,
    **changes: Any,
) -> None:
    """Train a student as RECIPE says and leave a run folder that explains itself."""
    from zerokd.plugin.host import discover
    from zerokd.recipe.extends import read_recipe
    from zerokd.recipe.overrides import with_options
    from zerokd.run.check import checked
    from zerokd.run.folder import RunFolder
    from zerokd.run.progress import Progress, Screen
    from zerokd.run.session import choose_device, execute, prepare

    document = with_options(read_recipe(path), **changes)
    RunFolder.check(out)
    recipe, components = checked(document, discover(plugins, strict=True))
    plan = prepare(components, choose_device(device))
    progress = Progress(Screen())
    if dry_run:
        progress.started(components, None)
        progress.checked()
        return
    folder = RunFolder.create(components.name, out)
    progress.started(components, folder)
    execute(plan, folder, recipe.model_dump(mode="json", exclude_none=True), progress)
