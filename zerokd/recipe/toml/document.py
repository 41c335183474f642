"""The text of a recipe: its TOML tables, and the file, line and column of every key and value."""

from __future__ import annotations

import codecs
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from zerokd.errors import KeyPath, Place, Problem, RecipeError, describe_non_ascii, did_you_mean
from zerokd.files.regular import open_regular
from zerokd.recipe.toml.positions import find_limit_violation, locate_keys_and_values
from zerokd.recipe.toml.shipped import shipped_recipe_hints

MAX_RECIPE_BYTES = 256 * 1024  # bytes
BOM = "\ufeff"  # some editors start a file with it
# the end of every message of tomllib
TOML_ERROR_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
TOML_ERROR_HINTS = {
    "Invalid value": 'a value is "text" in quotes, a number, true, false, an [array] or a { table }',
    "Cannot overwrite a value": "a recipe may define a key or table once",
    "Expected '=' after a key": "write key = value; a key with spaces needs quotes",
}


@frozen(eq=False)
class SourceText:
    """The text of a file, without BOM and CR LF, and the offsets of the keys and values that a document takes."""

    file: str
    text: str
    key_offsets: Mapping[KeyPath, int]
    value_offsets: Mapping[KeyPath, int]

    def exclude(self, paths: Set[KeyPath]) -> SourceText:
        """This text without the keys and values at or below any of these paths."""

        def remaining(offsets: Mapping[KeyPath, int]) -> dict[KeyPath, int]:
            return {path: offset for path, offset in offsets.items() if paths.isdisjoint(_path_prefixes(path))}

        return evolve(self, key_offsets=remaining(self.key_offsets), value_offsets=remaining(self.value_offsets))


@frozen(eq=False)
class Document:
    """TOML tables with places. ``sources`` are their texts: the recipe's own file, then the files that it extends.

    No text has the values from the command line: ``override_places`` locates them, and ``implicit_tables`` are the
    tables that exist only because the command line set a value inside them.
    """

    tables: dict[str, Any]
    sources: tuple[SourceText, ...]
    override_places: dict[KeyPath, Place] = field(factory=dict)
    implicit_tables: frozenset[KeyPath] = frozenset()

    @property
    def file(self) -> str:
        """The name of the recipe's own file."""
        return self.sources[0].file

    def key_place(self, path: KeyPath) -> Place:
        """The place of a key; if no text has it, of the nearest table around it, else the file."""
        return self._nearest_place(path, lambda source: (source.key_offsets,))

    def value_place(self, path: KeyPath) -> Place:
        """The start of a value; for a table with a header, its key. Otherwise like :meth:`key_place`."""
        return self._nearest_place(path, lambda source: (source.value_offsets, source.key_offsets))

    def _nearest_place(
        self, path: KeyPath, get_offset_maps: Callable[[SourceText], Iterable[Mapping[KeyPath, int]]]
    ) -> Place:
        for override, place in reversed(self.override_places.items()):  # a later one covers earlier ones and the text
            if path[: len(override)] == override or (path in self.implicit_tables and override[: len(path)] == path):
                return place
        for length in range(len(path), 0, -1):
            for source in self.sources:  # the first file that has the table
                for offsets in get_offset_maps(source):
                    if path[:length] in offsets:
                        return _place_at_offset(source.text, source.file, offsets[path[:length]])
        return Place(self.file)


def read_document(path: Path | str) -> Document:
    """The document in a file.

    Raises:
        RecipeError: the file cannot be read, is too large, or is not TOML in UTF-8.
    """
    file = str(path)
    try:
        with open_regular(path) as stream:
            data = stream.read(MAX_RECIPE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise RecipeError(_unreadable_recipe_problem(Path(path), file, error)) from None
    if len(data) > MAX_RECIPE_BYTES:
        text, hint = f"the file is larger than {MAX_RECIPE_BYTES // 1024} KiB", "a recipe has a few hundred lines"
        raise RecipeError(Problem(text, Place(file), (hint,), code="unreadable-recipe"))
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        place = _place_at_offset(data.decode(errors="replace"), file, len(data[: error.start].decode()))
        problem = Problem(
            f"byte 0x{data[error.start]:02x} is not UTF-8", place, ("save the file as UTF-8",), code="unreadable-recipe"
        )
        raise RecipeError(problem) from None
    return parse_document(text, file)


def parse_document(text: str, file: str) -> Document:
    """The document in a text; ``file`` is its name in messages.

    Raises:
        RecipeError: the text is not valid TOML, or exceeds a limit on nesting or on the length of keys and numbers.
    """
    text = text.removeprefix(BOM).replace("\r\n", "\n")
    violation = find_limit_violation(text)
    if violation:
        message, offset = violation
        raise RecipeError(Problem(message, _place_at_offset(text, file, offset), code="invalid-toml"))
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(_invalid_toml_problem(text, file, str(error))) from None
    return Document(tables, (SourceText(file, text, *locate_keys_and_values(text)),))


def _path_prefixes(path: KeyPath) -> Iterator[KeyPath]:
    """The path of every table or array around a path, from the outermost, then the path itself."""
    return (path[:length] for length in range(1, len(path) + 1))


def _place_at_offset(text: str, file: str, offset: int) -> Place:
    start, end = text.rfind("\n", 0, offset) + 1, text.find("\n", offset)
    line = text[start : end if end >= 0 else None]
    return Place(file, text.count("\n", 0, offset) + 1, offset - start + 1, line)


def _invalid_toml_problem(text: str, file: str, toml_message: str) -> Problem:
    """The error of tomllib at its place; the end of the text means its last character, not the empty line after it."""
    position = TOML_ERROR_POSITION.search(toml_message)
    message = toml_message[: position.start()] if position else toml_message
    place = Place(file)
    if position and position[1]:
        line, column = int(position[1]), int(position[2])
        place = Place(file, line, column, text.split("\n")[line - 1])
    elif position:
        place = _place_at_offset(text, file, len(text.rstrip()))
    hints = tuple(remedy for start, remedy in TOML_ERROR_HINTS.items() if message.startswith(start))
    if place.line:
        hints += describe_non_ascii(place.text[place.column - 1 : place.column])
    return Problem(f"not valid TOML: {message}", place, hints, code="invalid-toml")


def _unreadable_recipe_problem(path: Path, file: str, error: Exception) -> Problem:
    """Why zerokd cannot read a file, and the recipes in its folder."""
    is_folder = os.path.isdir(path)
    folder = path if is_folder else path.parent
    if not os.path.isdir(folder):
        hints = shipped_recipe_hints(path)
        return Problem(f"there is no folder {str(folder)!r}", Place(file), hints, code="unreadable-recipe")
    if not is_folder and not isinstance(error, FileNotFoundError):
        text = f"the file cannot be read: {getattr(error, 'strerror', None) or error}"
        return Problem(text, Place(file), code="unreadable-recipe")
    message = "this is a folder, not a recipe" if is_folder else "there is no such file"
    name, recipes = "" if is_folder else path.name, [recipe.name for recipe in folder.glob("*.toml")]
    hints = did_you_mean(name, recipes) if recipes else ("no recipes found here", *describe_non_ascii(name))
    shipped = () if is_folder else shipped_recipe_hints(path)
    return Problem(message, Place(file), (*hints, *shipped), code="unreadable-recipe")
