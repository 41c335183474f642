"""What each term of the documented objective buys: recipes/paper.toml as it is, and once without each of its terms.

    python benchmarks/ablation.py --train PHOTOS --teacher OFFICIAL.pth --test lime --test dicm [--set KEY=VALUE ...]

A term that is left out is still computed and logged, but not trained on (``monitor = true``). Beside them: no stage 1,
and recipes/fidelity.toml for as many epochs. Trained students are kept in --out, so that a second call measures only.
``grad`` is the term's share of the sum of the terms' gradient norms in the whole recipe, mean over its stage.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click

RECIPES_FOLDER = Path(__file__).parents[1] / "recipes"
SCENE_INDICES = (0, 32, 6)  # generated, of seed 7, in --picture
COMBINED_GROUP = "feature_matching"
FULL_VARIANT, FIDELITY_VARIANT = "all terms", "fidelity.toml"
PICTURED_TERMS = ("task.exposure", "task.smoothness", "task.color", "distillation.enhanced")  # left out in --picture
COLUMNS = {"teacher.psnr": "PSNR", "teacher.ssim": "SSIM", "alone.brightness": "mean", "alone.niqe": "NIQE"}


def group_ablated_terms() -> dict[str, list[str]]:
    """What is left out together: each term of recipes/paper.toml, stage 1 first, and feature matching as one."""
    from zerokd.recipe.toml.document import parse_document

    tables = parse_document((RECIPES_FOLDER / "paper.toml").read_text(encoding="utf-8"), "paper.toml").tables["terms"]
    every = [f"{group}.{term}" for group, found in tables.items() for term in found]
    found: dict[str, list[str]] = {}
    for one in every:
        found.setdefault(COMBINED_GROUP if one.startswith(COMBINED_GROUP) else one, []).append(one)
    return found


def list_variants(seed: int) -> Iterator[tuple[str, list[str]]]:
    """Name and arguments of every run."""
    paper = [str(RECIPES_FOLDER / "paper.toml"), "--seed", str(seed)]
    yield FULL_VARIANT, paper
    for name, terms in group_ablated_terms().items():
        yield f"without {name}", [*paper, *(word for term in terms for word in ("--set", f"terms.{term}.monitor=true"))]
    yield "without stage 1", [*paper, "--set", 'run=["distill"]']
    yield FIDELITY_VARIANT, [str(RECIPES_FOLDER / "fidelity.toml"), "--seed", str(seed)]


def train_variant(name: str, arguments: list[str], out: Path) -> Path:
    """The student of one run; an old one where there is one."""
    folder = out / name.replace(" ", "-")
    if not (folder / "student.safetensors").exists():
        command = [sys.executable, "-m", "zerokd", "run", *arguments, "--out", str(folder)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise click.ClickException(f"{name}: {done.stderr.strip()[-800:]}")
        click.echo(f"trained {name}", err=True)
    return folder / "student.safetensors"


def mean_gradient_shares(folder: Path) -> dict[str, float]:
    """Of each term, the mean of its share of the gradients."""
    found: dict[str, list[float]] = defaultdict(list)
    for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        if told["kind"] == "gradients":
            for term, one in told["terms"].items():
                found[term].append(one["share"])
    return {term: sum(values) / len(values) for term, values in found.items()}


def measure_students(
    photos: str, students: dict[str, Path], teacher: str, extra_arguments: list[str], out: Path
) -> dict[str, dict]:
    """Means over photos, by the names that are in ``students``, ``teacher`` and ``input``."""
    file = out / f"{Path(photos).name}.json"
    command = [
        sys.executable,
        "-m",
        "zerokd",
        "evaluate",
        photos,
        "--teacher",
        teacher,
        "--json",
        str(file),
        *extra_arguments,
    ]
    for student in students.values():
        command += ["--weights", str(student)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    told = json.loads(file.read_text(encoding="utf-8"))
    by_source = {one["source"]: one["mean"] for one in told["methods"].values() if one["source"]}
    found = {name: by_source[str(path)] for name, path in students.items()}
    return {**found, "input": told["methods"]["input"]["mean"], "teacher": told["methods"][told["teacher"]]["mean"]}


def draw_students(students: dict[str, Path], path: Path) -> None:
    """What some of the students make of generated scenes that nothing was trained on."""
    import torch

    from zerokd.data.dead_leaves import DeadLeaves
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.run.figures import draw_samples
    from zerokd.student.load import load_trained_model

    data = DeadLeaves(count=40, size=160, seed=7)
    low, catalogue = torch.stack([data[index] for index in SCENE_INDICES]).float() / 255, discover_plugins()
    columns = {"low": low}
    for name in (FULL_VARIANT, *(f"without {term}" for term in PICTURED_TERMS), FIDELITY_VARIANT):
        model = load_trained_model(str(students[name]), catalogue).model
        with torch.no_grad():
            columns[name.replace("without ", "no ")] = model(low)["enhanced"]
    draw_samples(path, columns)


@click.command(help=__doc__.split("\n")[0])
@click.option("--train", "photos", required=True, help="The folder of photos to train on.")
@click.option("--teacher", required=True, help="Weights of a Zero-DCE++.")
@click.option("--test", "tests", multiple=True, required=True, help="A folder of photos to measure on.")
@click.option("--size", default=96, show_default=True)
@click.option("--epochs", default=3, show_default=True, help="Of stage 2; stage 1 has one.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True, help="Of each run.")
@click.option("--set", "settings", multiple=True, help="KEY=VALUE for every run of paper.toml.")
@click.option("--metric", "metrics", multiple=True, help="Of evaluate: niqe.")
@click.option("--metric-set", multiple=True, help="KEY=VALUE of such a metric.")
@click.option("--out", type=click.Path(path_type=Path), default="runs/ablation", show_default=True)
@click.option("--picture", type=click.Path(path_type=Path), help="Draw generated scenes by some of the students.")
@click.option("--json", "as_json", is_flag=True)
def main(
    photos: str, teacher: str, tests: tuple[str, ...], size: int, epochs: int, seed: int, threads: int,
    settings: tuple[str, ...], metrics: tuple[str, ...], metric_set: tuple[str, ...], out: Path,
    picture: Path | None, as_json: bool,
) -> None:  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    same = ["--data", photos, "--set", f"data.size={size}", "--set", f"models.teacher.weights={teacher}"]
    same += ["--set", f"threads={threads}"]
    two = ["--set", "stages.pretrain.epochs=1", "--set", f"stages.distill.epochs={epochs}"]
    two += [word for setting in settings for word in ("--set", setting)]
    students = {}
    for name, given in list_variants(seed):
        more = ["--set", f"stages.distill.epochs={epochs}"] if name == FIDELITY_VARIANT else two
        students[name] = train_variant(name, [*given[:1], *same, *more, *given[1:]], out)
    if picture is not None:
        draw_students(students, picture)
    words = [word for metric in metrics for word in ("--metric", metric)] + [
        w for o in metric_set for w in ("--set", o)
    ]
    found = {test: measure_students(test, students, f"zero_dce_pp:{teacher}", words, out) for test in tests}
    part, together = mean_gradient_shares(students[FULL_VARIANT].parent), group_ablated_terms()
    if as_json:
        click.echo(json.dumps({"gradients": part, "means": found}, indent=2))
        return
    for test, rows in found.items():
        shown = [key for key in COLUMNS if key in rows["input"]]
        click.echo(f"\n{Path(test).name:<44}{'grad':>6}" + "".join(f"{COLUMNS[key]:>8}" for key in shown))
        for name, values in rows.items():
            terms = together.get(name.removeprefix("without "), [])
            told = f"{sum(part[term] for term in terms):.1%}" if terms else ""
            click.echo(f"{name:<44}{told:>6}" + "".join(f"{values[key]:>8.3f}" for key in shown))


if __name__ == "__main__":
    main()
