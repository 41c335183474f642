"""Consent to what a recipe cannot allow: large downloads, from ``--yes``, the environment, or the person at the
terminal, and files that hold programs, from the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from zerokd.errors import Problem, WeightsError

CONSENT_VARIABLE = "ZEROKD_DOWNLOADS"
TRUST_VARIABLE = "ZEROKD_TRUSTED_FILES"
ANSWERS = {"yes": True, "no": False}
FREE_BYTES = 10 * 10**6  # a download up to this size needs no consent


def require_consent(url: str, size_bytes: int, folder: Path) -> None:
    """Return if zerokd may download a file: it is at most 10 MB, ``ZEROKD_DOWNLOADS=yes``, or the user agrees.

    zerokd asks only if it reads from and writes to a terminal, and never in one of several processes.

    Raises:
        WeightsError: nobody agreed, or ``ZEROKD_DOWNLOADS`` has another value than yes and no.
    """
    if size_bytes <= FREE_BYTES:
        return
    answer = os.environ.get(CONSENT_VARIABLE, "")
    if answer not in ("", *ANSWERS):
        raise WeightsError(Problem(f"{CONSENT_VARIABLE}={answer!r}", hints=("write yes or no, or unset it",)))
    if ANSWERS.get(answer, False) or (not answer and _is_interactive() and _ask(url, size_bytes, folder)):
        return
    hint = f"--yes or {CONSENT_VARIABLE}=yes allows it, once: zerokd stores what it needs in {folder} (ZEROKD_CACHE)"
    raise WeightsError(Problem(f"no consent to download {_describe(url, size_bytes)}", hints=(hint,)))


def require_trust(path: Path, digest: str) -> None:
    """Return if the user trusts a file that holds a program: ``ZEROKD_TRUSTED_FILES`` lists its SHA-256.

    Raises:
        WeightsError: it does not.
    """
    trusted = [text.strip().lower() for text in os.environ.get(TRUST_VARIABLE, "").split(",")]
    if digest not in trusted:
        text = f"{str(path)!r} holds a program, which can do whatever you may, and you have not allowed it"
        hint = f"if you trust who made it, set {TRUST_VARIABLE}={digest} (several: separated by commas)"
        raise WeightsError(Problem(text, hints=(hint, "weights in .safetensors and models in .onnx need no trust")))


def _describe(url: str, size_bytes: int) -> str:
    parts = urlsplit(url)
    return f"{Path(parts.path).name}, {size_bytes / 2**20:.0f} MB from {parts.hostname}"


def _is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("WORLD_SIZE", "1") == "1"


def _ask(url: str, size_bytes: int, folder: Path) -> bool:
    click.echo(f"Download {_describe(url, size_bytes)}?", err=True)
    return click.confirm(f"zerokd stores what it needs in {folder}, for all later runs.", err=True)
