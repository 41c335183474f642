"""The student is alone."""

from zerokd.stages.self_supervised import SelfSupervised


def test_nothing_but_the_student_is_read():
    assert SelfSupervised.reads == SelfSupervised.needs == ("student",)
