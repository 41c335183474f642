"""A user's file type-checks against the package, with the cache that ``make lint`` leaves."""

import subprocess
import sys
import textwrap

from tests.conftest import ROOT

USER_FILE = """
    from pathlib import Path

    import torch
    import zerokd

    student: torch.nn.Module = torch.nn.Conv2d(3, 3, 1)
    objective: zerokd.Objective = zerokd.compose(
        Path("paper.toml"), "distill", set={"params.alpha": 0.4}, models={"student": student, "ema": zerokd.Average()}
    )
    own = zerokd.Objective(
        "task",
        terms={"task.color": zerokd.Term("color_constancy", weight=0.5, adapt=["gap"], when={"every": "2 steps"})},
        params={"alpha": 0.5, "beta": "1 - alpha"},
        models={"student": student},
        steps=10,
    )
    result = objective(torch.rand(1, 3, 8, 8), step=3)
    reveal_type(result.total)
    reveal_type(result.contributions)
    reveal_type(own.prove({"low": torch.rand(1, 3, 8, 8)}).terms[0].share)
    run = zerokd.train("paper.toml", out="run", seed=1)
    reveal_type(run.steps)
    reveal_type(run.student)
    reveal_type(run.manifest["result"]["seconds"])
    try:
        own.to_toml()
    except zerokd.ZerokdError as error:
        reveal_type(error.problems[0].place)
    zerokd.Term(3)
    zerokd.compose("paper.toml", models={"student": 3})
    objective(torch.rand(1, 3, 8, 8), steps=3)
"""
REVEALED = (
    "torch._tensor.Tensor",
    "dict[str, torch._tensor.Tensor]",
    "float",
    "list[dict[str, float | int | str]]",
    "zerokd.plugin.contracts.Model",
    "float",
    "zerokd.errors.Place | None",
)


def test_a_users_file(tmp_path):
    (tmp_path / "user.py").write_text(textwrap.dedent(USER_FILE))
    command = [sys.executable, "-m", "mypy", str(tmp_path / "user.py")]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    lines = process.stdout.splitlines()
    assert [line.split('"')[1] for line in lines if "Revealed type" in line] == [*REVEALED]
    errors = [line.split("error: ")[1] for line in lines if "error: " in line]
    assert len(errors) == 3, process.stdout
    assert errors[0].startswith('Argument 1 to "Term" has incompatible type "int"')
    assert errors[1].startswith('Dict entry 0 has incompatible type "str": "int"')
    assert errors[2].startswith('Unexpected keyword argument "steps"')
