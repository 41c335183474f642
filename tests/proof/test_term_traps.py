"""Losses with one planted defect each: every known trap is refused before the first step, and told by its name."""

import pytest
import torch

from zerokd import Loss, Port
from zerokd.errors import RecipeError
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe
from zerokd.proof.term_traps import check_batch_independence, find_trap

TERM = "distillation.planted"
PLANT = "terms.distillation.planted"


class Image(Loss):
    """A loss of the student's image alone."""

    ports = {"enhanced": Port("the student's image", range=(0.0, 1.0), grad=True, default="student.enhanced")}


class Pair(Loss):
    """A loss of the student's image and another."""

    ports = {
        "enhanced": Port("the student's image", range=(0.0, 1.0), grad=True, default="student.enhanced"),
        "low": Port("the input", range=(0.0, 1.0), default="low", like="enhanced"),
    }


class StraightThrough(Image):
    """Its value never changes, its gradient does."""

    def forward(self, *, enhanced):
        mean = enhanced.mean(dim=(1, 2, 3))
        return mean - mean.detach() + 3.0


class FourthPowerColor(Image):
    """The released colour constancy."""

    def forward(self, *, enhanced):
        red, green, blue = enhanced.mean(dim=(2, 3)).unbind(1)
        return ((red - green) ** 4 + (red - blue) ** 4 + (green - blue) ** 4).sqrt()


class RootSaturation(Image):
    """The released saturation."""

    def forward(self, *, enhanced):
        away = enhanced - enhanced.mean(dim=(2, 3), keepdim=True)
        return away.square().sum(dim=1).sqrt().mean(dim=(1, 2))


class Reciprocal(Image):
    """Infinite on a black image."""

    def forward(self, *, enhanced):
        return 1 / enhanced.amax(dim=(1, 2, 3))


class NegativeLog(Image):
    """Finite on black and grey, and infinite on a white image."""

    def forward(self, *, enhanced):
        return -torch.log1p(-enhanced.amin(dim=(1, 2, 3)))


class BatchRange(Pair):
    """A similarity whose constant rests on the range of the batch, as SSIM without ``data_range`` does."""

    def forward(self, *, enhanced, low):
        c = (0.03 * (low.max() - low.min())) ** 2
        x, y = enhanced.flatten(1), low.flatten(1)
        covariance = ((x - x.mean(1, keepdim=True)) * (y - y.mean(1, keepdim=True))).mean(1)
        return 1 - (2 * covariance + c) / (x.var(1) + y.var(1) + c)


class BatchNormed(Image):
    """Brightness relative to the mean of the batch."""

    def forward(self, *, enhanced):
        return (enhanced - enhanced.mean()).square().mean(dim=(1, 2, 3))


class TooLarge(Image):
    bounds = (0.0, 0.1)

    def forward(self, *, enhanced):
        return enhanced.mean(dim=(1, 2, 3)) + 1.0


class TooSmall(Image):
    def forward(self, *, enhanced):
        return -enhanced.mean(dim=(1, 2, 3)) - 0.5


class Ratio(Loss):
    """The released contrastive term, its keys paired: positive over negative distance."""

    ports = {
        "anchor": Port("the student's image", range=(0.0, 1.0), grad=True, default="student.enhanced"),
        "positive": Port("the teacher's", range=(0.0, 1.0), default="teacher.enhanced", like="anchor"),
        "negative": Port("the average's", range=(0.0, 1.0), default="ema.enhanced", like="anchor"),
    }

    def forward(self, *, anchor, positive, negative):
        near, far = ((anchor - other).square().mean(dim=(1, 2, 3)) for other in (positive, negative))
        return near / (far + 1e-7)


class RootMeanSquare(Pair):
    """Its slope at equal images is NaN; away from them it is sound."""

    def forward(self, *, enhanced, low):
        return ((enhanced - low) * (1 + low.mean(dim=(1, 2, 3), keepdim=True))).square().mean(dim=(1, 2, 3)).sqrt()


