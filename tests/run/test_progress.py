"""What a run prints: lines in a pipe, a bar on a terminal, nothing hidden."""

import io
import math
import re
import time

from rich.console import Console

from zerokd import phases
from zerokd.measure.capacity import Capacity
from zerokd.phases import report_phases
from zerokd.run.folder import RunFolder
from zerokd.run.progress import LINES_PER_STAGE, Progress


def epoch(number, total=1.0):
    terms = {
        f"task.{name}": {"value": size, "weight": 1.0, "contribution": size}
        for name, size in (("small", 0.001), ("large", 0.7), ("mid", 0.2), ("next", 0.05))
    }
    return {"kind": "epoch", "stage": "distill", "epoch": number, "total": total, "terms": terms}


GRADIENTS = {"kind": "gradients", "stage": "distill", "epoch": 0, "step": 1, "terms": {"a": {"norm": math.nan}}}


def print_stage(build, terminal, *settings):
    file = io.StringIO()
    progress = Progress(Console(file=file, force_terminal=terminal, width=80))
    stage = build(*settings).stages[1]
    with progress.track_stage(stage) as watch:
        for number in range(stage.epochs):
            watch(epoch(number))
            watch(epoch(number) | {"kind": "step"})
            watch(GRADIENTS)
            progress.report_nonfinite(GRADIENTS)
    return file.getvalue()


def test_a_pipe_gets_a_few_plain_lines(build):
    lines = print_stage(build, False, "stages.distill.epochs=100").splitlines()
    assert len(lines) == LINES_PER_STAGE + 1
    assert lines[0].startswith("distill 1/100  objective 1  task.large 0.7  task.mid 0.2  task.next 0.05  ")
    assert lines[-1].endswith(" 0 s left")
    assert "\x1b" not in "".join(lines)


def test_a_term_that_is_not_finite_does_not_disturb_the_order_of_the_others(build):
    file, line = io.StringIO(), epoch(0)
    nonfinite = {"value": math.nan, "weight": 0.0, "contribution": math.nan}
    line["terms"] = {"task.nonfinite": nonfinite} | line["terms"]
    with Progress(Console(file=file, width=200)).track_stage(build("stages.distill.epochs=1").stages[1]) as watch:
        watch(line)
    assert "objective 1  task.large 0.7  task.mid 0.2  task.next 0.05  " in file.getvalue()


def test_monitored_terms_show_their_value_and_a_mark(build):
    file, line = io.StringIO(), epoch(0)
    for name, value in (("seen", 0.25), ("skipped", None)):
        line["terms"][f"task.{name}"] = {"value": value, "weight": 0.0, "contribution": 0.0, "monitored": True}
    with Progress(Console(file=file, width=200)).track_stage(build("stages.distill.epochs=1").stages[1]) as watch:
        watch(line)
    text = "task.next 0.05  task.seen 0.25 (monitored)  task.skipped - (monitored)  "
    assert text in file.getvalue()


def test_a_pipe_gets_steps_with_rate_and_time_left_while_an_epoch_lasts(build, monkeypatch, capsys):
    monkeypatch.setattr(phases, "FIRST_SECONDS", 0.05)
    stage = build("stages.distill.epochs=100").stages[1]
    total = stage.clock.steps
    with report_phases("starting"), Progress(Console(file=io.StringIO())).track_stage(stage) as watch:
        watch(epoch(0) | {"kind": "step", "step": 30})  # resumed after 30 steps
        watch(epoch(0) | {"kind": "step", "step": 31})
        time.sleep(0.3)
    line = capsys.readouterr().err.splitlines()[0]
    assert re.fullmatch(rf"training distill: step 32 of {total}, \S+ steps/s, \d+ s left \(0 s\)", line)


def test_a_bar_is_not_disturbed_by_phases(build, monkeypatch, capsys):
    monkeypatch.setattr(phases, "FIRST_SECONDS", 0.05)
    progress = Progress(Console(file=io.StringIO(), force_terminal=True))
    stage = build().stages[1]
    with report_phases("starting"), progress.track_stage(stage):
        time.sleep(0.3)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_with_the_main_terms(build):
    text = print_stage(build, True, "stages.distill.epochs=3")
    assert "\x1b[" in text
    assert "task.large 0.7" in text


def test_names_that_look_like_markup_stay_text(build):
    file = io.StringIO()
    progress = Progress(Console(file=file, width=200))
    components = build()
    object.__setattr__(components, "fallbacks", ("[red]not a colour[/red]",))
    object.__setattr__(components.data, "rejected", (("<img>[b].jpg", "empty file"),))
    progress.report_start(components, None)
    assert "FALLBACK: [red]not a colour[/red]" in file.getvalue()
    assert "skipped file <img>[b].jpg: empty file" in file.getvalue()


def capacity(dead=(), idle=()):
    shares = {"e_conv1": tuple(0.0 if index in dead else 1.0 for index in range(8))}
    return Capacity(8, shares, 161, tuple(idle))


def test_a_dead_channel_is_loud_and_an_open_one_is_not():
    file = io.StringIO()
    progress = Progress(Console(file=file, force_terminal=True, color_system="standard", width=80))
    progress.report_capacity("distill", capacity(dead=[0]))
    progress.report_capacity("distill", capacity())
    loud, quiet = file.getvalue().splitlines()
    assert loud == "\x1b[1;33mdistill: 7 of 8 hidden channels alive on 8 images; DEAD: e_conv1[0]\x1b[0m"
    assert quiet == "distill: 8 of 8 hidden channels alive on 8 images"


def test_many_idle_parameters_are_counted_and_a_few_are_named(tmp_path):
    file = io.StringIO()
    result = {
        "student": {"parameters": 161, "sha256": "0" * 64},
        "seconds": 1.0,
        "fidelity": {"measured_on": "held-out"},
    }
    names = [f"p[{index}]" for index in range(9)]
    Progress(Console(file=file, width=200)).report_result(RunFolder(tmp_path), result, capacity(idle=names))
    effect = "have no visible effect (zeroing any one changes no pixel by half a level)"
    assert f"9 of 161 parameters {effect}: p[0], p[1], p[2], p[3], ... (all in manifest.json)\n" in file.getvalue()
