"""``python -m tools.site [--check]``, in the project's root."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tools.site.site import find_stale_pages, write_stale_pages
from zerokd.errors import ZerokdError


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with 1 where a page is stale.")
@click.option("--root", default=".", type=click.Path(exists=True, path_type=Path), help="The project's folder.")
def main(check: bool, root: Path) -> None:
    """Write the pages of the site that are made from the code, and their part of mkdocs.yml."""
    try:
        told = find_stale_pages(root) if check else write_stale_pages(root)
    except ZerokdError as error:
        sys.exit(f"{error}")
    click.echo("\n".join(told) or "all pages are as they should be")
    if check and told:
        sys.exit("python -m tools.site writes them anew")


if __name__ == "__main__":
    main()