class ReleasedContrastive(Ratio):
    """The released term as it runs: no key of one feature dictionary is in the other, so that the sum is empty."""

    def forward(self, *, anchor, positive, negative):
        student, teacher = {"e_conv1": anchor}, {"e_conv2": positive}
        common = [student[key] - teacher[key] for key in student if key in teacher]
        return sum((one.square().mean(dim=(1, 2, 3)) for one in common), start=torch.zeros(len(anchor)))


@pytest.fixture
def planted(build, monkeypatch):
    """The components of a recipe with one loss of a class in its distillation group."""

    def planted(loss, *settings):
        components = build(f'{PLANT}={{use="color_constancy"}}', *settings)
        (term,) = (term for term in components.stages[1].terms if term.label == TERM)
        on = {port: declared.default for port, declared in loss.ports.items()}
        made = {"loss": loss(), "use": loss.__name__, "bindings": on, "port_places": dict.fromkeys(on, term.place)}
        for name, value in made.items():
            object.__setattr__(term, name, value)
        return components

    return planted


def sample():
    """A dark image, a bright one, and noise."""
    noise = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(5))
    return noise * torch.tensor([0.3, 0.6, 1.0]).view(3, 1, 1, 1) + torch.tensor([0.0, 0.4, 0.0]).view(3, 1, 1, 1)


def refusals(components, number=1):
    with pytest.raises(RecipeError) as caught:
        probe(components.stages[number], components, Batch.from_images(sample()))
    return caught.value.problems


EQUAL = "('negative' and 'anchor')"


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (StraightThrough, "is a constant: 3 for every image, whatever the student's parameters are"),
        (
            FourthPowerColor,
            "its gradient is NaN on a grey image (port 'enhanced'): one such photo would turn every weight into NaN",
        ),
        (RootSaturation, "its gradient is NaN on a grey image (port 'enhanced')"),
        (Reciprocal, "its value is infinite on a black image (port 'enhanced')"),
        (NegativeLog, "its value is infinite on a white image (port 'enhanced')"),
        (BatchRange, "the value of BatchRange for one image depends on the others in the batch"),
        (BatchNormed, "the value of BatchNormed for one image depends on the others in the batch"),
        (TooLarge, "TooLarge declares values within [0, 0.1] and returns 1."),
        (TooSmall, "TooSmall declares values within [0, inf] and returns -"),
        (Ratio, f"Ratio explodes when its ports are equal {EQUAL}: its value is"),
    ],
)
def test_a_planted_defect_is_told_at_its_term(planted, loss, told):
    components = planted(loss)
    (problem,) = refusals(components)
    assert problem.message.startswith(f"{TERM}: {told}")
    assert problem.place == next(term.place for term in components.stages[1].terms if term.label == TERM)


def test_a_root_of_equal_images_is_refused(planted):
    """On flat images both ports are equal too, so that this rule speaks first where there are ranges."""
    (problem,) = refusals(planted(RootMeanSquare))
    assert "its gradient is NaN" in problem.message


def test_equal_ports_are_tried_apart_from_flat_images(planted):
    """A root that is spared on flat images, by an epsilon that noise makes vanish."""

    class Spared(RootMeanSquare):
        def forward(self, *, enhanced, low):
            flat = (low.amax(dim=(1, 2, 3)) == low.amin(dim=(1, 2, 3))).to(low)
            return ((enhanced - low).square().mean(dim=(1, 2, 3)) + flat).sqrt()

    (problem,) = refusals(planted(Spared))
    assert "its gradient is NaN when port 'low' equals 'enhanced'" in problem.message


def test_random_numbers_and_ports_of_no_range_are_no_defect(planted):
    class Draws(Image):
        def forward(self, *, enhanced):
            return (enhanced * torch.rand_like(enhanced)).mean(dim=(1, 2, 3))

    class PositiveOnly(Loss):
        """Its ports declare no range, and it takes a logarithm: noise below 0 proves nothing."""

        ports = {
            "one": Port("an image", grad=True, default="student.enhanced"),
            "other": Port("another", default="low", like="one"),
        }

        def forward(self, *, one, other):
            return ((one + 0.01).log() - (other + 0.01).log()).square().mean(dim=(1, 2, 3))

    for loss in (Draws, PositiveOnly):
        components = planted(loss)
        probe(components.stages[1], components, Batch.from_images(sample()))


