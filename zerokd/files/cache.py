"""The folder of downloads and results that later runs use again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """``ZEROKD_CACHE``, else ``zerokd`` in the user's cache folder (on Linux ``XDG_CACHE_HOME`` or ``~/.cache``)."""
    override = os.environ.get("ZEROKD_CACHE")
    return Path(override) if override else platformdirs.user_cache_path("zerokd", appauthor=False)
