"""Where every key and value of a TOML text stands: offsets that tomllib does not give.

The text is cut into tokens once, by one pattern that never tries a place twice, so the work is linear whatever stands
in it. :func:`refusal` looks at a text that nothing is known of; :func:`positions` reads one that tomllib has accepted,
and therefore diagnoses nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from zerokd.errors import KeyPath

DEEPEST = 32  # tables and arrays inside each other; tomllib recurses, and takes the square of a key's parts
LONGEST_WORD = 256  # characters of a bare key or number; Python refuses to print integers of some thousand digits

# Strings and comments are one token each, and every repetition ends in something optional: an unclosed string is taken
# to its end instead of being tried again from each of its quotes. Blanks and comments have no group.
TOKEN = re.compile(
    r"""
    [ \t]+ | \#[^\n]* | (?P<token>
        \"\"\" (?: [^"\\]+ | \\. | "(?!"") )* (?:"{3,5})?
      | '''    (?: [^']+ | '(?!'') )*         (?:'{3,5})?
      | "      (?: [^"\\\n]+ | \\[^\n] )*     "?
      | '      [^'\n]*                        '?
      | [A-Za-z0-9_-]+
      | .
    )
    """,
    re.VERBOSE | re.DOTALL,
)
VALUE_ENDS = frozenset({",", "]", "}", "\n", ""})


def tokens(text: str) -> Iterator[tuple[str, int]]:
    """Every token with its offset, and at last an empty one."""
    for match in TOKEN.finditer(text):
        if match.lastgroup:
            yield match[0], match.start()
    yield "", len(text)


def refusal(text: str) -> tuple[str, int] | None:
    """Why tomllib must not be given this text, and at which offset: it is cheap to write and dear to read."""
    depth, before = 0, []  # before: the depth at which each open bracket stands
    for token, offset in tokens(text):
        if token in (".", "[", "{"):
            if token != ".":
                before.append(depth)
            depth += 1
            if depth > DEEPEST:
                return f"tables and arrays inside each other, more than {DEEPEST} deep", offset
        elif token in ("]", "}"):
            depth = before.pop() if before else 0
        elif token in (",", "\n"):
            depth = before[-1] + 1 if before else 0
        elif len(token) > LONGEST_WORD and token[0] not in "\"'":
            return f"a key or number of {len(token)} characters, at most {LONGEST_WORD} are read", offset
    return None


def positions(text: str) -> tuple[dict[KeyPath, int], dict[KeyPath, int]]:
    """The offsets of all keys and of all values in a text that passed :func:`refusal` and tomllib.

    A table stands where its header names it, or where it is first mentioned; it has a value only if it is written
    inline. An element of an array stands where its value starts, and one of an array of tables at its header.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.keys, scanner.values


class _Scanner:
    """Recursive descent with one token in hand; every loop takes at least one token a turn."""

    def __init__(self, text: str):
        self.keys: dict[KeyPath, int] = {}
        self.values: dict[KeyPath, int] = {}
        self.last: dict[KeyPath, int] = {}  # the newest index of each array of tables
        self.tokens = tokens(text)
        self.advance()

    def advance(self) -> None:
        self.token, self.offset = next(self.tokens)

    def accept(self, token: str) -> bool:
        found = self.token == token
        if found:
            self.advance()
        return found

    def document(self) -> None:
        table: KeyPath = ()
        while self.token:
            if self.accept("["):
                table = self.header()
            elif not self.accept("\n"):
                self.pair(table)

    def header(self) -> KeyPath:
        """The table that the following pairs belong to."""
        array = self.accept("[")
        path, offset = self.key(())
        if array:
            self.last[path] = self.last.get(path, -1) + 1
            path = (*path, self.last[path])
            self.advance()
        self.advance()
        self.keys[path] = offset
        return path

    def pair(self, table: KeyPath) -> None:
        path, _ = self.key(table)
        self.advance()
        self.value(path)

    def key(self, path: KeyPath) -> tuple[KeyPath, int]:
        """The path of a dotted key below ``path``, and the offset of its last part."""
        while True:
            if path in self.last:
                path = (*path, self.last[path])
            path, offset = (*path, _unquoted(self.token)), self.offset
            self.keys.setdefault(path, offset)
            self.advance()
            if not self.accept("."):
                return path, offset

    def value(self, path: KeyPath) -> None:
        self.values[path] = self.offset
        self.keys.setdefault(path, self.offset)
        opening = self.token
        self.advance()
        if opening == "[":
            self.array(path)
        elif opening == "{":
            self.inline_table(path)
        else:
            while self.token not in VALUE_ENDS:  # 1.5e-3 and 1979-05-27 07:32:00 are several tokens
                self.advance()

    def array(self, path: KeyPath) -> None:
        index = 0
        while not self.accept("]"):
            if not self.accept("\n") and not self.accept(","):
                self.value((*path, index))
                index += 1

    def inline_table(self, path: KeyPath) -> None:
        while not self.accept("}"):
            if not self.accept("\n") and not self.accept(","):
                self.pair(path)


def _unquoted(part: str) -> str:
    """A part of a key as tomllib reads it."""
    if "\\" in part and part[0] == '"':
        return tomllib.loads(f"part = {part}")["part"]
    return part[1:-1] if part[0] in "\"'" else part
