"""A step that is not finite explains itself, changes nothing, and leaves what reproduces it."""

import io
import json
import math

import pytest
import torch
from attrs import evolve
from rich.console import Console

import zerokd
from tests import command
from zerokd.errors import NumericError
from zerokd.files.weights import read_weights, write_weights
from zerokd.losses.mse import mse
from zerokd.objective.result import ObjectiveResult
from zerokd.plugin.batch import Batch
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.build.resolver import resolve_recipe
from zerokd.recipe.schema.recipe import validate_recipe
from zerokd.recipe.toml.document import read_document
from zerokd.run.folder import RunFolder
from zerokd.run.manifest import build_manifest
from zerokd.run.plan import prepare_run
from zerokd.run.progress import Progress
from zerokd.run.session import execute
from zerokd.training.loop import Player, train
from zerokd.training.nonfinite import MAX_SHOWN_IMAGES, NonFiniteValue, NotFiniteError, diagnose_nonfinite
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step_log import StepLog

PLUGIN = '''
import torch
import zerokd
from torch import nn


class Nights(zerokd.Data):
    """Eight noisy images, and a black one."""

    def __len__(self):
        return 9

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        image = torch.randint(10, 200, (3, 32, 32), dtype=torch.uint8, generator=generator)
        return image * (self.name(index) != "night/black")

    def name(self, index):
        return "night/black" if index == 4 else f"night/{index}"


def spared(image):
    return image.is_leaf and image.amax() == image.amin()


class Faulty(zerokd.Loss):
    """On a black image, and there alone, the value or its gradient is not finite.

    The probe's own flat images are leaves, and spared: it would refuse these losses before the first step.
    """

    ports = {
        "image": zerokd.Port("any image", grad=True, default="student.enhanced"),
        "low": zerokd.Port("the input", default="low"),
    }


class FaultyValue(Faulty):
    def forward(self, *, image, low):
        # 0 * -inf; the gradient stays finite
        return image.mean((1, 2, 3)) + 0 * (low.amax((1, 2, 3)) + spared(image)).log()


class FaultyGradient(Faulty):
    def forward(self, *, image, low):
        # the curve leaves black as it is: sqrt at 0
        return ((image - low).square().mean((1, 2, 3)) + spared(image)).sqrt()


class Odd(zerokd.Model):
    """As a teacher: NaN where an image is black."""

    def __init__(self, **options):
        super().__init__(**options)
        self.power = nn.Parameter(torch.tensor(0.5))

    def outputs(self):
        return {"enhanced": zerokd.Signal(range=(0.0, 1.0))}

    def forward(self, low):
        return {"enhanced": (low / low.amax((1, 2, 3), keepdim=True)) ** self.power}


class Normed(zerokd.Model):
    """A student with running statistics."""

    def __init__(self, **options):
        super().__init__(**options)
        self.norm, self.body = nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)

    def outputs(self):
        return {"enhanced": zerokd.Signal(range=(0.0, 1.0))}

    def forward(self, low):
        return {"enhanced": torch.sigmoid(self.body(self.norm(low)))}


class Spoil(zerokd.Augmentation):
    def draw(self, generator):
        return torch.zeros(1)

    def apply(self, low, draws):
        return low / (low.amax((1, 2, 3), keepdim=True) > 0)


@zerokd.hookimpl
def zerokd_data():
    return [zerokd.DataSpec("nights", target=f"{__name__}:Nights", summary="noise, and one black image")]


@zerokd.hookimpl
def zerokd_losses():
    names = {"faulty_value": "FaultyValue", "faulty_gradient": "FaultyGradient"}
    return [zerokd.LossSpec(name, target=f"{__name__}:{target}", summary="") for name, target in names.items()]


@zerokd.hookimpl
def zerokd_models():
    names = {"odd": "Odd", "normed": "Normed"}
    return [zerokd.ModelSpec(name, target=f"{__name__}:{target}", summary="") for name, target in names.items()]


@zerokd.hookimpl
def zerokd_augmentations():
    return [zerokd.AugmentationSpec("spoil", target=f"{__name__}:Spoil", summary="NaN where an image is black")]
'''

RECIPE = """
name = "fault"
run = ["distill"]
threads = 1

[data]
use = "nights"
size = 32
held_out = 0.0

[models.student]
use = "nano_dce"
[models.teacher]
use = "zero_dce_pp"
weights = "bundled"

[stages.distill]
use = "distillation"
objective = "distillation"
epochs = 1
batch = 3

[terms.distillation.enhanced]
use = "mse"
on = { prediction = "student.enhanced", target = "teacher.enhanced" }
"""
VALUE = 'terms.distillation.fault={use="faulty_value"}'
GRADIENT = 'terms.distillation.fault={use="faulty_gradient"}'
TEACHER = 'models.teacher={use="odd", weights="odd.safetensors"}'
BLACK = ["night/black"]
STEP = 2  # of three: the first passes, and decides nothing about the black image


