"""Rules for every kind: a documented config, a complete docstring, a constructor without side effects."""

from __future__ import annotations

import doctest
import inspect
import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w
import torch
from pydantic import ValidationError
from torch import nn

from zerokd.testing.check import CheckError, Subject, require, rule

DOCSTRING_SECTIONS: Mapping[str, tuple[str, ...]] = {  # by kind, in this order
    "losses": ("Formula:", "Returns:", "Scale:", "Source:", "Pitfalls:", "Example:"),
    "metrics": ("Formula:", "Returns:", "Source:", "Pitfalls:", "Example:"),
    "adapters": ("Source:", "Example:"),
    "aggregators": ("Formula:", "Source:", "Pitfalls:", "Example:"),
    "optimizers": ("Formula:", "Source:", "Pitfalls:"),
    "models": ("Source:",),
    "critics": ("Source:",),
    "stages": ("Source:",),
}
MAX_SUMMARY_LENGTH = 80  # characters
MIN_DESCRIPTION_LENGTH = 10  # characters
UNKNOWN_KEY = "no_such_key_at_all"


@rule()
def summary(subject: Subject) -> None:
    """the record's summary is one short line"""
    text = subject.entry.spec.summary
    short = 0 < len(text) <= MAX_SUMMARY_LENGTH and "\n" not in text and not text.endswith(".")
    require(short, f"{text!r} is not one line of at most {MAX_SUMMARY_LENGTH} characters without a full stop")


@rule()
def docstring(subject: Subject) -> None:
    """the docstring has every section that its page needs"""
    text, parts = inspect.cleandoc(subject.component.__doc__ or ""), DOCSTRING_SECTIONS.get(subject.entry.spec.kind, ())
    own = "__doc__" in vars(subject.component) and text
    require(own, f"{subject.component.__name__} has no docstring of its own")
    places = [text.find(part) for part in parts]
    missing = [part for part, place in zip(parts, places, strict=True) if place < 0]
    require(not missing, f"it lacks {', '.join(missing)} (in this order: {' '.join(parts)})")
    require(places == sorted(places), f"its sections must come in this order: {' '.join(parts)}")
    if "Returns:" in parts:
        returns = text[text.find("Returns:") : places[parts.index("Returns:") + 1]]
        require("(N,)" in returns, "Returns: does not give the shape, (N,)")


@rule(
    lambda subject: (
        "Example:" in DOCSTRING_SECTIONS.get(subject.entry.spec.kind, ()) or ">>>" in (subject.component.__doc__ or "")
    )
)
def example(subject: Subject) -> None:
    """the docstring's example runs and prints what it shows"""
    module = inspect.getmodule(subject.component)
    names = dict(vars(module)) if module else {}
    text = inspect.cleandoc(subject.component.__doc__ or "")
    test = doctest.DocTestParser().get_doctest(text, names, subject.component.__name__, None, 0)
    require(test.examples, "it has no example (>>> ...)")
    output: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=output.append)
    require(not output, " ".join("".join(output).split())[-300:])


@rule()
def config_described(subject: Subject) -> None:
    """every config key has a description"""
    fields = subject.component.Config.model_fields
    silent = [name for name, field in fields.items() if len(field.description or "") < MIN_DESCRIPTION_LENGTH]
    require(not silent, f"without a description: {', '.join(silent)}")


@rule()
def config_strict(subject: Subject) -> None:
    """the config refuses unknown keys"""
    try:
        subject.component.Config(**subject.options, **{UNKNOWN_KEY: 1})
    except ValidationError:
        return
    raise CheckError(f"it accepts the key {UNKNOWN_KEY!r}: derive Config from zerokd.Config")


@rule()
def config_round_trip(subject: Subject) -> None:
    """the config survives a round trip through TOML"""
    first = subject.component.Config(**subject.options)
    written = first.model_dump(mode="json", exclude_none=True, by_alias=True)
    try:
        second = subject.component.Config(**tomllib.loads(tomli_w.dumps(written)))
    except (ValidationError, TypeError, ValueError) as error:
        raise CheckError(f"{written} cannot be read again: {error}") from error
    require(first == second, f"{first!r} became {second!r}")


@rule()
def construction(subject: Subject) -> None:
    """two instances are equal, whatever the random generator, and construction changes no setting of torch"""
    before = (torch.get_default_dtype(), torch.get_num_threads())
    (first, first_draws), (second, _) = _build_with_seed(subject, 1), _build_with_seed(subject, 2)
    require(
        (torch.get_default_dtype(), torch.get_num_threads()) == before, "it changes torch's default type or threads"
    )
    require(first.config == subject.component.Config(**subject.options), "its config differs from its arguments")
    if subject.entry.spec.kind in ("models", "adapters", "critics"):
        return  # the run's seed decides their weights
    if isinstance(first, nn.Module):  # a network that loads its weights may draw others before
        others = second.state_dict()
        equal = all(torch.equal(weight, others[name]) for name, weight in first.state_dict().items())
        require(equal, "two instances have different weights: they depend on the global random generator")
    else:
        require(not first_draws, "it draws from the global random generator")


def _build_with_seed(subject: Subject, seed: int) -> tuple[Any, bool]:
    """An instance, and whether its construction drew from the global random generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        before = torch.random.get_rng_state()
        return subject.build(), not torch.equal(before, torch.random.get_rng_state())


@rule(lambda subject: hasattr(subject.component, "ports"))
def ports_declared(subject: Subject) -> None:
    """forward takes exactly the declared ports (or any), by keyword, and each has a description"""
    ports: Mapping[str, Any] = subject.component.ports
    require(ports, "it declares no port")
    silent = [name for name, port in ports.items() if len(port.about) < MIN_DESCRIPTION_LENGTH]
    require(not silent, f"ports without a description: {', '.join(silent)}")
    parameters = [
        parameter
        for name, parameter in inspect.signature(subject.component.forward).parameters.items()
        if name != "self"
    ]
    if [parameter.kind for parameter in parameters] == [inspect.Parameter.VAR_KEYWORD]:
        return  # forward(**ports): it takes whatever it declares
    names = [parameter.name for parameter in parameters]
    require(set(names) == set(ports), f"forward takes {', '.join(names)}; the ports are {', '.join(ports)}")
    positional = [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
    require(not positional, f"not keyword-only: {', '.join(positional)} (write def forward(self, *, ...))")


RULES = (
    summary,
    docstring,
    example,
    config_described,
    config_strict,
    config_round_trip,
    construction,
    ports_declared,
)