def test_the_released_contrastive_term_is_a_constant(planted):
    (problem,) = refusals(planted(ReleasedContrastive))
    assert "no gradient path to the student" in problem.message
    assert problem.hints[0] == "it is a constant: 0 for every image, whatever the student's parameters are"


def test_curve_maps_of_4_and_8_iterations_are_refused(build):
    (problem,) = refusals(build("terms.distillation.curve_map.adapt=[]"))
    assert "curve maps of 4 iterations and 8" in problem.message


def test_4_and_32_channels_are_refused(build):
    (problem,) = refusals(build('terms.feature_matching.early.adapt=["adaptive_pool"]'))
    assert "4 channels of 32x32" in problem.message
    assert "32 channels of 32x32" in problem.message


def test_swapped_arguments_are_told_as_swapped(build):
    on = '{low="student.enhanced", enhanced="low"}'
    (problem,) = refusals(build(f"terms.task.spatial.on={on}"))
    assert problem.message.startswith("task.spatial: port 'enhanced' must carry gradient to the student")
    assert problem.hints[0] == "the ports 'enhanced' and 'low' look swapped: student.enhanced is at 'low'"


def test_an_objective_that_rewards_doing_nothing_is_refused(build):
    """Validation on MSE(enhanced, input), as released."""
    components = build(
        'terms.pretraining={stay={use="mse", on={target="low"}}, smooth={use="total_variation"}}',
    )
    (problem,) = refusals(components, 0)
    assert problem.message == "stage 'pretrain': the objective is least when the student changes nothing"
    assert "pretraining.stay, pretraining.smooth" in problem.hints[0]


def test_a_share_below_zero_is_refused(build):
    with pytest.raises(RecipeError, match="the coefficient of task is"):
        build("params.alpha=0.95")


def test_an_ignored_constructor_argument_is_noticed(build):
    """Trap 7; the note itself is tested with the others."""
    with pytest.raises(RecipeError, match=r"unknown key .*dark_transition"):
        build("terms.pretraining.exposure.dark_transition=0.05")


def test_inverted_contrast_and_a_target_that_falls_are_cautioned(build):
    cautions = build("terms.pretraining.exposure.contrast_weight=0.2").cautions
    assert any(
        caution.startswith("pretraining.exposure: the released contrast term is inverted") for caution in cautions
    )
    assert any("the target is not monotone: it asks patches of 0 to become 0.90" in caution for caution in cautions)


def test_every_built_in_recipe_passes(build):
    for components in (build(), build(recipe="teacher.toml", small=("data.size=32", "data.count=6", "threads=1"))):
        for stage in components.stages:
            probe(stage, components, Batch.from_images(sample()))


def test_a_monitored_term_may_have_any_defect(planted):
    components = planted(BatchNormed, f"{PLANT}.monitor=true")
    assert probe(components.stages[1], components, Batch.from_images(sample())).weights[TERM] == 0.0


def test_every_built_in_loss_is_free_of_traps(build):
    from zerokd.objective.graph import Graph
    from zerokd.proof.trial import ProbeBatch, with_perturbed_leaves

    components = build()
    stage = components.stages[1]
    graph, labels = Graph(stage, components), [term.label for term in stage.terms]
    probe(stage, components, Batch.from_images(sample()))  # tells adapters what they need
    inputs = {"low": sample()}
    leaves = tuple(components.student.parameters())
    perturbed = with_perturbed_leaves(graph, inputs, labels, leaves)
    trial = ProbeBatch(graph, graph.compute(inputs, graph.tensors_read_by(labels)), perturbed, leaves)
    assert {term.label: list(find_trap(term, trial)) for term in stage.terms} == {label: [] for label in labels}
    assert not any(check_batch_independence(term, trial) for term in stage.terms)
