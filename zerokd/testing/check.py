"""What a check is: a named rule of one kind of component, tried on one component with one config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.isolation import error_message


class CheckError(AssertionError):
    """A component breaks a rule; the message says what was got and what is promised."""


def require(condition: Any, message: str) -> None:
    """Raise what a check found."""
    if not condition:
        raise CheckError(message)


@frozen(eq=False)
class Subject:
    """A component with a config to try it with."""

    entry: CatalogueEntry
    component: type[Any]
    options: Mapping[str, Any]

    def build(self) -> Any:
        """A new instance: no check sees what another one left behind."""
        return self.component(**self.options)

    def __str__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self.options.items())
        return self.entry.spec.name + (f"({given})" if given else "")


@frozen(eq=False)
class Rule:
    """``prove`` raises where a subject breaks the rule; ``applies`` says whether its declarations promise it at all."""

    name: str
    about: str
    verify: Callable[[Subject], None]
    applies: Callable[[Subject], bool]


def rule(applies: Callable[[Subject], bool] = lambda subject: True) -> Callable[[Callable[[Subject], None]], Rule]:
    """Make a rule of a function: its name is the check's name, the first line of its docstring what it proves."""

    def make(prove: Callable[[Subject], None]) -> Rule:
        about = (prove.__doc__ or "").strip().splitlines()[0]
        return Rule(prove.__name__, about, prove, applies)

    return make


@frozen(eq=False)
class Check:
    """One rule on one subject. Calling it returns nothing, or raises :class:`CheckError`.

    A known failure is declared by the component with its reason (``known``), and strict: it must go on failing.
    """

    rule: Rule
    subject: Subject

    @property
    def name(self) -> str:
        return self.rule.name

    @property
    def known_failure(self) -> str:
        declared: Mapping[str, str] = getattr(self.subject.component, "known_failures", {})
        return declared.get(self.name, "")

    def __str__(self) -> str:
        return f"{self.subject}-{self.name}"

    def __call__(self) -> None:
        try:
            self.rule.verify(self.subject)
        except Exception as error:
            if self.known_failure:
                return
            raise CheckError(
                f"{self.subject} breaks {self.name} ({self.rule.about}): {_describe_check_error(error)}"
            ) from error
        if self.known_failure:
            text = f"{self.name} is declared as a known failure of {self.subject} ({self.known_failure}), but it passes"
            raise CheckError(f"{text}: take it out of known_failures")

    def failure_reason(self, fault: CheckError) -> str:
        """What a failure found, without saying again whose and which check it is."""
        return _describe_check_error(fault.__cause__) if fault.__cause__ else str(fault)


def _describe_check_error(fault: BaseException) -> str:
    return str(fault) if isinstance(fault, CheckError) else f"{type(fault).__name__}: {error_message(fault)}"
