"""Each signal is computed once, only if a term needs it, and nothing but the student can learn."""

import pytest
import torch

from zerokd.objective.calls import Adaptation, ForwardPass
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe


def graph_of(components, number=1):
    return probe(components.stages[number], components, Batch.from_images(torch.rand(2, 3, 32, 32))).graph


@pytest.fixture
def distill(build):
    components = build()
    return components, components.stages[1], graph_of(components)


def count_forwards(components):
    counts = dict.fromkeys([*components.models, *components.averages], 0)

    def counter(owner):
        def hook(*_):
            counts[owner] += 1

        return hook

    for owner in counts:
        components.get_model(owner).register_forward_hook(counter(owner))
    return counts


def labels(stage):
    return [term.label for term in stage.terms]


def test_every_model_runs_once_a_step_however_many_terms_read_it(distill):
    components, stage, graph = distill
    counts = count_forwards(components)
    graph.compute({"low": torch.rand(2, 3, 32, 32)}, graph.tensors_read_by(labels(stage)))
    assert counts == {"student": 1, "teacher": 2, "ema": 1}  # what is frozen, once for each image


def test_what_is_frozen_is_computed_image_by_image(distill):
    components, stage, graph = distill
    low, sizes = torch.rand(3, 3, 32, 32), []
    hook = components.models["teacher"].register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    made = graph.compute({"low": low}, graph.tensors_read_by(labels(stage)))
    hook.remove()
    assert sizes == [1, 1, 1]
    features = [name for name in made if name.startswith("teacher.features.")]
    assert len(features) == 3
    whole = components.models["teacher"](low)
    torch.testing.assert_close(made["teacher.enhanced"], whole["enhanced"])
    for name in ("teacher.enhanced", "teacher.curve_map", *features):
        alone = [graph.compute({"low": one}, frozenset({name}))[name] for one in low.split(1)]
        assert torch.equal(made[name], torch.cat(alone))


def test_a_model_that_no_live_term_reads_does_not_run(distill):
    components, _, graph = distill
    counts = count_forwards(components)
    graph.compute({"low": torch.rand(2, 3, 32, 32)}, graph.tensors_read_by(["task.color", "task.smoothness"]))
    assert counts == {"student": 1, "teacher": 0, "ema": 0}


def test_pretraining_never_runs_the_teacher(build):
    components = build()
    graph = graph_of(components, 0)
    assert [call.owner for call in graph.forward_passes()] == ["student"]


def test_equal_adapters_on_equal_tensors_run_once(build):
    twin = "terms.feature_matching.early_again"
    components = build(
        f'{twin}.use="feature_matching"',
        f'{twin}.on={{student="student.features.e_conv1", teacher="teacher.features.e_conv2"}}',
        f'{twin}.adapt=["adaptive_pool", "gap"]',
        f"{twin}.monitor=true",  # weighed, it would be the same term twice
    )
    graph = graph_of(components)
    pairs = {call.key: call for call in graph.calls if isinstance(call, Adaptation) and "e_conv1" in call.key}
    assert len(pairs) == 2  # the pool, then the average over channels; not four
    assert graph.bindings["feature_matching.early"] == graph.bindings["feature_matching.early_again"]


def test_only_the_student_gets_gradient(distill):
    components, stage, graph = distill
    tensors = graph.compute({"low": torch.rand(2, 3, 32, 32)}, graph.tensors_read_by(labels(stage)))
    for name, tensor in tensors.items():
        if name.startswith(("teacher.", "ema.")) or name == "low":
            assert not tensor.requires_grad, name
        elif name.startswith("student."):
            assert tensor.requires_grad, name
    assert not components.models["teacher"].training
    assert not any(parameter.requires_grad for parameter in components.get_model("teacher").parameters())


def test_a_tapped_feature_survives_a_later_in_place_activation():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 3, 1)
            self.act = torch.nn.ReLU(inplace=True)

        def outputs(self):
            return {}

        def forward(self, low):
            return {"enhanced": self.act(self.conv(low))}

    net = Net()
    low = torch.rand(1, 3, 4, 4) - 0.5
    one = ForwardPass("student", net, ("conv", "act"))
    for _ in range(2):
        tensors = one.compute({"low": low})
        assert torch.equal(tensors["student.features.conv"], net.conv(low))
        assert (tensors["student.features.conv"] < 0).any()
        assert torch.equal(tensors["student.enhanced"], net.conv(low).relu())
        assert tensors["student.features.act"] is tensors["student.enhanced"]
        assert one.copied_layers == {"conv"}
        assert not net.conv._forward_hooks


def test_adapting_leaves_alone_what_is_fixed_and_known(distill):
    _, stage, graph = distill
    tensors = graph.compute({"low": torch.rand(2, 3, 32, 32)}, graph.tensors_read_by(labels(stage)))
    raw = {name: one for name, one in tensors.items() if name.startswith("teacher.features.")}
    assert len(raw) == 3
    adapted = graph.run_adapters({name: one for name, one in tensors.items() if name not in raw}, labels(stage))
    assert adapted.keys() == tensors.keys() - raw.keys()
    for name in graph.tensors_read_by(labels(stage)):
        assert torch.equal(adapted[name], tensors[name])
        assert adapted[name] is tensors[name] or name not in graph.fixed_tensors
