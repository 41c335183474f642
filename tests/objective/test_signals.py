"""What a signal's name means, and what is said when it means nothing."""

import pytest

from zerokd.objective.signals import find_stage_binding_problems


@pytest.mark.parametrize(
    ("port", "signal", "told", "hint"),
    [
        ("prediction", "student.enhansed", "no such output", "did you mean 'enhanced'?"),
        ("prediction", "studnt.enhanced", "no model 'studnt'", "did you mean 'student'?"),
        ("target", "teacher.features.e_conv9", "no such layer", "did you mean 'e_conv"),
        ("target", "lov", "no such input", "did you mean 'low'?"),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(build, port, signal, told, hint):
    components = build(f'terms.distillation.enhanced.on.{port}="{signal}"')
    (problem,) = find_stage_binding_problems(components.stages[1], components, ["low"])
    assert told in problem.message
    assert f"distillation.enhanced: port '{port}' reads '{signal}'" in problem.message
    assert hint in problem.hints[0]


def test_pretraining_may_not_read_the_teacher(build):
    components = build('terms.pretraining.exposure.on.low="teacher.enhanced"')
    (problem,) = find_stage_binding_problems(components.stages[0], components, ["low"])
    assert "stage 'pretrain' may not read 'teacher'" in problem.message


def test_distillation_without_a_teacher_is_refused(build):
    components = build('stages.distill.objective="alpha*task + (1-alpha)*task + 0*beta*task"', small=TASK_ONLY)
    (problem,) = find_stage_binding_problems(components.stages[1], components, ["low"])
    assert "no term of its objective reads a signal of a 'teacher'" in problem.message


TASK_ONLY = (
    "data.size=32",
    "data.count=6",
    'terms={pretraining={exposure={use="multi_region_exposure"}}, task={color={use="color_constancy"}}}',
)
