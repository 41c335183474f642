"""A component as a recipe uses it: a table that passes `zerokd check` when added to recipes/paper.toml.

A model passes if it has the outputs that the terms read; those of recipes/paper.toml read a curve map and three layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zerokd.objective.models import CRITIC, STUDENT
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.config_keys import list_config_keys
from zerokd.plugin.kinds import KINDS
from zerokd.recipe.toml.format import format_toml_header, format_toml_key, format_toml_value

SnippetTable = tuple[tuple[str, ...], dict[str, Any]]
GAME_GROUPS = {"student": "adversarial", "critic": "discrimination"}  # of recipes/adversarial.toml
PAPER_GROUPS = {"student": "task", "teacher": "distillation", "ema": "contrastive"}  # of recipes/paper.toml


def format_snippet(entry: CatalogueEntry, component: Any) -> str:
    """The TOML of a component, with its required keys only. For an exporter, which no recipe names: its command."""
    if entry.spec.kind == "exporters":
        use = _required_keys(entry, component)
        options = [f" --set {key}={value}" for key, value in use.items() if key != "use"]
        return f"zerokd export STUDENT --format {use['use']}{''.join(options)}\n"
    kind, name = KINDS[entry.spec.kind], entry.spec.name
    if kind.recipe_table:
        path, keys = tuple(part.format(name=name) for part in kind.recipe_table), _required_keys(entry, component)
    else:
        path, keys = TABLE_BUILDERS[kind.plural](entry, component)
    note = "" if getattr(component, "is_frozen", False) else kind.recipe_note.format(name=name)  # it has no layers
    return "".join(
        [
            f"[{format_toml_header(path)}]\n",
            *(f"{format_toml_key(key)} = {format_toml_value(value)}\n" for key, value in keys.items()),
            note,
        ]
    )


def _required_keys(entry: CatalogueEntry, component: Any) -> dict[str, Any]:
    """The component's name and required keys. A full name stays unique whichever plugins are installed."""
    name = entry.spec.name if entry.provider.builtin else entry.qualified_name
    return {"use": name} | {key.key: key.example for key in list_config_keys(component.Config) if key.required}


def _loss_table(entry: CatalogueEntry, component: Any) -> SnippetTable:
    on = {
        name: port.example or ("student.enhanced" if port.grad else "teacher.enhanced")
        for name, port in component.ports.items()
        if port.default is None
    }
    read = {port.default or on[name] for name, port in component.ports.items()}
    frozen = any(signal.startswith(("teacher.", "ema.")) for signal in read)
    group = PAPER_GROUPS["teacher" if frozen else STUDENT]
    if any(signal.startswith(f"{CRITIC}(") for signal in read):
        group = GAME_GROUPS[CRITIC if len(component.ports) > 1 else STUDENT]
    use = _required_keys(entry, component)
    return ("terms", group, entry.spec.name), {"use": use.pop("use")} | ({"on": on} if on else {}) | use


def _metric_table(entry: CatalogueEntry, component: Any) -> SnippetTable:
    on = {name: port.example or "student.enhanced" for name, port in component.ports.items() if port.default is None}
    use = _required_keys(entry, component)
    return ("metrics", entry.spec.name), {"use": use.pop("use")} | ({"on": on} if on else {}) | use


def _adapter_table(entry: CatalogueEntry, component: Any) -> SnippetTable:
    use = _required_keys(entry, component)
    adapt = [use if len(use) > 1 else use["use"]]
    on = dict(zip(("prediction", "target"), component.example, strict=True))
    return ("terms", PAPER_GROUPS["teacher"], entry.spec.name), {"use": "mse", "on": on, "adapt": adapt}


def _stage_table(entry: CatalogueEntry, component: Any) -> SnippetTable:
    roles = dict.fromkeys((STUDENT, *component.needs))
    objective = " + ".join(PAPER_GROUPS[role] for role in roles if role in PAPER_GROUPS)
    return ("stages", entry.spec.name), {**_required_keys(entry, component), "objective": objective, "epochs": 10}


def _model_table(entry: CatalogueEntry, component: Any) -> SnippetTable:
    if getattr(entry.spec, "bundled", None):
        return ("models", "teacher"), {**_required_keys(entry, component), "weights": "bundled"}
    return ("models", "teacher" if component.is_frozen else STUDENT), _required_keys(entry, component)


def _critic_table(entry: CatalogueEntry, component: Any) -> SnippetTable:
    """The critic of recipes/adversarial.toml."""
    use = _required_keys(entry, component)
    return ("stages", "game", "critic"), {"use": use.pop("use"), "objective": "discrimination + penalty"} | use


TABLE_BUILDERS: dict[str, Callable[[CatalogueEntry, Any], SnippetTable]] = {
    "critics": _critic_table,
    "losses": _loss_table,
    "adapters": _adapter_table,
    "stages": _stage_table,
    "models": _model_table,
    "metrics": _metric_table,
}
