"""Whether this machine can run zerokd, and what to do where it cannot.

Nothing here imports torch: what may be broken is tried in a process of its own.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

from attrs import asdict, frozen
from packaging.requirements import Requirement

from zerokd.exporters.c_library import compiler
from zerokd.plugin.catalogue import Catalogue

ROOM, LITTLE_ROOM = 1 << 30, 100 << 20  # bytes free that a run may want, and below which it will not fit
PATIENCE = 120  # seconds that an import may take
TRY_TORCH = (
    "import json, torch\n"
    "names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]\n"
    "print(json.dumps([torch.__version__, torch.get_num_threads(), names]))"
)
TRY_TORCHVISION = "import torchvision.models\nprint(torchvision.__version__)"


@frozen
class Finding:
    """One thing that was looked at. ``FAIL`` keeps every run from working, ``warn`` only some."""

    state: Literal["ok", "warn", "FAIL"]
    what: str
    told: str
    fix: str = ""


def examine(catalogue: Catalogue, here: Path, cache: Path) -> list[Finding]:
    """Look at everything: ``here`` is where runs would be written, ``cache`` where downloaded weights are kept."""
    return [
        Finding("ok", "Python", f"{platform.python_version()}, {platform.platform()}"),
        *_installed(),
        _torch(),
        _torchvision(),
        _room(here),
        _writable("working folder", here),
        _writable("temporary folder", Path(tempfile.gettempdir())),
        _writable("cache folder", cache),
        _perceptual_weights(cache),
        _compiler(),
        *_plugins(catalogue),
    ]


def _installed() -> Iterator[Finding]:
    try:
        asked = requires("zerokd") or ()
    except PackageNotFoundError:
        text = "runs from its source, not installed: what it asks for, and plugins beside it, are not known"
        yield Finding("warn", "package zerokd", text, "pip install .")
        return
    yield from _packages(asked)


def _packages(requirements: Iterable[str]) -> Iterator[Finding]:
    """The packages that zerokd, and each of its extras, ask for."""
    extras: dict[str, list[str]] = {}
    for one in map(Requirement, requirements):
        fault = _unmet(one)
        if one.marker is not None and "extra" in str(one.marker):
            extra = str(one.marker).rpartition("==")[2].strip(" '\"")
            extras.setdefault(extra, []).extend([fault] if fault else [])
        elif fault:
            yield Finding("FAIL", one.name, fault, f"pip install '{one.name}{one.specifier}'")
        else:
            yield Finding("ok", one.name, version(one.name))
    for extra, faults in extras.items():
        if faults:
            yield Finding("warn", f"extra [{extra}]", ", ".join(faults), f"pip install 'zerokd[{extra}]', if wanted")
        else:
            yield Finding("ok", f"extra [{extra}]", "installed")


def _unmet(requirement: Requirement) -> str:
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(found, prereleases=True):
        return ""
    return f"{requirement.name} {found} is installed, wanted {requirement.specifier}"


def _tried(code: str) -> tuple[bool, str]:
    """Whether another process runs the code, and what it prints: the last line of its error where it fails."""
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return False, f"no answer in {PATIENCE} s"
    if done.returncode == 0:
        return True, done.stdout.strip()
    lines = done.stderr.strip().splitlines()
    return False, lines[-1][:200] if lines else f"its process ended with {done.returncode}"


def _torch() -> Finding:
    works, told = _tried(TRY_TORCH)
    if not works:
        return Finding("FAIL", "import torch", told, "pip install --force-reinstall torch torchvision")
    found, threads, devices = json.loads(told.splitlines()[-1])
    where = f"{threads} threads on {os.cpu_count()} cores; CUDA: {', '.join(devices) or 'no device'}"
    return Finding("ok", "import torch", f"{found}, {where}")


def _torchvision() -> Finding:
    works, told = _tried(TRY_TORCHVISION)
    if works:
        return Finding("ok", "import torchvision", told)
    fix = "pip install --force-reinstall torch torchvision, together and from one place, so that they belong together"
    return Finding("warn", "import torchvision", f"{told} (only VGG's ImageNet weights need it)", fix)


def _room(here: Path) -> Finding:
    free = shutil.disk_usage(here).free
    told = f"{free / (1 << 30):.1f} GiB free"
    if free < LITTLE_ROOM:
        return Finding("FAIL", "disk", told, "make room: a run ends with exit code 5 where the disk is full")
    fix = "make room, or write elsewhere with --out"
    return Finding("warn", "disk", told, fix) if free < ROOM else Finding("ok", "disk", told)


def _writable(what: str, folder: Path) -> Finding:
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.exists())  # nothing is made here
    try:
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(b"x" * 4096)
    except OSError as fault:
        fixes = {"cache folder": "set ZEROKD_CACHE to a folder that can be written", "temporary folder": "set TMPDIR"}
        state: Literal["warn", "FAIL"] = "warn" if what == "cache folder" else "FAIL"
        fix = fixes.get(what, "go to a folder that you may write, or give one with --out")
        return Finding(state, what, f"{folder}: {fault.strerror or fault}", fix)
    return Finding("ok", what, str(folder))


def _perceptual_weights(cache: Path) -> Finding:
    found = sorted(path.name for path in cache.glob("vgg19-*.safetensors"))
    if found:
        return Finding("ok", "VGG-19 weights", ", ".join(found))
    fix = 'they are fetched on first use (548 MB); offline, give weights = "FILE" or allow fallback = "random"'
    return Finding("warn", "VGG-19 weights", f"not in {cache}", fix)


def _compiler() -> Finding:
    command = compiler()
    if command is None:
        fix = "install one, or name it in CC: without it `zerokd enhance` is slower, and there is no export to C"
        return Finding("warn", "C compiler", "none", fix)
    return Finding("ok", "C compiler", " ".join(command))


def _plugins(catalogue: Catalogue) -> Iterator[Finding]:
    for ill in catalogue.broken:
        fix = "update or remove it; recipes that do not use it still run"
        yield Finding("warn", f"plugin {ill.provider}", ill.reason, fix)


def failed(findings: Iterable[Finding]) -> bool:
    """Whether no run can work."""
    return any(one.state == "FAIL" for one in findings)


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The same as plain data."""
    return [asdict(one) for one in findings]


def as_text(findings: list[Finding]) -> str:
    """A line for each, and one more for what to do."""
    width = max(len(one.what) for one in findings)
    lines = []
    for one in findings:
        lines.append(f"{one.state:<5} {one.what:<{width}}  {one.told}")
        lines += [f"{'':<5} {'':<{width}}  fix: {one.fix}"] if one.fix else []
    counts = {state: sum(one.state == state for one in findings) for state in ("ok", "warn", "FAIL")}
    return "\n".join([*lines, f"{counts['ok']} ok, {counts['warn']} warnings, {counts['FAIL']} failures"])
