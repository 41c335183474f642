"""Offsets of keys and values: by hand, and for any rendering of any data, by a renderer that counts along."""

import math
import re
import tomllib
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zerokd.recipe.toml.positions import MAX_NESTING, MAX_WORD_LENGTH, find_limit_violation, locate_keys_and_values

EVERYTHING = r'''# [no.table] = "here"
title = "a \"quoted\" # title"   # comment
'lit.key' . "b\u00e9\"." = 'C:\new'	# é
empty = ""
numbers = [ 1, -2.5e-3, # ] not the end
  0x1F, [ ], [["]", '[']], { "in" = [+inf], n.m = nan } ]
when = 1979-05-27 07:32:00.5-08:00
flag=true
bare = { x = 1, y = { z.w = 1_000 , "z" . v = 07:32:00 } }

[ table . "sub table" ]
text = """
  [not.a.header]
  key = "no key" # no comment
  \""" \
  ~~~ ends with two quotes"""""
raw = ~~~it's [raw] "#~~~~~
a.b.c = 1
a.b.d = false
[table]
late = 2
[table."sub table".a.more]
x = 1
[[fruit]]
name = "apple"
[fruit.physical]
color = "red"
[[fruit.variety]]
name = "one"
[[fruit.variety]]
name = "two"
[[fruit]]
[[ fruit . variety ]]
name = "three"
shape.round = true
ends = ["""a"""", ~~~b~~~~, """"""]
'''.replace("~", "'")

PLACES = [  # path, line:column of its key, line:column of its value; None: no value is written there
    (("title",), "2:1", "2:9"),
    (("lit.key",), "3:1", None),
    (("lit.key", 'bé".'), "3:13", "3:28"),
    (("empty",), "4:1", "4:9"),
    (("numbers",), "5:1", "5:11"),
    (("numbers", 0), "5:13", "5:13"),
    (("numbers", 1), "5:16", "5:16"),
    (("numbers", 2), "6:3", "6:3"),
    (("numbers", 3), "6:9", "6:9"),
    (("numbers", 4), "6:14", "6:14"),
    (("numbers", 4, 0), "6:15", "6:15"),
    (("numbers", 4, 0, 0), "6:16", "6:16"),
    (("numbers", 4, 0, 1), "6:21", "6:21"),
    (("numbers", 5), "6:28", "6:28"),
    (("numbers", 5, "in"), "6:30", "6:37"),
    (("numbers", 5, "in", 0), "6:38", "6:38"),
    (("numbers", 5, "n"), "6:45", None),
    (("numbers", 5, "n", "m"), "6:47", "6:51"),
    (("when",), "7:1", "7:8"),
    (("flag",), "8:1", "8:6"),
    (("bare",), "9:1", "9:8"),
    (("bare", "x"), "9:10", "9:14"),
    (("bare", "y"), "9:17", "9:21"),
    (("bare", "y", "z"), "9:23", None),
    (("bare", "y", "z", "w"), "9:25", "9:29"),
    (("bare", "y", "z", "v"), "9:43", "9:47"),
    (("table",), "20:2", None),
    (("table", "sub table"), "11:11", None),
    (("table", "sub table", "text"), "12:1", "12:8"),
    (("table", "sub table", "raw"), "17:1", "17:7"),
    (("table", "sub table", "a"), "18:1", None),
    (("table", "sub table", "a", "b"), "18:3", None),
    (("table", "sub table", "a", "b", "c"), "18:5", "18:9"),
    (("table", "sub table", "a", "b", "d"), "19:5", "19:9"),
    (("table", "late"), "21:1", "21:8"),
    (("table", "sub table", "a", "more"), "22:22", None),
    (("table", "sub table", "a", "more", "x"), "23:1", "23:5"),
    (("fruit",), "24:3", None),
    (("fruit", 0), "24:3", None),
    (("fruit", 0, "name"), "25:1", "25:8"),
    (("fruit", 0, "physical"), "26:8", None),
    (("fruit", 0, "physical", "color"), "27:1", "27:9"),
    (("fruit", 0, "variety"), "28:9", None),
    (("fruit", 0, "variety", 0), "28:9", None),
    (("fruit", 0, "variety", 0, "name"), "29:1", "29:8"),
    (("fruit", 0, "variety", 1), "30:9", None),
    (("fruit", 0, "variety", 1, "name"), "31:1", "31:8"),
    (("fruit", 1), "32:3", None),
    (("fruit", 1, "variety"), "33:12", None),
    (("fruit", 1, "variety", 0), "33:12", None),
    (("fruit", 1, "variety", 0, "name"), "34:1", "34:8"),
    (("fruit", 1, "variety", 0, "shape"), "35:1", None),
    (("fruit", 1, "variety", 0, "shape", "round"), "35:7", "35:15"),
    (("fruit", 1, "variety", 0, "ends"), "36:1", "36:8"),
    (("fruit", 1, "variety", 0, "ends", 0), "36:9", "36:9"),
    (("fruit", 1, "variety", 0, "ends", 1), "36:19", "36:19"),
    (("fruit", 1, "variety", 0, "ends", 2), "36:29", "36:29"),
]


