"""What each term of a recipe buys: the recipe, and once without each term or group, trained and compared.

    python benchmarks/terms.py RECIPE --pairs LOW REFERENCES [--drop PATTERN ...] [--seed N ...] [--data DIR]
        [--set KEY=VALUE ...] [--epochs N] [--out FOLDER]

A removed term is still computed and logged, but not trained on (``monitor = true``). Prints, for every column of
`zerokd benchmark`, the mean of the complete recipe and the differences of the others from it, photo by photo, with
95 % intervals over photos and seeds. ``--drop`` takes terms such as ``smoothness.*``; by default each term alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import click

from zerokd.recipe.toml.extends import read_recipe_document

COMPLETE = "complete"
COLUMNS = ("reference.psnr", "reference.ssim", "reference.gt_mean_psnr", "alone.brightness", "alone.color_cast")


def write_variants(recipe: str, patterns: tuple[str, ...], folder: Path) -> list[Path]:
    """A file for the complete recipe, and one without the terms of each pattern."""
    groups = read_recipe_document(recipe).tables["terms"]
    labels = [f"{group}.{term}" for group, terms in groups.items() for term in terms]
    removed: dict[str, list[str]] = {COMPLETE: []} | {
        f"without {pattern.removesuffix('.*')}": [label for label in labels if fnmatch(label, pattern)]
        for pattern in patterns or labels
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, terms in removed.items():
        if name != COMPLETE and not terms:
            raise click.ClickException(f"no term matches {name.removeprefix('without ')!r}; there are {labels}")
        tables = "".join(f"\n[terms.{label}]\nmonitor = true\n" for label in terms)
        path = folder / f"{name.replace(' ', '_').replace('.', '_')}.toml"
        path.write_text(f'extends = "{recipe}"\nname = "{path.stem}"\n{tables}', encoding="utf-8")
        paths.append(path)
    return paths


def print_differences(file: Path) -> None:
    """For each set and column, the complete recipe's mean and the differences of the others."""
    for name, result in json.loads(file.read_text(encoding="utf-8"))["sets"].items():
        columns = [key for key in COLUMNS if key in result["means"][COMPLETE]]
        click.echo(f"\n{name}: " + ", ".join(columns))
        means = result["means"][COMPLETE]
        click.echo(f"{COMPLETE:<32}" + "".join(f"{means[key]['value']:>26.3f}" for key in columns))
        cells_by_variant = {
            (entry["second"], entry["column"]): entry for entry in result["differences"] if entry["first"] == COMPLETE
        }
        for variant in dict.fromkeys(second for second, _ in cells_by_variant if second.startswith("without")):
            cells = (cells_by_variant[variant, key] for key in columns)  # the complete recipe minus the variant
            texts = [f"{-cell['value']:+.3f} [{-cell['high']:+.3f}, {-cell['low']:+.3f}]" for cell in cells]
            click.echo(f"{variant:<32}" + "".join(f"{text:>26}" for text in texts))


@click.command(help=__doc__.split("\n")[0])
@click.argument("recipe")
@click.option("--pairs", nargs=2, required=True, help="Photos, and references of the same names.")
@click.option("--drop", "patterns", multiple=True, help="Terms to remove together; by default each alone.")
@click.option("--seed", "seeds", multiple=True, default=(0, 1), show_default=True, type=int)
@click.option("--data")
@click.option("--epochs", type=int)
@click.option("--set", "settings", multiple=True, help="KEY=VALUE for every training.")
@click.option("--out", type=click.Path(path_type=Path), default="runs/terms", show_default=True)
def main(
    recipe: str, pairs: tuple[str, str], patterns: tuple[str, ...], seeds: tuple[int, ...], data: str | None,
    epochs: int | None, settings: tuple[str, ...], out: Path,
) -> None:  # fmt: skip
    command = [sys.executable, "-m", "zerokd", "benchmark", "--pairs", *pairs, "--out", str(out / "benchmark")]
    for path in write_variants(recipe, patterns, out / "recipes"):
        command += ["--recipe", str(path)]
    command += [word for seed in seeds for word in ("--seed", str(seed))]
    command += [word for setting in settings for word in ("--set", setting)]
    command += [*(("--data", data) if data else ()), *(("--epochs", str(epochs)) if epochs else ())]
    if subprocess.run([*command, "--threads", "1"], check=False).returncode:
        raise click.ClickException("the benchmark failed")
    print_differences(out / "benchmark" / "benchmark.json")


if __name__ == "__main__":
    main()
