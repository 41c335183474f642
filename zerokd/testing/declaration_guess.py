"""Guess how a library's function or class becomes a loss: by its signature, by trial calls, and by the kit."""

from __future__ import annotations

import itertools
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, frozen
from torch import Tensor

from zerokd.errors import PluginError, Problem, RecipeError
from zerokd.phases import phase
from zerokd.plugin.catalogue import CatalogueEntry, Provider
from zerokd.plugin.config_keys import list_config_keys
from zerokd.plugin.isolation import error_message
from zerokd.plugin.kinds import Spec
from zerokd.plugin.library_callable import OWN_FUNCTION_HINT, LibraryCallable
from zerokd.plugin.loss_declaration import LossDeclaration
from zerokd.plugin.ports import Port
from zerokd.testing.check import Check, CheckError, Subject
from zerokd.testing.collection import rules_for_kind
from zerokd.testing.inputs import noise

SIDES = (64, 192, 288)  # pixels: the first that a library accepts is where the search for the least one starts
RANGE_NAMES = ("data_range", "max_val", "max_value", "peak")  # arguments that hold the largest value of an image
REDUCTIONS = ("none", "mean", "elementwise_mean")  # the first that gives a value per image
REQUIRED_VALUES: Mapping[str, tuple[Any, ...]] = {  # tried for keys without a default, by the type that `show` prints
    "integer": (11, 3, 1),
    "number": (1.0, 0.5),
    "true or false": (False,),
}
CORRUPTIONS = ("noise", "blur", "darkening")
BROKEN_RULE, FAILED_CALL, NOT_PER_IMAGE = range(3)  # why a call is none of a loss, the most telling first
MAX_REASON_LENGTH = 160  # characters
CALL_RULES = ("value_per_image", "batch_order", "batch_company", "channels", "scale")  # a way to call it passes these


@frozen
class Guess:
    """A declaration that passes the kit, and what no program can decide, each as a sentence."""

    declaration: LossDeclaration
    undecided: tuple[str, ...]
    check_count: int

    def describe(self) -> str:
        """How many checks it passes, and which it does not."""
        failures = self.declaration.known_failures
        text = f"it passes {self.check_count - len(failures)} of {self.check_count} checks"
        return f"{text}; declared as known failures: {', '.join(failures)}." if failures else f"{text}."


def guess_declaration(library: LibraryCallable, class_name: str) -> Guess:
    """Find the declaration with which a function or class passes the conformance kit.

    Raises:
        RecipeError: its signature is no loss's, or no call with one or two images in [0, 1] gives a value and a
            gradient.
    """
    with warnings.catch_warnings(action="ignore"):
        with phase(f"calling {library.path}"):
            declaration, side = _find_call(library, class_name)
            declaration = _find_sign(declaration, side)
        with phase(f"checking {library.path}"):
            return _find_failures(_find_scenes(_find_bounds(declaration)))


def _find_call(library: LibraryCallable, class_name: str) -> tuple[LossDeclaration, int]:
    """The first way to call it that gives a value and a gradient for each image, and the side of the images."""
    problems: dict[int, str] = {}  # the first broken rule, error of a call, and value that is none for each image
    for side, channels in itertools.product(SIDES, (None, 3, 1)):
        if channels is None and BROKEN_RULE in problems:
            break  # it takes images of this size: larger ones break the same rules
        for candidate in _list_calls(library, class_name, channels):
            error = _try_call(candidate, side)
            if error is None:
                candidate = evolve(candidate, min_size=_find_min_size(candidate, side))
                if not (problem := _find_broken_rule(candidate)):
                    return candidate, side
            else:
                problem = f"{type(error).__name__}: {error_message(error)}".splitlines()[0]
            rank = BROKEN_RULE if error is None else NOT_PER_IMAGE if isinstance(error, PluginError) else FAILED_CALL
            problems.setdefault(rank, problem)
    text = f"no call of {library.path} with images in [0, 1] makes a loss: {problems[min(problems)]}"
    raise RecipeError(Problem(text, hints=(OWN_FUNCTION_HINT,)))


def _find_broken_rule(declaration: LossDeclaration) -> str:
    """What a check says that a way to call the library must not break; empty if it breaks none."""
    for check in _list_checks(declaration):
        if check.name in CALL_RULES:
            try:
                check()
            except CheckError as error:
                return check.failure_reason(error).splitlines()[0]
    return ""


def _list_calls(library: LibraryCallable, class_name: str, channels: int | None) -> Iterator[LossDeclaration]:
    """Declarations to try: with each reduction, on the batch and image by image."""
    ports = _make_ports(len(library.read_tensor_names()), channels)
    ranges = {name: 1.0 for name in RANGE_NAMES if name in library.parameters}
    base = LossDeclaration(library, class_name, ports, fixed=ranges)
    if "reduction" in library.parameters:
        reduced = [evolve(base, fixed={**ranges, "reduction": reduction}) for reduction in REDUCTIONS]
    else:
        reduced = []
    for reduces_batch in (False, True):
        for candidate in (*reduced, base):
            yield from _with_required_keys(evolve(candidate, reduces_batch=reduces_batch))


def _make_ports(count: int, channels: int | None) -> dict[str, Port]:
    if count == 1:
        about = "the student's image"
        return {"image": Port(about, (0.0, 1.0), grad=True, default="student.enhanced", channels=channels)}
    return {
        "prediction": Port("the student's image", (0.0, 1.0), grad=True, default="student.enhanced", channels=channels),
        "target": Port(
            "what it should be", (0.0, 1.0), default="teacher.enhanced", like="prediction", channels=channels
        ),
    }