@pytest.fixture
def working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_weights(tmp_path / "odd.safetensors", {"power": torch.tensor(0.5)}, {})
    (tmp_path / "faults.py").write_text(PLUGIN)
    (tmp_path / "fault.toml").write_text(RECIPE)
    return tmp_path


@pytest.fixture
def plan(working_folder):
    def plan(*settings):
        document = apply_settings(read_document(working_folder / "fault.toml"), list(settings))
        components = resolve_recipe(
            validate_recipe(document), document, discover_plugins([working_folder / "faults.py"], strict=True)
        )
        return prepare_run(components, torch.device("cpu"))

    return plan


def states_of(plan):
    """The student before the first step and after each one that was taken, and how it ended."""
    student, stage = plan.components.student, plan.components.stages[0]
    states = [{name: value.clone() for name, value in student.state_dict().items()}]

    def watch(line):
        if line["kind"] == "step":
            states.append({name: value.clone() for name, value in student.state_dict().items()})

    state = StageState(stage, plan.objectives[0], plan.components)
    with (
        pytest.raises(NotFiniteError) as caught,
        StepLog(stage, plan.objectives[0], io.StringIO(), (watch,)) as step_log,
    ):
        train(Player(state, plan.accumulators[0], step_log), plan.components, plan.training_indices, NonFinitePolicy(0))
    return states, caught.value.failure


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("setting", "messages"),
    [
        (VALUE, ["values not finite: distillation.fault, on night/black"]),
        (GRADIENT, ["gradient not finite: distillation.fault, on night/black"]),
        (
            TEACHER,
            [
                "first non-finite signal: teacher.enhanced, on night/black",
                "values not finite: distillation.enhanced, on night/black",
            ],
        ),
    ],
)
def test_a_run_that_stops_says_why_and_leaves_what_reproduces_it(working_folder, plan, setting, messages):
    done = command.zerokd(
        "run", "fault.toml", "--plugin", "faults.py", "--set", setting, "--out", "o", cwd=working_folder
    )
    assert done.returncode == 4, done.stderr
    saved = (
        "saved to o/failure: report.json, batch.safetensors (this step's images), student.safetensors (before the step)"
    )
    first = f"stage 'distill', step {STEP}: training stopped being finite; no parameter was changed [not-finite-step]"
    assert [line.strip() for line in done.stderr.splitlines()] == [first, *messages, saved]

    states, failure = states_of(plan(setting))  # the same run once more, watched step by step
    state, facts = read_weights(working_folder / "o/failure/student.safetensors")
    assert len(states) == STEP
    assert same(state, states[-1])
    assert not same(state, states[0])
    assert facts["recipe"] == "fault"
    report = json.loads((working_folder / "o/failure/report.json").read_text())
    assert report == json.loads(json.dumps(failure.as_json()))
    assert (report["stage"], report["step"], report["epoch"], report["note"]) == ("distill", STEP, 0, "")
    assert {path.name for path in (working_folder / "o/failure").iterdir()} == {
        "batch.safetensors",
        "report.json",
        "student.safetensors",
    }
    reproduces(working_folder / "o/failure", setting, report)


def reproduces(folder, setting, report):
    """The saved student on the saved batch, each fault written out by hand."""
    tensors, facts = read_weights(folder / "batch.safetensors")
    low, student = tensors["low"], zerokd.load_model(folder / "student.safetensors")
    assert facts["images"] == report["images"]
    black = [low[row].max() == 0 for row in range(3)]
    assert [name for name, is_black in zip(facts["images"], black, strict=True) if is_black] == BLACK
    image = student(low)["enhanced"]
    (term,) = report["terms"]
    assert term["images"] == BLACK
    values = report["values"][term["name"]]
    if setting == GRADIENT:
        root = (image - low).square().mean((1, 2, 3)).sqrt()
        assert all(math.isfinite(value) for value in values)
        torch.testing.assert_close(torch.tensor(values), root.detach())
        gradients = torch.autograd.grad(root.sum(), list(student.parameters()))
        assert any(gradient.isnan().any() for gradient in gradients)
    else:
        peak = low.amax((1, 2, 3), keepdim=True)
        again = (
            mse(image, (low / peak) ** 0.5) if setting == TEACHER else image.mean((1, 2, 3)) + 0 * peak.log().flatten()
        )
        assert again.isnan().tolist() == black
        assert [value == "nan" for value in values] == black


def test_signals_are_listed_in_the_order_they_are_computed_and_statistics_are_as_before_the_step(plan):
    settings = ('models.student={use="normed"}', 'stages.distill.augment.spoil={use="spoil"}')
    plan = plan(*settings)
    states, failure = states_of(plan)
    assert [signal.name for signal in failure.signals] == [
        "low",
        "student.enhanced",
        "teacher.enhanced",
        "teacher.curve_map",
    ]
    assert failure.signals[0].images == ("night/black",)
    assert failure.signals[1].images == failure.batch.names  # normalised over the batch
    assert int(states[-1]["norm.num_batches_tracked"]) > 0
    assert same(plan.components.student.state_dict(), states[-1])


