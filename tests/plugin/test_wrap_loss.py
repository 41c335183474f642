"""A wrapped function is a loss like any other: its values, its config, its errors, and the kit."""

import copy
import math
import pickle
import re
import sys

import pytest
import torch
from pydantic import Field, ValidationError
from torch import nn
from torch.nn import functional as F

import zerokd
from tests.testing.planted import failing
from zerokd import Port
from zerokd.errors import PluginError, RecipeError
from zerokd.losses.mse import mse
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.resolver import resolve_recipe
from zerokd.recipe.schema.recipe import validate_recipe
from zerokd.recipe.toml.document import parse_document

PAIR = {
    "image": Port("the student's image", range=(0.0, 1.0), grad=True, default="student.enhanced"),
    "target": Port("the image to match", range=(0.0, 1.0), default="teacher.enhanced", like="image"),
}
TEXTS = {
    "about": "Rewards a prediction near its target.",
    "source": "a function of this test.",
    "pitfalls": "none that a test needs.",
}


def root_error(image, target, epsilon: float = 1e-3):
    """One number for a whole batch, as most libraries return."""
    return ((image - target).square().mean() + epsilon**2).sqrt() - epsilon


def similarity(image, target):
    """One number per pixel, 1 where both are equal."""
    return 1 - (image - target).abs()


class Network(nn.Module):
    """A network with dropout and weights of its own, as perceptual losses have."""

    def __init__(self, width: int = 4):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, width, 3), nn.Dropout(0.5), nn.BatchNorm2d(width))

    def forward(self, image, target):
        return (self.layers(image) - self.layers(target)).square()


def wrap(wrapped, **declarations):
    return zerokd.wrap_loss(wrapped, **{"ports": PAIR, **TEXTS, **declarations})


RootError = wrap(
    root_error,
    config={"epsilon": Field(gt=0.0, le=1.0, description="a smaller error counts like its square")},
    best_on=("identical",),
    worsens_with=("noise", "darkening"),
)
Difference = wrap(
    similarity, as_loss="1 - value", reduces_batch=False, bounds=(0.0, 1.0), best_on=["identical"], name="Difference"
)
Perceptual = wrap(Network, reduces_batch=False, min_size=3, name="Perceptual")


