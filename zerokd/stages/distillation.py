"""Fine-tuning: the student under a frozen teacher."""

from __future__ import annotations

from typing import final

from zerokd import Stage


@final
class Distillation(Stage):
    """Aligns the student with a frozen teacher, and moves it away from its own moving average.

    Hard targets and no temperature: enhancement is a regression. Teacher and EMA run in eval mode, without gradient,
    always; no recipe can change that. zerokd refuses an objective here that reads nothing of the teacher.
    Source: stage 2 of the documented system.
    """

    reads = ("student", "teacher", "ema")
    needs = ("student", "teacher")
