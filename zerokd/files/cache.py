"""Where what was fetched or computed is kept for other runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``ZEROKD_CACHE``, else ``zerokd`` in the user's cache folder."""
    own, shared = os.environ.get("ZEROKD_CACHE"), os.environ.get("XDG_CACHE_HOME")
    return Path(own) if own else (Path(shared) if shared else Path.home() / ".cache") / "zerokd"
