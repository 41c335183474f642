"""``python -m tools.site [--check]``, in the project's root folder."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tools.site.site import find_stale_pages, write_stale_pages
from zerokd.errors import ZerokdError


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with code 1 if a page is stale.")
@click.option("--root", default=".", type=click.Path(exists=True, path_type=Path), help="The project's root folder.")
def main(check: bool, root: Path) -> None:
    """Write the generated pages, and their part of mkdocs.yml."""
    try:
        lines = find_stale_pages(root) if check else write_stale_pages(root)
    except ZerokdError as error:
        sys.exit(f"{error}")
    click.echo("\n".join(lines) or "all generated pages are up to date")
    if check and lines:
        sys.exit("run `python -m tools.site` to update them")


if __name__ == "__main__":
    main()