def images(count=3, size=8, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, count, 3, size, size, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("loss", [RootError, Difference])
def test_the_kit_accepts_it(loss):
    assert failing("losses", loss) == {}


def test_a_mean_over_the_batch_becomes_one_value_per_image():
    image, target = images(dtype=torch.float64)
    values = RootError(epsilon=0.5)(image=image, target=target)
    expected = [math.sqrt(mse(image[i : i + 1], target[i : i + 1]).item() + 0.25) - 0.5 for i in range(3)]
    assert values.tolist() == pytest.approx(expected, rel=1e-12)


def test_value_and_gradient_are_the_librarys_own():
    image, target = images()
    for loss in (wrap(F.l1_loss), wrap(nn.L1Loss), wrap(F.l1_loss, fixed={"reduction": "none"}, reduces_batch=False)):
        leaf, other = image.clone().requires_grad_(), image.clone().requires_grad_()
        loss()(image=leaf, target=target)[1].backward()
        F.l1_loss(other[1], target[1]).backward()
        torch.testing.assert_close(leaf.grad, other.grad, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("as_loss", "expected"), [("value", 0.75), ("-value", -0.75), ("1 - value", 0.25)])
def test_a_similarity_becomes_a_loss_as_declared(as_loss, expected):
    loss = wrap(similarity, as_loss=as_loss, reduces_batch=False, bounds=(-1.0, 1.0))
    values = loss()(image=torch.full((2, 3, 4, 4), 0.5), target=torch.full((2, 3, 4, 4), 0.25))
    assert values.tolist() == [expected, expected]


def test_the_library_gets_its_own_range():
    loss = wrap(lambda image, target: (image - target).mean(), input_range=(0.0, 255.0), name="Bytes")
    assert loss()(image=torch.ones(1, 3, 2, 2), target=torch.zeros(1, 3, 2, 2)).tolist() == [255.0]


def test_the_config_is_validated_and_reaches_the_function():
    assert RootError().config.epsilon == 1e-3
    for wrong in ({"epsilon": 0.0}, {"epsilon": "1"}, {"epsilonn": 0.1}):
        with pytest.raises(ValidationError):
            RootError(**wrong)


def test_images_that_are_too_small_are_refused_with_their_size():
    loss = wrap(root_error, min_size=lambda config: 7 if config.epsilon < 1 else 3, name="Small")
    image, target = images(size=6)
    with pytest.raises(RecipeError, match=r"Small needs at least 7 pixels a side, got 6x6 at port 'image'"):
        loss()(image=image, target=target)
    assert loss(epsilon=1.0)(image=image, target=target).shape == (3,)


def test_wrong_ports_are_named():
    with pytest.raises(TypeError, match="RootError takes image, target; got image"):
        RootError()(image=torch.ones(1, 3, 4, 4))


def test_a_network_inside_is_frozen_reproducible_and_in_eval_mode():
    state = torch.get_rng_state()
    first, second = Perceptual(), Perceptual()
    assert torch.equal(state, torch.get_rng_state())
    image, target = images()
    values = first.train()(image=image, target=target)
    assert torch.equal(values, second(image=image, target=target))
    alone = [first(image=image[i : i + 1], target=target[i : i + 1]).item() for i in range(3)]
    torch.testing.assert_close(values, torch.tensor(alone), rtol=1e-5, atol=0)
    assert not any(parameter.requires_grad for parameter in first.parameters())
    assert first.to(torch.float64)(image=image.double(), target=target.double()).dtype == torch.float64
    assert Perceptual(width=2).state_dict()["_function.layers.0.weight"].shape == (2, 3, 3, 3)


def test_autocast_and_half_precision_do_not_reach_the_library():
    image, target = images()
    expected = Perceptual()(image=image, target=target)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(Perceptual()(image=image, target=target), expected)
    assert RootError()(image=image.half(), target=target.half()).dtype == torch.float32


@pytest.mark.parametrize("loss", [RootError(epsilon=0.5), Difference(), Perceptual(width=2)])
def test_instances_can_be_pickled_and_copied(loss):
    image, target = images()
    expected = loss(image=image, target=target)
    for twin in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert type(twin) is type(loss)
        assert twin.config == loss.config
        assert torch.equal(twin(image=image, target=target), expected)
    assert pickle.loads(pickle.dumps(loss.config)) == loss.config


def test_a_term_takes_it_and_it_trains():
    student, teacher = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
    on = {"image": "student.output", "target": "teacher.output"}
    loss = wrap(root_error, ports={name: Port(port.about, grad=port.grad) for name, port in PAIR.items()})
    objective = zerokd.Objective(
        "task", terms={"task.root": zerokd.Term(loss(), on=on)}, models={"student": student, "teacher": teacher}
    )
    objective(images()[0]).total.backward()
    assert student.weight.grad.abs().sum() > 0


PLUGIN = """
import zerokd

def root(image, target, power: float = 2.0):
    return ((image - target).abs() ** power).mean()

Root = zerokd.wrap_loss(
    root,
    ports={
        "image": zerokd.Port("the student's image", grad=True, default="student.enhanced"),
        "target": zerokd.Port("the image to match", default="teacher.enhanced", like="image"),
    },
    about="Rewards a prediction near its target.", source="a test.", pitfalls="none that a test needs.",
)

@zerokd.hookimpl
def zerokd_losses():
    return [zerokd.LossSpec("root", target=f"{__name__}:Root", summary="a wrapped function")]
"""
RECIPE = """
name = "wrapped"
run = ["distill"]
data = { use = "dead_leaves", size = 32, count = 6 }
stages.distill = { use = "distillation", objective = "distillation", epochs = 1 }
models = { student = { use = "nano_dce" }, teacher = { use = "zero_dce_pp", weights = "bundled" } }
[terms.distillation.root]
use = "root"
power = 1.0
"""


def test_a_plugin_file_registers_it_and_a_recipe_uses_it(tmp_path):
    (tmp_path / "root.py").write_text(PLUGIN)
    catalogue = discover_plugins([tmp_path / "root.py"])
    loss = catalogue.find("losses", "root").spec.load()
    assert sys.modules[loss.__module__].Root is loss
    document = parse_document(RECIPE, "mine.toml")
    components = resolve_recipe(validate_recipe(document), document, catalogue)
    terms = {term.label: term for stage in components.stages for term in stage.terms}
    assert terms["distillation.root"].loss.config.power == 1.0


def test_a_page_has_what_the_declaration_says():
    text = Difference.__doc__
    assert text.startswith("Rewards a prediction near its target.\n")
    assert "Formula: ``1 - tests.similarity(image, target)``" in text
    assert "Returns: (N,), in [0, 1]." in text
    assert re.search(r"Scale: mean over all axes .*\nSource: a function of this test\.\nPitfalls: none", text)


def test_declaration_errors_point_at_the_users_line():
    with pytest.raises(PluginError, match="has no name") as caught:
        wrap(lambda image, target: image.mean())
    assert 'name="MyLoss"' in str(caught.value)
    assert caught.value.problems[0].place.file == __file__


def test_required_keys_are_left_to_the_user():
    def scaled(image, target, factor: float):
        return factor * (image - target).abs().mean()

    loss = wrap(scaled)
    assert "['image', 'target']" in loss.__doc__
    with pytest.raises(ValidationError, match="factor"):
        loss()
    assert loss(factor=2.0)(image=torch.ones(1, 3, 2, 2), target=torch.zeros(1, 3, 2, 2)).tolist() == [2.0]