def _with_required_keys(declaration: LossDeclaration) -> Iterator[LossDeclaration]:
    """The declaration with each example of the keys that have no default."""
    required = [key for key in list_config_keys(declaration.build().Config) if key.required]
    choices = [REQUIRED_VALUES.get(key.type, (key.example,)) for key in required]
    for values in itertools.product(*choices):
        example = {key.key: value for key, value in zip(required, values, strict=True)}
        yield evolve(declaration, examples=(example,) if example else ())


def _try_call(declaration: LossDeclaration, side: int) -> Exception | None:
    """The error of a call with two oblong images and its gradient; None if there is none."""
    try:
        values, gradient = _call(declaration, side)
        if not values.isfinite().all() or gradient is None or not gradient.isfinite().all():
            return ValueError("its value or gradient is missing, NaN or infinite on noise")
    except Exception as error:
        return error
    return None if gradient.any() else ValueError("its gradient is 0 on noise")


def _call(declaration: LossDeclaration, side: int, identical: bool = False) -> tuple[Tensor, Tensor | None]:
    """Values (2,) of two images, and the gradient at the first port."""
    loss = _subject(declaration).build()
    channels = next(iter(loss.ports.values())).channels or 3
    images = [
        noise((2, channels, side, side + 4), 0 if identical else seed).float() for seed, _ in enumerate(loss.ports)
    ]
    leaf = images[0].clone().requires_grad_()
    values: Tensor = loss(**dict(zip(loss.ports, [leaf, *images[1:]], strict=True)))
    if values.shape != (2,):
        raise ValueError(f"it returns the shape {tuple(values.shape)} for 2 images")
    if values.requires_grad:
        values.sum().backward()
    return values.detach(), leaf.grad


def _find_sign(declaration: LossDeclaration, side: int) -> LossDeclaration:
    """A value that is higher for equal images is a similarity."""
    if len(declaration.ports) == 1:
        return declaration
    same, other = _call(declaration, side, identical=True)[0].mean(), _call(declaration, side)[0].mean()
    if not same > other:
        return declaration
    return evolve(declaration, as_loss="1 - value" if abs(float(same) - 1) < 1e-3 else "-value")


def _find_min_size(declaration: LossDeclaration, side: int) -> int:
    """The least side, by bisection: ``side`` works."""
    low, high = 0, side
    while high - low > 1:
        middle = (low + high) // 2
        works = _try_call(declaration, middle) is None and _passes(evolve(declaration, min_size=middle), "sizes")
        low, high = (low, middle) if works else (middle, high)
    return high


def _find_bounds(declaration: LossDeclaration) -> LossDeclaration:
    """Values at least 0 where the kit finds none below, else any; a key for gradients that are not finite."""
    if not _passes(declaration, "bounds"):
        unbounded = evolve(declaration, bounds=(-math.inf, math.inf))
        declaration = unbounded if _passes(unbounded, "bounds") else declaration
    return evolve(declaration, finite_gradient=not _passes(declaration, "finite_gradients"))


def _find_scenes(declaration: LossDeclaration) -> LossDeclaration:
    """The scene on which it is least, if that is 0, and the corruptions that raise it from there."""
    for scene in ("identical",) if len(declaration.ports) > 1 else ("constant",):
        best = evolve(declaration, best_on=(scene,))
        if declaration.bounds[0] == 0 and _passes(best, "best_value"):
            worse = tuple(name for name in CORRUPTIONS if _passes(evolve(best, worsens_with=(name,)), "worsening"))
            return evolve(best, worsens_with=worse)
    return declaration


def _find_failures(declaration: LossDeclaration) -> Guess:
    """The declaration with each check of the kit that fails, and its reason, as a known failure."""
    library, failures = declaration.library, {}
    checks = _list_checks(declaration)
    for check in checks:
        try:
            check()
        except CheckError as error:
            reason = re.sub(r"\s+", " ", check.failure_reason(error).splitlines()[0])[:MAX_REASON_LENGTH]
            failures[check.name] = f"{library.distribution} {library.version}: {reason}"
    return Guess(
        evolve(declaration, known_failures=failures), _list_undecided(declaration, bool(failures)), len(checks)
    )


def _list_undecided(declaration: LossDeclaration, has_failures: bool) -> tuple[str, ...]:
    keys = ", ".join(declaration.examples[0]) if declaration.examples else ""
    sentences = {
        "about: what it rewards, in one line": True,
        "source: the publication": True,
        "pitfalls: what a user should know of it": True,
        "bounds: the least and the largest value; zerokd has only seen some": True,
        "as_loss: whether less is better; a loss of one image does not show it": len(declaration.ports) == 1,
        f"examples: bounds, description and example of {keys}, which the library does not give": bool(keys),
        "known_failures: whether the library or this declaration is the reason": has_failures,
    }
    return tuple(sentence for sentence, applies in sentences.items() if applies)


def _subject(declaration: LossDeclaration) -> Subject:
    summary = f"{declaration.library.name} of {declaration.library.distribution}"
    entry = CatalogueEntry(Spec("wrapped", kind="losses", target="nowhere:Wrapped", summary=summary), Provider("new"))
    return Subject(entry, declaration.build(), dict(declaration.examples[0]) if declaration.examples else {})


def _list_checks(declaration: LossDeclaration) -> list[Check]:
    """The checks that apply, but that of the docstring's example, which needs the package's module."""
    subject = _subject(declaration)
    rules = [rule for rule in rules_for_kind("losses") if rule.applies(subject)]
    return [Check(rule, subject) for rule in rules if rule.name != "example"]


def _passes(declaration: LossDeclaration, rule_name: str) -> bool:
    try:
        next(check for check in _list_checks(declaration) if check.name == rule_name)()
    except CheckError:
        return False
    return True
