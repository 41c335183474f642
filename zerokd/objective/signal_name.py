"""The name of a signal: ``low``, ``student.enhanced``, ``teacher.features.e_conv2``, ``student(flipped).enhanced``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen

LOW = "low"  # what a model runs on where its name has no argument
FEATURES, PARAMETERS = "features", "parameters"
_HEAD = re.compile(r"[^\s().]+")


class SignalSyntaxError(ValueError):
    """A text that names no signal; ``column`` counts from 0."""

    def __init__(self, message: str, column: int):
        super().__init__(message)
        self.column = column


@frozen
class SignalName:
    """A named tensor. There are five forms:

    * ``low``: an input, or a signal that the objective defines; ``owner`` is empty, ``output`` the name.
    * ``student.enhanced``: an output of a model.
    * ``student.features.e_conv1``: the output of its ``layer``.
    * ``student.parameters``: all of its parameters.
    * ``flipped(student.enhanced)``: a signal that the objective defines, on another tensor; ``output`` is empty.

    ``argument`` is the signal that the owner is called on, as in ``student(flipped).enhanced``; None is ``low``.
    """

    owner: str
    output: str = ""
    layer: str = ""
    argument: SignalName | None = None

    @classmethod
    def parse(cls, text: str) -> SignalName:
        """The signal that a text names; white space around parts is ignored.

        Raises:
            SignalSyntaxError: it names none.
        """
        name, rest = _parse(text, 0)
        if text[rest:].strip():
            raise SignalSyntaxError(f"unexpected {text[rest:].strip()[0]!r}", rest)
        return name

    @property
    def call(self) -> str:
        """The owner and what it is called on: ``student``, ``student(flipped)``."""
        if self.argument is None or (self.argument.text == LOW and not self.is_applied):
            return self.owner
        return f"{self.owner}({self.argument.text})"

    @property
    def text(self) -> str:
        """The name as it is written, in one form for each signal."""
        if self.is_input:
            return self.output
        part = f".{FEATURES}.{self.layer}" if self.layer else f".{self.output}" if self.output else ""
        return self.call + part

    @property
    def is_input(self) -> bool:
        """Whether it is a name without a model or argument."""
        return not self.owner

    @property
    def is_applied(self) -> bool:
        """Whether it is a signal of the objective, applied to another tensor."""
        return bool(self.owner) and not self.output and not self.layer

    @property
    def is_of_model(self) -> bool:
        """Whether a model makes it."""
        return bool(self.output or self.layer) and not self.is_input

    def walk(self) -> Iterator[SignalName]:
        """The signals that this one is computed from, as far as its text says, and then itself."""
        if self.argument is not None:
            yield from self.argument.walk()
        yield self


def _parse(text: str, start: int) -> tuple[SignalName, int]:
    """The signal that starts at a column, and the column behind it."""
    start = _skip_space(text, start)
    head = _HEAD.match(text, start)
    if head is None:
        got = repr(text[start]) if start < len(text) else "the end"
        raise SignalSyntaxError(f"expected a name, got {got}", start)
    owner, position, argument = head[0], _skip_space(text, head.end()), None
    if text[position : position + 1] == "(":
        argument, position = _parse(text, position + 1)
        position = _skip_space(text, position)
        if text[position : position + 1] != ")":
            raise SignalSyntaxError("a bracket is not closed", position)
        position = _skip_space(text, position + 1)
    if text[position : position + 1] != ".":
        return (SignalName("", owner) if argument is None else SignalName(owner, argument=argument)), position
    end = next((index for index in range(position, len(text)) if text[index] in "() "), len(text))
    rest = text[position + 1 : end]
    if not rest:
        raise SignalSyntaxError("expected the name of an output", position + 1)
    first, _, layer = rest.partition(".")
    if argument is not None and argument.text == LOW:
        argument = None
    tapped = first == FEATURES and bool(layer)
    return SignalName(owner, "" if tapped else rest, layer if tapped else "", argument), _skip_space(text, end)


def _skip_space(text: str, position: int) -> int:
    while text[position : position + 1] == " ":
        position += 1
    return position
