"""``zerokd run``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("run")
@click.argument("path", metavar="RECIPE")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one value: --set params.alpha=0.4")
@click.option("--data", metavar="DIR", help="Train on a folder of photos instead of the recipe's data.")
@click.option(
    "--epochs", type=click.IntRange(1), help="Scale all stages to this many epochs in total, at least one each."
)
@click.option("--seed", type=click.IntRange(0), help="Decides every random number of the run.")
@click.option("--device", default="cpu", show_default=True, help="Where to train: cpu, cuda, cuda:1, ...")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; by default runs/<name>-<time>.")
@click.option("--plugin", "plugins", multiple=True, type=click.Path(path_type=Path), help="A one-file plugin to load.")
@click.option("--dry-run", is_flag=True, help="Check everything and stop before the first step.")
def command(
    path: str,
    settings: tuple[str, ...],
    data: str | None,
    epochs: int | None,
    seed: int | None,
    device: str,
    out: Path | None,
    plugins: tuple[Path, ...],
    dry_run: bool,
) -> None:
    """Train a student as RECIPE says and leave a run folder that explains itself."""
    from zerokd.plugin.host import discover
    from zerokd.recipe.extends import read_recipe
    from zerokd.recipe.overrides import override, with_data, with_epochs
    from zerokd.recipe.resolve import resolve
    from zerokd.recipe.schema import validate
    from zerokd.run.folder import RunFolder
    from zerokd.run.progress import Progress, Screen
    from zerokd.run.session import choose_device, execute, prepare

    document = read_recipe(path)
    document = with_data(document, data) if data is not None else document
    document = override(document, settings if seed is None else (*settings, f"seed={seed}"))
    recipe = validate(document)
    if epochs is not None:
        document = with_epochs(document, epochs)
        recipe = validate(document)
    RunFolder.check(out)
    components = resolve(recipe, document, discover(plugins, strict=True))
    plan = prepare(components, choose_device(device))
    progress = Progress(Screen())
    if dry_run:
        progress.started(components, None)
        progress.checked()
        return
    folder = RunFolder.create(components.name, out)
    progress.started(components, folder)
    execute(plan, folder, recipe.model_dump(mode="json", exclude_none=True), progress)
