"""The student has a teacher, and needs it."""

from zerokd.stages.distillation import Distillation


def test_teacher_and_average_may_be_read_and_the_teacher_must():
    assert Distillation.reads == ("student", "teacher", "ema")
    assert Distillation.needs == ("student", "teacher")