def offset_of(text, place):
    line, column = map(int, place.split(":"))
    return sum(len(one) + 1 for one in text.split("\n")[: line - 1]) + column - 1


def test_a_document_with_everything_in_it():
    assert set(leaves(tomllib.loads(EVERYTHING))) <= {path for path, _, _ in PLACES}
    keys, values = locate_keys_and_values(EVERYTHING)
    assert keys == {path: offset_of(EVERYTHING, key) for path, key, _ in PLACES}
    assert values == {path: offset_of(EVERYTHING, value) for path, _, value in PLACES if value}


def leaves(value, path=()):
    """Every path in a value that ends in something other than a table or array."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        return {path: value}
    return {leaf: one for key, part in inner for leaf, one in leaves(part, (*path, key)).items()}


class Renderer:
    """Writes data as TOML in one of very many ways, and notes where each key and value goes."""

    def __init__(self, random):
        self.random, self.text = random, ""
        self.keys, self.values, self.written = {}, {}, {}

    def either(self, *options):
        return self.random.choice(options)

    def blank(self):
        self.text += self.either("", "", " ", "\t ", "  ")

    def line(self):
        self.blank()
        self.text += self.either("", "", "# [x] = \"'''", "#") + "\n" + self.either("", "", " ", "\n", "\t# it's\n")

    def gap(self):
        """Between the elements of an array."""
        self.blank()
        self.text += self.either("", "", " ", "\n  ", ' # ] }, """ \'\n', "#\n\n")

    def root(self, data):
        self.line()
        headers = self.pairs((), (), data)
        for key, value in headers:
            self.table((key,), value)

    def pairs(self, path, above, data):
        """All pairs of a table that stand below one header; returns what is left for headers of its own."""
        left = []
        for key, value in data.items():
            inner = (*above, key)
            style = self.either("inline", "header", "dotted")
            tables = isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
            if not above and style == "header" and (isinstance(value, dict) or tables):
                left.append((key, value))
            elif isinstance(value, dict) and value and style == "dotted":
                self.pairs(path, inner, value)
            else:
                self.pair(path, inner, value)
                self.line()
        return left

    def table(self, path, data):
        if isinstance(data, list):
            for index, one in enumerate(data):
                self.table((*path, index), one)
            return
        if isinstance(path[-1], str) and self.either(True, False):
            first = {key: one for key, one in data.items() if isinstance(one, dict)}
            for key, one in first.items():  # the tables inside a table may stand before its own header
                self.table((*path, key), one)
            data = {key: one for key, one in data.items() if key not in first}
            if first and not data:
                return
        self.header(path)
        for key, value in self.pairs(path, (), data):
            self.table((*path, key), value)

    def header(self, path):
        opening, closing = ("[", "]") if isinstance(path[-1], str) else ("[[", "]]")
        self.blank()
        self.text += opening
        self.keys[path] = self.dotted((), path)
        self.text += closing
        self.line()

    def dotted(self, path, parts):
        """Indices belong to the path and are not written."""
        offset = 0
        for number, part in enumerate(parts, 1):
            if isinstance(part, str):
                self.text += "." if number > 1 else ""
                self.blank()
                offset, key = len(self.text), self.key(part)
                self.keys.setdefault((*path, *parts[:number]), offset)
                self.text += key
                self.blank()
        return offset

    def pair(self, path, parts, value):
        self.blank()
        self.dotted(path, parts)
        self.text += "="
        self.blank()
        self.value((*path, *parts), value)

    def value(self, path, value):
        self.values[path] = len(self.text)
        self.keys.setdefault(path, len(self.text))
        if isinstance(value, dict):
            self.inline_table(path, value)
        elif isinstance(value, list):
            self.array(path, value)
        else:
            self.written[path] = self.scalar(value)
            self.text += self.written[path]

    def inline_table(self, path, table):
        self.text += "{"
        self.blank()
        for number, (parts, value) in enumerate(self.flat(table)):
            self.text += "," if number else ""
            self.pair(path, parts, value)
            self.blank()
        self.text += "}"

    def flat(self, table):
        for key, value in table.items():
            if isinstance(value, dict) and value and self.either(True, False):
                yield from (((key, *parts), one) for parts, one in self.flat(value))
            else:
                yield (key,), value

    def array(self, path, values):
        self.text += "["
        self.gap()
        for index, value in enumerate(values):
            self.value((*path, index), value)
            self.gap()
            if index + 1 < len(values) or self.either(True, False):
                self.text += ","
                self.gap()
        self.text += "]"

    def key(self, key):
        bare = [key] if re.fullmatch(r"[A-Za-z0-9_-]+", key) else []
        return self.either(*bare, self.basic(key), *self.literal(key))

    def scalar(self, value):
        if isinstance(value, str):
            return self.either(
                self.basic(value), self.long_basic(value), *self.literal(value), *self.long_literal(value)
            )
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int):
            hexadecimal = [hex(value), oct(value), bin(value)] if value >= 0 else []
            return self.either(str(value), f"{value:_}", f"{value:+}", *hexadecimal)
        if isinstance(value, float):
            return self.either(repr(value), f"{value:+.17e}") if math.isfinite(value) else self.either(f"{value:+}")
        if isinstance(value, datetime):
            return self.either(value.isoformat("T"), value.isoformat(" "))
        return value.isoformat()

    def basic(self, text):
        return '"' + "".join(self.escaped(one) if one in '"\\\n' else self.character(one) for one in text) + '"'

    def literal(self, text):
        return [f"'{text}'"] if not re.search(r"['\x00-\x08\x0a-\x1f\x7f]", text) else []

    def long_basic(self, text):
        body, quotes = self.either("", "\n") if not text.startswith("\n") else "\n", 0
        for number, one in enumerate(text):
            quotes = quotes + 1 if one == '"' else 0
            body += self.escaped(one) if one == "\\" or quotes > 2 else self.character(one)
            quotes = quotes % 3
            if text[number + 1 : number + 2].strip(" \t\n") and self.random.random() < 0.1:
                body, quotes = body + self.either("\\\n", "\\\n \n\t"), 0
        return f'"""{body}"""'

    def long_literal(self, text):
        good = "'''" not in text and not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)
        return [f"'''\n{text}'''"] if good else []

    def character(self, one):
        allowed = one in "\t\n" or not re.match(r"[\x00-\x1f\x7f]", one)
        return one if allowed and self.random.random() < 0.9 else self.escaped(one)

    def escaped(self, one):
        short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
        exact = [f"\\u{ord(one):04X}"] if ord(one) < 0x10000 else []
        return self.either(f"\\U{ord(one):08x}", *exact, *([short[one]] if one in short else []))


