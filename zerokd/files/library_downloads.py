"""Downloads of other libraries: with consent, checked by their SHA-256, and read as tensors alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import torch.hub

from zerokd.errors import Problem, WeightsError
from zerokd.files.download import fetch_file

DOWNLOAD_FUNCTION = "download_url_to_file"  # of torch.hub, which torchvision, piq and pyiqa call
HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.\w+$")  # torch.hub's own convention: alexnet-owt-7be5be79.pth


@contextmanager
def check_library_downloads() -> Iterator[None]:
    """Build networks of other libraries inside: a file that ``torch.hub`` would download needs the user's consent and
    the SHA-256 that it or its name states, and ``torch.load`` runs no code of a file, whatever the library asks for.

    Raises:
        WeightsError: nobody agreed, nothing states a digest, or the file has another one.
    """
    original = getattr(torch.hub, DOWNLOAD_FUNCTION)
    modules = [module for module in list(sys.modules.values()) if _holds(module, original)]
    load = torch.load

    def load_tensors(*arguments: Any, **options: Any) -> Any:
        return load(*arguments, **options | {"weights_only": True})

    with ExitStack() as stack:
        for module in modules:  # those that imported the function by name, too
            stack.enter_context(patch.object(module, DOWNLOAD_FUNCTION, _fetch))
        stack.enter_context(patch.object(torch, "load", load_tensors))
        yield


def _holds(module: Any, function: Any) -> bool:
    return getattr(module, "__dict__", {}).get(DOWNLOAD_FUNCTION) is function


def _fetch(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """``torch.hub.download_url_to_file``, with consent and a digest."""
    stated = HASH_IN_NAME.search(url)
    prefix = hash_prefix or (stated[1] if stated else "")
    if not prefix:
        text = f"{Path(url).name} was not downloaded: nothing states the SHA-256 that it must have"
        raise WeightsError(Problem(text, hints=(f"if you trust {url}, download it to {dst} yourself",)))
    fetch_file(url, prefix, Path(dst))
