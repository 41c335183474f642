"""The evidence that a recipe's terms train its student, for people and for programs."""

from __future__ import annotations

from typing import Any

from zerokd.describe.optimizer_text import describe_optimizer
from zerokd.measure.held_out import metrics_record
from zerokd.proof.evidence import format_evidence
from zerokd.run.plan import UNTRAINED, RunPlan
from zerokd.text import format_number, wrap_text


def evidence_to_dict(plan: RunPlan) -> dict[str, Any]:
    """All of it as plain data."""
    components = plan.components
    untrained = {name: result.as_json() for name, result in plan.untrained_results.items()}
    return {
        "recipe": components.name,
        "seed": components.seed,
        "fallbacks": list(components.fallbacks),
        "cautions": list(components.cautions),
        "stages": [
            {**evidence.as_dict(), "optimizer": stage.optimizer.as_json()}
            for stage, evidence in zip(components.players, plan.evidences, strict=True)
        ],
        "metrics": metrics_record(plan.metric_evaluator.metrics, {UNTRAINED: untrained}, plan.measured_on),
    }


def describe_evidence(plan: RunPlan) -> str:
    """A table for each stage, in 80 columns unless names are long."""
    components = plan.components
    lines = [f"recipe {components.name}, seed {components.seed}, {len(components.data)} images"]
    for name, texts in (("FALLBACK", components.fallbacks), ("caution", components.cautions)):
        for text in texts:
            lines += wrap_text(f"{name}: {text}", "  ")
    for stage, evidence in zip(components.players, plan.evidences, strict=True):
        lines += ["", *wrap_text(f"{stage.name}: {stage.equation.text}", "  "), *format_evidence(evidence)]
        lines += wrap_text(f"optimizer: {describe_optimizer(stage.optimizer.as_json())}", "    ", "  ")
        if stage.idle_terms:
            lines += wrap_text(f"not computed, weight 0 at every step: {', '.join(stage.idle_terms)}", "    ", "  ")
    for name, metric in evidence_to_dict(plan)["metrics"].items():
        value = f"{format_number(metric['value'])} {metric['unit']}".rstrip()
        text = f"metric {name}: {metric['use']} of the untrained student is {value}"
        images = f"{metric['images']} {metric['measured_on']} images"
        lines += wrap_text(f"{text} on {images}; {metric['better']} is better", "  ")
    subject = "every term above" if any(stage.idle_terms for stage in components.players) else "every term"
    if any(evidence.monitored for evidence in plan.evidences):
        subject = "every weighted term"
    trained = "its player" if any(stage.critic for stage in components.stages) else "the student"
    legend = (
        f"{subject} trains {trained}; |g|: norm of the contribution's gradient,",
        "out: at its outputs, par: at its parameters, share: of the sum of par",
    )
    return "\n".join([*lines, "", *legend])