NASTY = st.text("\"'#[]{}=,.\\\n\r\t éa-\N{LINE SEPARATOR}\N{GRINNING FACE}", max_size=12)
TEXTS = st.one_of(st.text("abc_-09", max_size=4), NASTY, st.text(max_size=6))
ZONES = st.one_of(st.none(), st.just(UTC), st.integers(-720, 720).map(lambda m: timezone(timedelta(minutes=m))))
SCALARS = st.one_of(
    TEXTS,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.datetimes(timezones=ZONES),
    st.dates(),
    st.times(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(TEXTS, inner, max_size=4),
        st.lists(st.dictionaries(TEXTS, inner, max_size=3), max_size=3),
    ),
    max_leaves=20,
)
TABLES = st.dictionaries(TEXTS, VALUES, max_size=6)


@settings(max_examples=150, deadline=None)
@given(TABLES, st.integers(0, 2**32))
def test_any_rendering_of_any_data(data, seed):
    renderer = Renderer(Random(seed))
    renderer.root(data)
    text = renderer.text
    tables = tomllib.loads(text)
    assert tables == data  # the renderer writes what it was given
    assert find_limit_violation(text) is None
    keys, values = locate_keys_and_values(text)
    assert keys == renderer.keys
    assert values == renderer.values
    expected = leaves(tables)
    assert expected.keys() == {path for path in values if path in renderer.written}
    for path, value in expected.items():
        scalar = renderer.written[path]
        assert text.startswith(scalar, values[path])
        assert tomllib.loads(f"x = {scalar}")["x"] == value


