import re

import click
import pytest

from tools.site.command_line import command_line_page
from zerokd.cli import COMMANDS, zerokd

TEXT = command_line_page()


def test_every_command_has_a_heading():
    assert re.findall(r"^## zerokd (\S+)$", TEXT, re.M) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_stands_in_its_section(name):
    section = TEXT.split(f"## zerokd {name}\n")[1].split("\n## ")[0]
    command = zerokd.get_command(click.Context(zerokd), name)
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.opts[0] in section
        else:
            assert param.make_metavar(click.Context(command)).strip("[]{}.") in section
