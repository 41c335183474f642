"""Records in JSON with odd values in random places."""

import json
import random

from zerokd.errors import ZerokdError

HUGE = "9" * 400
DEEP = "[" * 500 + "]" * 500
ODD = ["5", "-1", "true", "null", '""', '"x"', r'"\ud800"', "[]", "[5]", "{}", '{"a": 5}', "1e400", HUGE, DEEP, "NaN"]


def replaced(record, path, text):
    """The JSON of a record whose value at a path is replaced by JSON text."""
    copy = json.loads(json.dumps(record))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = "REPLACED"
    return json.dumps(copy).replace('"REPLACED"', text)


def paths(value, start=()):
    """The path of every value in a record."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*start, key)
        yield from paths(item, (*start, key))


def mutations(record, count, seed):
    """Texts of a record with odd values in random places; the first keys of it come first."""
    draw, places = random.Random(seed), [*paths(record)]
    top = [path for path in places if len(path) == 1]
    for number in range(count):
        path = top[number % len(top)] if number < 2 * len(top) else draw.choice(places)
        yield replaced(record, path, draw.choice(ODD))


def exit_code(call):
    """The exit code of a command that calls this; any error but zerokd's own passes."""
    try:
        call()
    except ZerokdError as error:
        return error.exit_code
    return 0
