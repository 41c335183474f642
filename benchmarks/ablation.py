"""What each term of the documented objective contributes: recipes/paper.toml, and once without each of its terms.

    python benchmarks/ablation.py --train PHOTOS --teacher OFFICIAL.pth --test lime --test dicm [--set KEY=VALUE ...]

A removed term is still computed and logged, but not trained on (``monitor = true``). Two more variants: no stage 1, and
recipes/fidelity.toml for as many epochs. Trained students stay in --out, so that a second call only measures. ``grad``
is the term's mean share of the sum of the terms' gradient norms in the complete recipe.
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
SCENE_INDICES = (0, 32, 6)  # generated with seed 7, in --picture
COMBINED_GROUP = "feature_matching"
FULL_VARIANT, FIDELITY_VARIANT = "all terms", "fidelity.toml"
PICTURED_TERMS = ("task.exposure", "task.smoothness", "task.color", "distillation.enhanced")  # removed in --picture
COLUMNS = {"teacher.psnr": "PSNR", "teacher.ssim": "SSIM", "alone.brightness": "mean", "alone.niqe": "NIQE"}


def group_ablated_terms() -> dict[str, list[str]]:
    """The terms to remove together: each term of recipes/paper.toml, stage 1 first, and feature matching as one."""
    from zerokd.recipe.toml.document import parse_document

    tables = parse_document((RECIPES_FOLDER / "paper.toml").read_text(encoding="utf-8"), "paper.toml").tables["terms"]
    groups: dict[str, list[str]] = {}
    for label in (f"{group}.{term}" for group, terms in tables.items() for term in terms):
        groups.setdefault(COMBINED_GROUP if label.startswith(COMBINED_GROUP) else label, []).append(label)
    return groups


def list_variants(seed: int) -> Iterator[tuple[str, list[str]]]:
    """Name and arguments of every run."""
    paper = [str(RECIPES_FOLDER / "paper.toml"), "--seed", str(seed)]
    yield FULL_VARIANT, paper
    for name, terms in group_ablated_terms().items():
        yield f"without {name}", [*paper, *(word for term in terms for word in ("--set", f"terms.{term}.monitor=true"))]
    yield "without stage 1", [*paper, "--set", 'run=["distill"]']
    yield FIDELITY_VARIANT, [str(RECIPES_FOLDER / "fidelity.toml"), "--seed", str(seed)]


def train_variant(name: str, arguments: list[str], out: Path) -> Path:
    """The student of a variant, trained unless its file exists."""
    folder = out / name.replace(" ", "-")
    if not (folder / "student.safetensors").exists():
        command = [sys.executable, "-m", "zerokd", "run", *arguments, "--out", str(folder)]
        process = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if process.returncode:
            raise click.ClickException(f"{name}: {process.stderr.strip()[-800:]}")
        click.echo(f"trained {name}", err=True)
    return folder / "student.safetensors"


def mean_gradient_shares(folder: Path) -> dict[str, float]:
    """The mean gradient share of each term."""
    shares: dict[str, list[float]] = defaultdict(list)
    for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["kind"] == "gradients":
            for label, term in record["terms"].items():
                shares[label].append(term["share"])
    return {label: sum(values) / len(values) for label, values in shares.items()}


def measure_students(
    photos: str, students: dict[str, Path], teacher: str, extra_arguments: list[str], out: Path
) -> dict[str, dict]:
    """Means over photos of every student by name, of the ``teacher`` and of the ``input``."""
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
        command += ["--student", str(student)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    record = json.loads(file.read_text(encoding="utf-8"))
    methods = record["methods"]
    by_source = {method["source"]: method["mean"] for method in methods.values() if method["source"]}
    means = {name: by_source[str(path)] for name, path in students.items()}
    return {**means, "input": methods["input"]["mean"], "teacher": methods[record["teacher"]]["mean"]}


def draw_students(students: dict[str, Path], path: Path) -> None:
    """Write a sheet of generated scenes, enhanced by some of the students; no training used these scenes."""
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
@click.option("--train", "photos", required=True, help="Folder of photos to train on.")
@click.option("--teacher", required=True, help="Weights of a Zero-DCE++ model.")
@click.option("--test", "tests", multiple=True, required=True, help="Folder of photos to measure on.")
@click.option("--size", default=96, show_default=True)
@click.option("--epochs", default=3, show_default=True, help="Epochs of stage 2; stage 1 has one.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True, help="Threads of each run.")
@click.option("--set", "settings", multiple=True, help="KEY=VALUE for every run of paper.toml.")
@click.option("--metric", "metrics", multiple=True, help="Metric of zerokd evaluate, such as niqe.")
@click.option("--metric-set", multiple=True, help="KEY=VALUE of such a metric.")
@click.option("--out", type=click.Path(path_type=Path), default="runs/ablation", show_default=True)
@click.option(
    "--picture",
    "sheet",
    type=click.Path(path_type=Path),
    help="Write a sheet of generated scenes by some of the students.",
)
@click.option("--json", "as_json", is_flag=True)
def main(
    photos: str, teacher: str, tests: tuple[str, ...], size: int, epochs: int, seed: int, threads: int,
    settings: tuple[str, ...], metrics: tuple[str, ...], metric_set: tuple[str, ...], out: Path,
    sheet: Path | None, as_json: bool,
) -> None:  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    common = ["--data", photos, "--set", f"data.size={size}", "--set", f"models.teacher.weights={teacher}"]
    common += ["--set", f"threads={threads}"]
    paper_options = ["--set", "stages.pretrain.epochs=1", "--set", f"stages.distill.epochs={epochs}"]
    paper_options += [word for setting in settings for word in ("--set", setting)]
    students = {}
    for name, arguments in list_variants(seed):
        fidelity_options = ["--set", f"stages.distill.epochs={epochs}"]
        epoch_options = fidelity_options if name == FIDELITY_VARIANT else paper_options
        students[name] = train_variant(name, [*arguments[:1], *common, *epoch_options, *arguments[1:]], out)
    if sheet is not None:
        draw_students(students, sheet)
    options = [word for metric in metrics for word in ("--metric", metric)]
    options += [word for setting in metric_set for word in ("--set", setting)]
    means = {test: measure_students(test, students, f"zero_dce_pp:{teacher}", options, out) for test in tests}
    shares, groups = mean_gradient_shares(students[FULL_VARIANT].parent), group_ablated_terms()
    if as_json:
        click.echo(json.dumps({"gradients": shares, "means": means}, indent=2))
        return
    for test, rows in means.items():
        shown = [key for key in COLUMNS if key in rows["input"]]
        click.echo(f"\n{Path(test).name:<44}{'grad':>6}" + "".join(f"{COLUMNS[key]:>8}" for key in shown))
        for name, values in rows.items():
            terms = groups.get(name.removeprefix("without "), [])
            share = f"{sum(shares[term] for term in terms):.1%}" if terms else ""
            click.echo(f"{name:<44}{share:>6}" + "".join(f"{values[key]:>8.3f}" for key in shown))


if __name__ == "__main__":
    main()
