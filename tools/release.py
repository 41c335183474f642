"""Complete the metadata of a release: ``python -m tools.release URL`` before ``python -m build``.

A package index shows the README far from the files that it links to, and needs the project's URLs. Both follow from
the address of the repository, which the release workflow passes, so that a fork publishes its own links.
"""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

LINK_PATTERN = re.compile(r"(!?)(\[[^\]]*\])\((?![a-z][a-z0-9+.-]*:|#)([^)]+)\)")  # relative targets only
URLS_BEFORE = "[project.optional-dependencies]"


def make_links_absolute(markdown: str, url: str, version: str) -> str:
    """The text with every relative link leading into the repository at the tag of this version; pictures load raw."""

    def replace(match: re.Match[str]) -> str:
        mark, label, target = match.groups()
        return f"{mark}{label}({url}/{'raw' if mark else 'blob'}/v{version}/{target})"

    return LINK_PATTERN.sub(replace, markdown)


def add_project_urls(pyproject: str, url: str, version: str) -> str:
    """The text of pyproject.toml with ``[project.urls]``.

    Raises:
        ValueError: it has such a table already, or no place for it.
    """
    if "[project.urls]" in pyproject or pyproject.count(URLS_BEFORE) != 1:
        raise ValueError(f"pyproject.toml needs one {URLS_BEFORE} and no [project.urls]")
    urls = {"Source": url, "Documentation": f"{url}/blob/v{version}/docs/index.md"}
    urls |= {"Changelog": f"{url}/blob/v{version}/CHANGELOG.md", "Issues": f"{url}/issues"}
    table = "\n".join(["[project.urls]", *(f'{name} = "{target}"' for name, target in urls.items())])
    return pyproject.replace(URLS_BEFORE, f"{table}\n\n{URLS_BEFORE}")


def prepare_release(root: Path, url: str, version: str) -> None:
    """Rewrite README.md and pyproject.toml in a checkout that is to be built."""
    readme, pyproject = root / "README.md", root / "pyproject.toml"
    text = add_project_urls(pyproject.read_text(encoding="utf-8"), url, version)
    readme.write_text(make_links_absolute(readme.read_text(encoding="utf-8"), url, version), encoding="utf-8")
    pyproject.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].startswith("https://"):
        sys.exit("usage: python -m tools.release https://HOST/OWNER/zerokd")
    version = runpy.run_path("zerokd/_version.py")["__version__"]  # importing zerokd needs its dependencies
    prepare_release(Path(), sys.argv[1].rstrip("/"), version)
