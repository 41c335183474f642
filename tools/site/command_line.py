"""The reference of the command line, generated from the commands."""

from __future__ import annotations

from collections.abc import Iterator

import click

from tools.site.markdown import inline_code, docstring_to_markdown, build_page, build_table
from zerokd.cli import COMMANDS, zerokd


def command_line_page() -> str:
    """Every command with its arguments and options."""
    top = click.Context(zerokd, info_name="zerokd")
    about = (
        "`zerokd COMMAND --help` prints the same text. See also [exit codes and environment variables](environment.md). "
        "Shell completion of commands, components and recipes: "
        '`eval "$(_ZEROKD_COMPLETE=bash_source zerokd)"` (or `zsh_source`; fish: `fish_source | source`).'
    )
    rows = [(f"[`zerokd {name}`](#zerokd-{name})", summary) for name, summary in COMMANDS.items()]
    parts = [_build_command_section(name, top) for name in COMMANDS]
    return build_page("# Command line", about, build_table(("command", "action"), rows), "\n".join(_build_options_table(zerokd, top)), *parts)


def _build_command_section(name: str, parent: click.Context) -> str:
    command = zerokd.get_command(parent, name)
    assert command is not None, "every name has a module"
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(["zerokd", name, *command.collect_usage_pieces(context)])
    paragraphs = (" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n"))
    return "\n\n".join(
        [
            f"## zerokd {name}",
            f"```text\n{usage}\n```",
            *(docstring_to_markdown(paragraph) for paragraph in paragraphs),
            *_build_options_table(command, context),
        ]
    )


def _build_options_table(command: click.Command, context: click.Context) -> Iterator[str]:
    """A table of the command's options, if it has any."""
    records = [option.get_help_record(context) for option in command.get_params(context) if isinstance(option, click.Option)]
    rows = [(inline_code(names), effect) for names, effect in filter(None, records) if "--help" not in names]
    if rows:
        yield build_table(("option", "effect"), rows)
