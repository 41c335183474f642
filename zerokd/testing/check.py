"""Checks: a check applies one named rule to one component with one config."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from attrs import evolve, field, frozen

from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.isolation import error_message
from zerokd.testing.example_files import write_example_files
from zerokd.testing.inputs import link_ports


class CheckError(AssertionError):
    """A component breaks a rule. The message gives the actual and the required result."""


def require(condition: Any, message: str) -> None:
    """Raise CheckError with this message unless the condition holds."""
    if not condition:
        raise CheckError(message)


@frozen(eq=False)
class Subject:
    """A component and a config to test it with; ``shared`` holds what several of its rules read."""

    entry: CatalogueEntry
    component: type[Any]
    options: Mapping[str, Any]
    shared: dict[str, Any] = field(factory=dict, repr=False)

    def build(self) -> Any:
        """Build a new instance, so that no check sees the state of another."""
        return link_ports(self.component(**self.options))

    def copy(self) -> Any:
        """A copy of one instance, as independent of other checks as a new one: a network takes long to build."""
        try:
            return link_ports(copy.deepcopy(_build_latest(self)))
        except Exception:  # it holds what cannot be copied
            return self.build()

    def compute_once(self, function: Callable[[Subject], Any]) -> Any:
        """What ``function`` returns for this subject, computed by the first rule that asks for it."""
        if function.__name__ not in self.shared:
            self.shared[function.__name__] = function(self)
        return self.shared[function.__name__]

    def __str__(self) -> str:
        options = ", ".join(f"{key}={value!r}" for key, value in self.options.items())
        return self.entry.spec.name + (f"({options})" if options else "")


@lru_cache(maxsize=1)
def _build_latest(subject: Subject) -> Any:
    return subject.component(**subject.options)


@frozen(eq=False)
class Rule:
    """``verify`` raises if a subject breaks the rule; ``applies`` tells whether the rule holds for it."""

    name: str
    about: str
    verify: Callable[[Subject], None]
    applies: Callable[[Subject], bool]


def rule(applies: Callable[[Subject], bool] = lambda subject: True) -> Callable[[Callable[[Subject], None]], Rule]:
    """Turn a function into a rule: its name names the check, its docstring's first line describes it."""

    def decorate(verify: Callable[[Subject], None]) -> Rule:
        about = (verify.__doc__ or "").strip().splitlines()[0]
        return Rule(verify.__name__, about, verify, applies)

    return decorate


@frozen(eq=False)
class Check:
    """One rule on one subject. Calling it returns nothing, or raises :class:`CheckError`.

    A component declares a known failure with its reason. It is strict: the check must still fail.
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
            with write_example_files(self.subject.component) as options:
                subject = self.subject
                if options:
                    subject = evolve(subject, options={**subject.options, **options}, shared={})
                self.rule.verify(subject)
        except Exception as error:
            if self.known_failure:
                return
            raise CheckError(
                f"{self.subject} breaks {self.name} ({self.rule.about}): {_describe_check_error(error)}"
            ) from error
        if self.known_failure:
            text = f"{self.name} is declared as a known failure of {self.subject} ({self.known_failure}), but it passes"
            raise CheckError(f"{text}: remove it from known_failures")

    def failure_reason(self, error: CheckError) -> str:
        """Return the reason of a failure alone, without the subject and the check."""
        return _describe_check_error(error.__cause__) if error.__cause__ else str(error)


def _describe_check_error(error: BaseException) -> str:
    return str(error) if isinstance(error, CheckError) else f"{type(error).__name__}: {error_message(error)}"
