"""Pretraining: the student alone."""

from __future__ import annotations

from typing import final

from zerokd import Stage


@final
class SelfSupervised(Stage):
    """Trains the student on zero-reference losses, without a teacher.

    Independent initialisation avoids early over-reliance on the teacher and a moving target, so the objective of this
    stage may read the input and the student's own outputs and features, and nothing of a teacher.
    Source: stage 1 of the documented system.
    """

    reads = ("student",)
    needs = ("student",)
