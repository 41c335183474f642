"""Supervised training: the student on references."""

from __future__ import annotations

from typing import final

from zerokd import Stage


@final
class Supervised(Stage):
    """Trains the student towards well-lit references, which terms read as ``reference``.

    The data source must have them: ``dead_leaves``, or a ``folder`` with ``references``. A student of such a stage is
    not zero-reference.
    Source: common practice, such as Lore et al.: LLNet, Pattern Recognition 2017.
    """

    reads = ("student", "ema")
    needs = ("student",)
    data_signals = ("reference",)
