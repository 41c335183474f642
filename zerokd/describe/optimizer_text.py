"""The optimizer of a stage in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zerokd.text import format_number


def describe_optimizer(record: Mapping[str, Any]) -> str:
    """A sentence about the record of an optimizer, as manifest.json has it."""
    return ", ".join(_describe_parts(record))


def _describe_parts(record: Mapping[str, Any]) -> Iterator[str]:
    options = " ".join(f"{key}={_format_option(value)}" for key, value in record["config"].items())
    yield f"{record['use']} ({options})" if options else str(record["use"])
    rate = record["learning_rate"]
    first, last, most = (format_number(rate[key]) for key in ("first", "last", "most"))
    peak = "" if rate["most"] in (rate["first"], rate["last"]) else f" over {most}"
    yield f"learning rate {first}{peak} to {last} ({rate['schedule']})"
    limit = record["clip_norm"]
    yield "gradient norm not clipped" if limit == "off" else f"gradient norm clipped to {format_number(limit)}"
    if not record["flat"]:
        yield "parameters updated one by one"
    for group in record["groups"]:
        changes = [f"learning rate x {format_number(group['learning_rate_factor'])}"]
        changes += [f"weight_decay {format_number(group['weight_decay'])}"] if "weight_decay" in group else []
        yield f"{group['match']}: {' and '.join(changes)}"


def _format_option(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{' '.join(map(_format_option, value))}]"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return format_number(value) if is_number else str(value)
