"""Signals that are missing or do not fit."""

from tests.objective.by_hand import LOW, distilling, problems_of


def test_a_missing_signal_names_term_port_and_remedy():
    objective, *_ = distilling()
    problem = problems_of(lambda: objective({"image": LOW}))[0]
    assert problem.message == (
        "distillation.output: port 'prediction' reads 'student.output', and the signal 'low' is missing"
    )
    assert "give it in the call, or give the model that computes it" in problem.hints
    assert problem.place.file.endswith("by_hand.py")
