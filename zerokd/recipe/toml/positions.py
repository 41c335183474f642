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

MAX_NESTING = 32  # tables and arrays inside each other; tomllib recurses, and takes the square of a key's parts
MAX_WORD_LENGTH = 256  # characters of a bare key or number; Python refuses to print integers of some thousand digits

# Strings and comments are one token each, and every repetition ends in something optional: an unclosed string is taken
# to its end instead of being tried again from each of its quotes. Blanks and comments have no group.
TOKEN_PATTERN = re.compile(
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
VALUE_TERMINATORS = frozenset({",", "]", "}", "\n", ""})


def tokenize(text: str) -> Iterator[tuple[str, int]]:
    """Every token with its offset, and at last an empty one."""
    for match in TOKEN_PATTERN.finditer(text):
        if match.lastgroup:
            yield match[0], match.start()
    yield "", len(text)


def find_limit_violation(text: str) -> tuple[str, int] | None:
    """Why tomllib must not be given this text, and at which offset: it is cheap to write and dear to read."""
    depth, before = 0, []  # before: the depth at which each open bracket stands
    for token, offset in tokenize(text):
        if token in (".", "[", "{"):
            if token != ".":
                before.append(depth)
            depth += 1
            if depth > MAX_NESTING:
                return f"tables and arrays inside each other, more than {MAX_NESTING} deep", offset
        elif token in ("]", "}"):
            depth = before.pop() if before else 0
        elif token in (",", "\n"):
            depth = before[-1] + 1 if before else 0
        elif len(token) > MAX_WORD_LENGTH and token[0] not in "\"'":
            return f"a key or number of {len(token)} characters, at most {MAX_WORD_LENGTH} are read", offset
    return None


def locate_keys_and_values(text: str) -> tuple[dict[KeyPath, int], dict[KeyPath, int]]:
    """The offsets of all keys and of all values in a text that passed :func:`refusal` and tomllib.

    A table stands where its header names it, or where it is first mentioned; it has a value only if it is written
    inline. An element of an array stands where its value starts, and one of an array of tables at its header.
    """
    scanner = _Scanner(text)
    scanner.scan_document()
    return scanner.key_offsets, scanner.value_offsets


class _Scanner:
    """Recursive descent with one token in hand; every loop takes at least one token a turn."""

    def __init__(self, text: str):
        self.key_offsets: dict[KeyPath, int] = {}
        self.value_offsets: dict[KeyPath, int] = {}
        self.last_indices: dict[KeyPath, int] = {}  # the newest index of each array of tables
        self.tokens = tokenize(text)
        self.advance()

    def advance(self) -> None:
        self.token, self.offset = next(self.tokens)

    def accept(self, token: str) -> bool:
        found = self.token == token
        if found:
            self.advance()
        return found

    def scan_document(self) -> None:
        table: KeyPath = ()
        while self.token:
            if self.accept("["):
                table = self.scan_header()
            elif not self.accept("\n"):
                self.scan_pair(table)

    def scan_header(self) -> KeyPath:
        """The table that the following pairs belong to."""
        array = self.accept("[")
        path, offset = self.scan_key(())
        if array:
            self.last_indices[path] = self.last_indices.get(path, -1) + 1
            path = (*path, self.last_indices[path])
            self.advance()
        self.advance()
        self.key_offsets[path] = offset
        return path

    def scan_pair(self, table: KeyPath) -> None:
        path, _ = self.scan_key(table)
        self.advance()
        self.scan_value(path)

    def scan_key(self, path: KeyPath) -> tuple[KeyPath, int]:
        """The path of a dotted key below ``path``, and the offset of its last part."""
        while True:
            if path in self.last_indices:
                path = (*path, self.last_indices[path])
            path, offset = (*path, _unquote(self.token)), self.offset
            self.key_offsets.setdefault(path, offset)
            self.advance()
            if not self.accept("."):
                return path, offset

    def scan_value(self, path: KeyPath) -> None:
        self.value_offsets[path] = self.offset
        self.key_offsets.setdefault(path, self.offset)
        opening = self.token
        self.advance()
        if opening == "[":
            self.scan_array(path)
        elif opening == "{":
            self.scan_inline_table(path)
        else:
            while self.token not in VALUE_TERMINATORS:  # 1.5e-3 and 1979-05-27 07:32:00 are several tokens
                self.advance()

    def scan_array(self, path: KeyPath) -> None:
        index = 0
        while not self.accept("]"):
            if not self.accept("\n") and not self.accept(","):
                self.scan_value((*path, index))
                index += 1

    def scan_inline_table(self, path: KeyPath) -> None:
        while not self.accept("}"):
            if not self.accept("\n") and not self.accept(","):
                self.scan_pair(path)


def _unquote(part: str) -> str:
    """A part of a key as tomllib reads it."""
    if "\\" in part and part[0] == '"':
        return tomllib.loads(f"part = {part}")["part"]
    return part[1:-1] if part[0] in "\"'" else part
