"""A bound term says where it came from and what it reads."""

from zerokd.losses.mse import Mse


def test_its_label_and_another_loss(build):
    components = build()
    term = next(term for term in components.stages[1].terms if term.label == "distillation.enhanced")
    assert (term.group, term.name, term.use) == ("distillation", "enhanced", "mse")
    assert term.bindings == {"prediction": "student.enhanced", "target": "teacher.enhanced"}
    loss = Mse()
    changed = term.with_loss(loss)
    assert changed.loss is loss
    assert (changed.label, changed.bindings) == (term.label, term.bindings)