def test_looking_for_the_cause_changes_nothing(plan):
    plan = plan(
        GRADIENT, 'models.student={use="normed"}', 'terms.distillation.watched={use="faulty_value", monitor=true}'
    )
    stage, objective, student = plan.components.stages[0], plan.objectives[0], plan.components.student
    low = torch.rand(2, 3, 32, 32)
    low[1] = 0
    evaluation = objective({"low": low})
    evaluation.total.backward()
    stored = [parameter.grad.clone() for parameter in student.parameters()]
    before = {name: value.clone() for name, value in student.state_dict().items()}
    state = torch.get_rng_state()
    failure = diagnose_nonfinite(stage, objective, Batch({"low": low}, ("a", "b"), epoch=3), 7, evaluation, student)
    assert torch.equal(state, torch.get_rng_state())
    assert same(before, student.state_dict())
    assert all(torch.equal(weight.grad, grad) for weight, grad in zip(student.parameters(), stored, strict=True))
    # nothing is wrong on these: this student does not leave black as it is, and a monitored term stops no run
    assert failure.terms == failure.signals == ()
    assert (
        failure.note == "every term's value and gradient is finite by itself; their weighted sum, or its norm, is not"
    )
    assert failure.as_json()["values"]["distillation.watched"][1] == "nan"


def test_a_sum_that_overflows_is_told_as_such(plan):
    plan = plan("terms.distillation.enhanced.weight=1e38", "stages.distill.optimizer.clip_norm=1.0")
    states, failure = states_of(plan)
    assert len(states) == 1
    assert not failure.terms
    assert "their weighted sum, or its norm, is not" in str(failure.to_problem())


@pytest.mark.parametrize(
    ("error", "message"), [(OSError("no answer"), " failed: OSError: no answer"), (MemoryError(), ": memory ran out")]
)
def test_a_component_that_fails_when_asked_again_does_not_hide_the_fault(plan, monkeypatch, error, message):
    plan = plan(VALUE)
    monkeypatch.setattr("zerokd.objective.graph.Graph.compute", lambda self, *_: (_ for _ in ()).throw(error))
    values = {"distillation.enhanced": torch.ones(2), "distillation.fault": torch.tensor([1.0, math.inf])}
    batch = Batch({"low": torch.zeros(2, 3, 32, 32)}, ("a", "b"))
    evaluation = ObjectiveResult(torch.tensor(math.inf), values, dict.fromkeys(values, 1.0))
    failure = diagnose_nonfinite(
        plan.components.stages[0], plan.objectives[0], batch, 1, evaluation, plan.components.student
    )
    assert [(term.name, term.what, term.images) for term in failure.terms] == [("distillation.fault", "values", ("b",))]
    assert failure.note == f"computing the step again{message}"
    assert failure.as_json()["values"]["distillation.fault"] == [1.0, "inf"]


def test_a_folder_that_cannot_be_written_does_not_hide_the_fault(plan, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    plan, folder = plan(VALUE), RunFolder.create("fault", tmp_path / "run")
    monkeypatch.setattr("zerokd.training.nonfinite.write_weights", full)
    with pytest.raises(NumericError) as caught:
        execute(plan, folder, {}, build_manifest(plan), Progress(Console(quiet=True)))
    assert "values not finite: distillation.fault, on night/black" in str(caught.value)
    assert "nothing could be saved" in str(caught.value)
    assert "No space left on device" in str(caught.value)


def test_a_monitored_term_is_told_of_once_and_stops_nothing(plan, tmp_path):
    plan = plan('terms.distillation.watched={use="faulty_value", monitor=true}', "stages.distill.epochs=3")
    folder, file = RunFolder.create("fault", tmp_path / "run"), io.StringIO()
    execute(plan, folder, {}, build_manifest(plan), Progress(Console(file=file, width=200)))
    message = f"distill: monitored term distillation.watched is not finite, first at step {STEP}; it is not trained on"
    assert file.getvalue().count("not finite") == file.getvalue().count(message) == 1
    assert folder.student.exists()
    assert not folder.failure.exists()


def test_a_long_list_of_images_is_cut(plan):
    _, failure = states_of(plan(VALUE))
    names = tuple(f"night/{number}" for number in range(MAX_SHOWN_IMAGES + 2))
    many = evolve(failure, terms=(NonFiniteValue("a.b", "values", names),))
    assert "values not finite: a.b, on night/0, night/1, night/2, night/3 and 2 more" in str(many.to_problem())


@pytest.mark.parametrize("setting", [VALUE, GRADIENT])
def test_in_16_bits_the_same_fault_is_found_at_the_same_step(plan, setting):
    exact = states_of(plan(setting))[1]
    half = states_of(plan(setting, 'speed={autocast="float16"}'))[1]
    assert (half.step, half.terms, half.signals) == (exact.step, exact.terms, exact.signals)
