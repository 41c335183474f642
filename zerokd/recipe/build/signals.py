"""The signals of a recipe: names in bindings, and those that it defines itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zerokd.errors import KeyPath
from zerokd.objective.models import CRITIC
from zerokd.objective.signal_name import LOW, SignalName, SignalSyntaxError
from zerokd.objective.stage_plan import StagePlan
from zerokd.objective.term import BoundTerm, signal_names
from zerokd.objective.view import BoundView, find_view_cycle, select_input_names
from zerokd.plugin.contracts import Data, Stage
from zerokd.recipe.build.builder import Builder, place_in_string
from zerokd.recipe.schema import recipe as schema

REFERENCE = "reference"  # the signal of a well-lit version
NOT_ZERO_REFERENCE = "its student is not zero-reference"  # the end of a caution


def read_signal_name(builder: Builder, text: str, path: KeyPath) -> str:
    """The signal that a recipe names, in one form for each signal; empty where the text names none, which is
    reported."""
    try:
        return SignalName.parse(text).text
    except SignalSyntaxError as error:
        place = place_in_string(builder.document.value_place(path), error.column)
        hint = "a signal is an input, MODEL.OUTPUT, or MODEL(SIGNAL).OUTPUT"
        label = ".".join(map(str, path)).removeprefix("terms.")
        builder.report(f"{label}: {text!r} names no signal: {error}", place, hint, code="unknown-signal")
        builder.failed_paths.add(path[: path.index("on")])
        return ""


def build_views(builder: Builder, recipe: schema.Recipe) -> dict[str, BoundView]:
    """The signals that the recipe defines, as far as they could be built."""
    views: dict[str, BoundView] = {}
    for name, table in recipe.signals.items():
        path = ("signals", name)
        augmentation, source = builder.build(table, path), read_signal_name(builder, table.on, (*path, "on"))
        place = builder.document.key_place(path)
        if name in (LOW, CRITIC, *recipe.models):
            meaning = {LOW: "the input", CRITIC: "the critic of a stage"}.get(name, "a model")
            text = f"{name!r} names {meaning} and a signal"
            builder.report(text, place, "rename the signal", code="wrong-value")
        if augmentation is not None and source:
            views[name] = BoundView(name, table.use, augmentation, source, place)
    cycle = find_view_cycle(views)
    if cycle:
        text = f"signals are computed from each other in a circle: {' -> '.join(cycle)}"
        builder.report(text, views[cycle[0]].place, code="unknown-signal")
        return {}
    return views


def report_signal_problems(
    builder: Builder,
    terms: Iterable[BoundTerm],
    views: Mapping[str, BoundView],
    stages: Iterable[StagePlan],
    data: Data | None,
) -> None:
    """Report each view that no term reads, and each stage whose plugin reads a tensor that the data source lacks; note
    each stage that trains on references."""
    _report_unread_views(builder, terms, views)
    for stage in stages:
        known = stage.plugin.data_signals if data is None else data.signals
        for name in [name for name in stage.plugin.data_signals if name not in known]:
            text = f"stage {stage.name!r} reads {name!r}, and the data source has {', '.join(known)}"
            hint = "dead_leaves has references, and a folder with the key references"
            builder.report(text, stage.place, hint, code="unknown-signal")
        terms = [term for player in stage.players for term in player.terms]
        labels = [term.label for term in terms if REFERENCE in {name.text for name in signal_names([term])}]
        if labels:
            text = f"trains on references ({', '.join(labels)}): {NOT_ZERO_REFERENCE}"
            builder.cautions.setdefault(text, []).append(f"stage {stage.name}")


def select_stage_signals(
    plugin: Stage | None, terms: Iterable[BoundTerm], views: Mapping[str, BoundView], data_signals: tuple[str, ...]
) -> dict[str, Any]:
    """The views that a stage may read and the tensors of an image that it reads, as fields of its plan."""
    names = select_input_names(terms, views) | {LOW, *(plugin.data_signals if plugin else ())}
    return {
        "views": views,
        "data_signals": tuple(name for name in data_signals if name in names),
        "fixed_inputs": data_signals,
    }


def _report_unread_views(builder: Builder, terms: Iterable[BoundTerm], views: Mapping[str, BoundView]) -> None:
    """Report each signal of the recipe that no term reads; none where a term with an error may read it."""
    read = select_input_names(terms, views)
    for name in views.keys() - read if not builder.failed_paths else ():
        hint = "bind a port to it, run a model on it, or remove it"
        builder.report(f"no term reads signals.{name}", views[name].place, hint)
