"""Proofs of an objective in anyone's loop."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from zerokd.objective.objective import Objective
from zerokd.objective.tracing import measure_range
from zerokd.proof.evidence import Evidence, measure_evidence
from zerokd.proof.probe import verify_terms


def prove(objective: Objective, inputs: Tensor | Mapping[str, Tensor]) -> Evidence:
    """Verify an objective on a few images and measure its terms; see :meth:`zerokd.Objective.prove`."""
    signals = objective.graph.complete_inputs(inputs)
    objective.require_signals(signals)
    verify_terms(objective, signals, {name: measure_range(value) for name, value in signals.items()})
    return measure_evidence(objective, signals)
