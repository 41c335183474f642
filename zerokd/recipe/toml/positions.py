"""The offset of every key and value of a TOML text, which tomllib does not tell.

One pattern cuts the text into tokens and never tries a place twice, so the work is linear for any text.
:func:`find_limit_violation` reads untrusted text; :func:`locate_keys_and_values` reads text that tomllib has accepted,
and therefore diagnoses nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from zerokd.errors import KeyPath

MAX_NESTING = 32  # nested tables and arrays; tomllib recurses, and its time is quadratic in the parts of a key
MAX_WORD_LENGTH = 256  # characters of a bare key or number; Python does not print integers of some thousand digits

# A string or comment is one token, and every repetition ends in an optional part: an unclosed string is one token to
# its end, which the pattern does not try again from each of its quotes. Blanks and comments have no group.
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
    """Every token with its offset, then an empty token."""
    for match in TOKEN_PATTERN.finditer(text):
        if match.lastgroup:
            yield match[0], match.start()
    yield "", len(text)


def find_limit_violation(text: str) -> tuple[str, int] | None:
    """Message and offset of the first place that exceeds a limit: such text costs tomllib too much time or stack."""
    depth, outer_depths = 0, []  # outer_depths: the depth around each open bracket
    for token, offset in tokenize(text):
        if token in (".", "[", "{"):
            if token != ".":
                outer_depths.append(depth)
            depth += 1
            if depth > MAX_NESTING:
                return f"tables and arrays are nested more than {MAX_NESTING} deep", offset
        elif token in ("]", "}"):
            depth = outer_depths.pop() if outer_depths else 0
        elif token in (",", "\n"):
            depth = outer_depths[-1] + 1 if outer_depths else 0
        elif len(token) > MAX_WORD_LENGTH and token[0] not in "\"'":
            return f"a key or number has {len(token)} characters, the limit is {MAX_WORD_LENGTH}", offset
    return None


def locate_keys_and_values(text: str) -> tuple[dict[KeyPath, int], dict[KeyPath, int]]:
    """The offsets of all keys, and of all values, in a text that passed :func:`find_limit_violation` and tomllib.

    The key of a table is in its header, or where a dotted key first names it; only an inline table has a value. The key
    of an array's element is the start of its value; in an array of tables it is the header.
    """
    scanner = _Scanner(text)
    scanner.scan_document()
    return scanner.key_offsets, scanner.value_offsets


class _Scanner:
    """Recursive descent with one token of lookahead; every iteration of a loop consumes at least one token."""

    def __init__(self, text: str):
        self.key_offsets: dict[KeyPath, int] = {}
        self.value_offsets: dict[KeyPath, int] = {}
        self.last_indices: dict[KeyPath, int] = {}  # the newest index of each array of tables
        self.tokens = tokenize(text)
        self.advance()

    def advance(self) -> None:
        self.token, self.offset = next(self.tokens)

    def accept(self, token: str) -> bool:
        matches = self.token == token
        if matches:
            self.advance()
        return matches

    def scan_document(self) -> None:
        table: KeyPath = ()
        while self.token:
            if self.accept("["):
                table = self.scan_header()
            elif not self.accept("\n"):
                self.scan_pair(table)

    def scan_header(self) -> KeyPath:
        """The path of the table in a header."""
        is_array = self.accept("[")
        path, offset = self.scan_key(())
        if is_array:
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
    """A part of a key without quotes and escapes, as tomllib reads it."""
    if "\\" in part and part[0] == '"':
        return tomllib.loads(f"part = {part}")["part"]
    return part[1:-1] if part[0] in "\"'" else part