@settings(max_examples=200, deadline=None)
@given(st.one_of(NASTY, st.text(max_size=20)), st.integers(0, 2**32))
def test_a_key_is_unescaped_as_tomllib_does(key, seed):
    text = f"{Renderer(Random(seed)).key(key)} = 1"
    assert tomllib.loads(text) == {key: 1}
    assert locate_keys_and_values(text)[0] == {(key,): 0}


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        (".".join("a" * (MAX_NESTING + 1)) + ".a = 1", 2 * MAX_NESTING + 1),
        ("x = " + "[" * (MAX_NESTING + 1), 4 + MAX_NESTING),
        ("x = " + "{a=" * (MAX_NESTING + 1), 4 + 3 * MAX_NESTING),
        ("x = [" + ".".join("a" * (MAX_NESTING + 1)), 4 + 2 * MAX_NESTING),
        ("x = " + "[\n[ # ]\n" * MAX_NESTING, 4 + 8 * MAX_NESTING // 2),
    ],
)
def test_what_is_nested_too_deep_is_refused_where_it_gets_so(text, offset):
    message, violation = find_limit_violation(text)
    assert message == f"tables and arrays are nested more than {MAX_NESTING} deep"
    assert violation == offset


@pytest.mark.parametrize(
    "text",
    [
        ".".join("a" * (MAX_NESTING + 1)) + " = 1",
        "x = " + "[" * MAX_NESTING + "]" * MAX_NESTING,
        "x = [" + "1.5, " * 1000 + "]",
        "x = 1.5\n" * 1000,
        "[a.b]\n" * 1000,
        "x = { a.b = [[1.5]], a.c = {d.e = [[2.5]]} }\n" * 1000,
        "#" + "[." * 1000,
        'x = "' + "[." * 1000 + '"',
        "x = '''\n" + "[.\n'" * 1000 + "'''",
        'x = """' + '[.\n\\"""' * 1000 + '"""',
        "]}" * 1000,
    ],
)
def test_what_is_not_nested_deep_is_not_refused(text):
    assert find_limit_violation(text) is None


def test_a_long_bare_word_is_refused_and_a_long_string_is_not():
    assert find_limit_violation("x = " + "1" * MAX_WORD_LENGTH) is None
    assert find_limit_violation("x = 'a' #" + "1" * 9999) is None
    assert find_limit_violation(f"x = '{'1' * 9999}'") is None
    message = f"a key or number has {MAX_WORD_LENGTH + 1} characters, the limit is {MAX_WORD_LENGTH}"
    assert find_limit_violation("x = [0,\n  " + "1" * (MAX_WORD_LENGTH + 1)) == (message, 10)
    assert find_limit_violation("\nk" + "_" * MAX_WORD_LENGTH) == (message, 1)
