"""What is allowed and worth saying."""

import torch
from pydantic import Field

import zerokd
from zerokd.plugin.batch import Batch
from zerokd.proof.evidence import measure_evidence
from zerokd.proof.notes import collect_notes
from zerokd.proof.objective_traps import weighted_terms
from zerokd.proof.probe import probe


class Ignoring(zerokd.Loss):
    """As the released constructor: one of its arguments is never read."""

    class Config(zerokd.Config):
        dark_transition: float = Field(0.1, gt=0.0, le=1.0)
        level: float = Field(0.6, ge=0.0, le=1.0)
        twice: int = Field(2, ge=1)

    ports = {"enhanced": zerokd.Port("the image", range=(0.0, 1.0), grad=True, default="student.enhanced")}

    def forward(self, *, enhanced):
        return (enhanced - self.config.level).square().mean(dim=(1, 2, 3))


def of(components, number=0):
    stage = components.stages[number]
    low = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return measure_evidence(probe(stage, components, Batch.from_images(low)), {"low": low}).notes


def test_the_paper_recipe_sets_no_key_in_vain(build):
    assert not any("changes nothing" in note for number in (0, 1) for note in of(build(), number))


def test_a_key_that_changes_nothing_is_named(build):
    components = build()
    stage = components.stages[0]
    term = stage.terms[2]
    object.__setattr__(term, "loss", Ignoring(dark_transition=0.05, level=0.6))
    object.__setattr__(term, "explicit_keys", ("dark_transition", "level"))
    assert of(components) == ("pretraining.color: dark_transition = 0.05 changes nothing on these images",)


def test_a_key_at_its_default_is_tried_with_another_number(build):
    components = build()
    term = components.stages[0].terms[2]
    object.__setattr__(term, "loss", Ignoring())
    object.__setattr__(term, "explicit_keys", ("dark_transition", "level", "twice"))
    told = [note.split(": ")[1] for note in of(components)]
    assert told == [f"{key} changes nothing on these images" for key in ("dark_transition = 0.1", "twice = 2")]


def test_what_the_recipe_does_not_set_is_not_tried(build):
    components = build()
    object.__setattr__(components.stages[0].terms[2], "loss", Ignoring())
    assert of(components) == ()


def test_a_term_that_decides_alone_and_one_that_does_nothing(build):
    (great, small) = of(build("terms.pretraining.smoothness.weight=1e6", "terms.pretraining.color.weight=1e-3"))
    assert great.startswith("pretraining.smoothness is ")
    assert great.endswith("% of the gradient at the start: it dominates alone")
    assert small.startswith("pretraining.color is ")
    assert "it has almost no effect" in small


def test_shares_at_their_limits(build):
    components = build()
    stage = components.stages[0]
    objective = probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32)))
    tensors = objective.graph.compute(
        {"low": torch.rand(2, 3, 32, 32)}, objective.graph.tensors_read_by(objective.weights)
    )

    def told(**shares):
        return list(collect_notes(stage, objective.graph, tensors, shares))

    assert told(a=0.95, b=0.05) == []
    assert told(a=1.0) == []  # a single term is all of the gradient
    assert len(told(a=0.9999, b=1e-4)) == 1
    assert len(told(a=0.99995, b=5e-5)) == 2


def test_one_loss_with_two_configs_is_a_note(build):
    twin = 'terms.pretraining.again={use="multi_region_exposure", patch=4}'
    components = build(twin)
    assert len(weighted_terms(components.stages[0])) == 4
    (note,) = of(components)
    assert note.startswith("pretraining.exposure and pretraining.again are one loss on the same signals")
