"""The numbers of the evidence, against the same worked out by other means."""

import json

import pytest
import torch

from zerokd.losses.mse import mse
from zerokd.plugin.batch import Batch
from zerokd.proof.evidence import Evidence, MonitoredValue, TermEvidence, measure_evidence
from zerokd.proof.probe import probe


@pytest.fixture
def measured(build):
    components = build("terms.task.color.monitor=true")
    stage, low = components.stages[1], torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    return components, low, measure_evidence(probe(stage, components, Batch.from_images(low)), {"low": low})


def test_one_term_by_hand(measured):
    components, low, found = measured
    term = next(term for term in found.terms if term.label == "distillation.enhanced")
    output = components.student(low)["enhanced"]
    value = mse(output, components.models["teacher"](low)["enhanced"]).mean()
    inner = torch.autograd.grad(0.35 * value, output, retain_graph=True)[0].norm().item()
    outer = torch.autograd.grad(0.35 * value, list(components.student.parameters()))
    assert term.value == pytest.approx(value.item(), rel=1e-5)
    assert term.weight == pytest.approx(0.35)
    assert term.contribution == pytest.approx(0.35 * value.item(), rel=1e-5)
    assert term.at_outputs == pytest.approx(inner, rel=1e-4)
    assert term.at_parameters == pytest.approx(torch.cat([one.flatten() for one in outer]).norm().item(), rel=1e-4)


def test_shares_add_up_and_a_term_agrees_with_itself(measured):
    _, low, found = measured
    assert sum(term.share for term in found.terms) == pytest.approx(1.0)
    assert found.images == len(low)
    assert len(found.terms) == len(found.cosines) == 13
    for row, cosines in enumerate(found.cosines):
        assert cosines[row] == pytest.approx(1.0)
        assert [other[row] for other in found.cosines] == pytest.approx(cosines)


def test_it_is_plain_data(measured):
    _, _, found = measured
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False)) == found.as_dict()


def test_conflicts_come_worst_first_and_mild_ones_not_at_all():
    terms = tuple(TermEvidence(label, 1.0, 1.0, 1.0, 1.0, 1.0, 0.25) for label in "abcd")
    cosines = ((1, -0.2, 0.9, -0.05), (-0.2, 1, -0.7, 0.3), (0.9, -0.7, 1, 0), (-0.05, 0.3, 0, 1))
    found = Evidence("distill", 4, terms, cosines, ())
    assert found.find_conflicts() == [(-0.7, "b", "c"), (-0.2, "a", "b")]


def test_measuring_changes_nothing(build):
    components = build()
    stage, low = components.stages[1], torch.rand(2, 3, 32, 32)
    objective = probe(stage, components, Batch.from_images(low))
    before, generator = {k: v.clone() for k, v in components.student.state_dict().items()}, torch.get_rng_state()
    measure_evidence(objective, {"low": low})
    assert all(torch.equal(before[key], value) for key, value in components.student.state_dict().items())
    assert torch.equal(generator, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in components.student.parameters())


TERMS = (
    TermEvidence("task.color", 0.0123, 1.5, 0.01845, 1e-5, 2.0, 0.9999),
    TermEvidence("task.<b>", 1.0, 1.0, 1.0, 0.0, 12345.0, 0.0001),
)
EVIDENCE = Evidence("distill", 4, TERMS, ((1.0, -0.5), (-0.5, 1.0)), ("a < b",))


def test_a_row_for_each_term_then_conflicts_and_notes():
    assert str(EVIDENCE).splitlines() == [
        "  term          value   weight  contrib  |g| out  |g| par  share",
        "  task.color   0.0123      1.5   0.0185    1e-05        2 100.0%",
        "  task.<b>          1        1        1        0  1.2e+04  <0.1%",
        "  conflict -0.50: task.color and task.<b>",
        "  note: a < b",
    ]


def test_a_notebook_gets_a_table_with_nothing_unescaped():
    page = EVIDENCE._repr_html_()
    assert page.count("<tr>") == 3
    assert "<td>task.&lt;b&gt;</td>" in page
    assert "<li>note: a &lt; b</li>" in page
    assert "<b>" not in page


def test_a_monitored_term_has_its_value_and_a_mark(measured):
    components, low, found = measured
    (term,) = found.monitored
    loss = next(term.loss for term in components.stages[1].terms if term.label == "task.color")
    with torch.no_grad():
        expected = loss(enhanced=components.student(low)["enhanced"]).mean().item()
    assert (term.label, term.value) == ("task.color", pytest.approx(expected, rel=1e-6))
    assert "task.color" not in [other.label for other in found.terms]
    assert found.as_dict()["monitored"] == [{"label": "task.color", "value": term.value}]


def test_rows_of_monitored_terms():
    evidence = Evidence(
        "distill", 4, TERMS[:1], ((1.0,),), (), (MonitoredValue("task.seen", 0.5), MonitoredValue("x", None))
    )
    assert str(evidence).splitlines()[2:] == [
        "  task.seen       0.5  monitored: it does not train",
        "  x         not finite  monitored: it does not train",
    ]
    page = evidence._repr_html_()
    assert '<tr><td>task.seen</td><td>0.5</td><td colspan="5">monitored: it does not train</td></tr>' in page
