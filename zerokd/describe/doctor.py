"""Check whether this machine can run zerokd, and how to fix it if it cannot.

Nothing here imports torch: imports that may crash run in a separate process.
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
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from attrs import frozen
from packaging.requirements import Requirement

from zerokd.exporters.c_library import find_compiler
from zerokd.plugin.catalogue import Catalogue
from zerokd.text import wrap_text

RECOMMENDED_FREE_BYTES = 1 << 30  # a larger run may need it
MIN_FREE_BYTES = 100 << 20  # no run fits into less
IMPORT_TIMEOUT = 120  # seconds
TORCH_PROBE_CODE = (
    "import json, torch\n"
    "names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]\n"
    "print(json.dumps([torch.__version__, torch.get_num_threads(), names]))"
)
TORCHVISION_PROBE_CODE = "import torchvision.models\nprint(torchvision.__version__)"


class HealthState(StrEnum):
    """``FAIL``: no run can work; ``warn``: some runs cannot."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


OK, WARN, FAIL = HealthState.OK, HealthState.WARN, HealthState.FAIL


@frozen
class HealthCheck:
    """One check of this machine: its name, what was found, and how to fix it."""

    state: HealthState
    name: str
    detail: str
    fix: str = ""


def check_machine(catalogue: Catalogue, working_folder: Path, weights_cache: Path) -> list[HealthCheck]:
    """Run all checks. Runs would be written to ``working_folder``; downloaded weights are in ``weights_cache``."""
    return [
        HealthCheck(OK, "Python", f"{platform.python_version()}, {platform.platform()}"),
        *_check_installation(),
        _check_torch(),
        _check_torchvision(),
        _check_disk_space(working_folder),
        _check_writable("working folder", working_folder),
        _check_writable("temporary folder", Path(tempfile.gettempdir())),
        _check_writable("cache folder", weights_cache),
        _check_perceptual_weights(weights_cache),
        _check_compiler(),
        *_check_plugins(catalogue),
    ]


def _check_installation() -> Iterator[HealthCheck]:
    try:
        requirements = requires("zerokd") or ()
    except PackageNotFoundError:
        text = "runs from source, not installed: its requirements and installed plugins are unknown"
        yield HealthCheck(WARN, "package zerokd", text, "pip install .")
        return
    yield from _check_requirements(requirements)


def _check_requirements(requirements: Iterable[str]) -> Iterator[HealthCheck]:
    """The packages that zerokd requires, and each of its extras."""
    extras: dict[str, list[str]] = {}
    for requirement in map(Requirement, requirements):
        error = _describe_unmet_requirement(requirement)
        if requirement.marker is not None and "extra" in str(requirement.marker):
            extra = str(requirement.marker).rpartition("==")[2].strip(" '\"")
            extras.setdefault(extra, []).extend([error] if error else [])
        elif error:
            yield HealthCheck(FAIL, requirement.name, error, f"pip install '{requirement.name}{requirement.specifier}'")
        else:
            yield HealthCheck(OK, requirement.name, version(requirement.name))
    for extra, errors in extras.items():
        if errors:
            fix = f"pip install 'zerokd[{extra}]', if you need it"
            yield HealthCheck(WARN, f"extra [{extra}]", ", ".join(errors), fix)
        else:
            yield HealthCheck(OK, f"extra [{extra}]", "installed")


def _describe_unmet_requirement(requirement: Requirement) -> str:
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(installed, prereleases=True):
        return ""
    return f"{requirement.name} {installed} is installed, {requirement.specifier} is required"


def _run_in_subprocess(code: str) -> tuple[bool, str]:
    """Whether a new process runs the code, and what it prints: the last line of its error if it fails."""
    try:
        process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=IMPORT_TIMEOUT)
    except subprocess.TimeoutExpired:
        return False, f"no answer in {IMPORT_TIMEOUT} s"
    if process.returncode == 0:
        return True, process.stdout.strip()
    lines = process.stderr.strip().splitlines()
    return False, lines[-1][:200] if lines else f"its process ended with {process.returncode}"


def _check_torch() -> HealthCheck:
    works, output = _run_in_subprocess(TORCH_PROBE_CODE)
    if not works:
        return HealthCheck(FAIL, "import torch", output, "pip install --force-reinstall torch torchvision")
    installed, threads, devices = json.loads(output.splitlines()[-1])
    where = f"{threads} threads on {os.cpu_count()} cores; CUDA: {', '.join(devices) or 'no device'}"
    return HealthCheck(OK, "import torch", f"{installed}, {where}")


def _check_torchvision() -> HealthCheck:
    works, output = _run_in_subprocess(TORCHVISION_PROBE_CODE)
    if works:
        return HealthCheck(OK, "import torchvision", output)
    fix = "pip install --force-reinstall torch torchvision: both in one command, so that their versions match"
    return HealthCheck(WARN, "import torchvision", f"{output} (only VGG's ImageNet weights need it)", fix)


def _check_disk_space(folder: Path) -> HealthCheck:
    free = shutil.disk_usage(folder).free
    detail = f"{free / (1 << 30):.1f} GiB free"
    if free < MIN_FREE_BYTES:
        return HealthCheck(FAIL, "disk", detail, "free some space: a run on a full disk ends with exit code 5")
    fix = "free some space, or write to another disk with --out"
    return HealthCheck(WARN, "disk", detail, fix) if free < RECOMMENDED_FREE_BYTES else HealthCheck(OK, "disk", detail)


def _check_writable(name: str, folder: Path) -> HealthCheck:
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())  # creates no folder
    try:
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(b"x" * 4096)
    except OSError as error:
        fixes = {"cache folder": "set ZEROKD_CACHE to a writable folder", "temporary folder": "set TMPDIR"}
        fix = fixes.get(name, "change to a writable folder, or name one with --out")
        return HealthCheck(WARN if name == "cache folder" else FAIL, name, f"{folder}: {error.strerror or error}", fix)
    return HealthCheck(OK, name, str(folder))


def _check_perceptual_weights(weights_cache: Path) -> HealthCheck:
    names = sorted(path.name for path in weights_cache.glob("vgg19-*.safetensors"))
    if names:
        return HealthCheck(OK, "VGG-19 weights", ", ".join(names))
    fix = 'downloaded on first use (548 MB); offline, set weights = "FILE" or allow fallback = "random"'
    return HealthCheck(WARN, "VGG-19 weights", f"not in {weights_cache}", fix)


def _check_compiler() -> HealthCheck:
    command = find_compiler()
    if command is None:
        fix = "install one, or set CC: without it `zerokd enhance` is slower and cannot export to C"
        return HealthCheck(WARN, "C compiler", "none", fix)
    return HealthCheck(OK, "C compiler", " ".join(command))


def _check_plugins(catalogue: Catalogue) -> Iterator[HealthCheck]:
    for plugin in catalogue.broken_plugins:
        fix = "update or remove it; recipes that do not use it still run"
        yield HealthCheck(WARN, f"plugin {plugin.provider}", plugin.reason, fix)


def has_failures(checks: Iterable[HealthCheck]) -> bool:
    """Whether a check fails, so that no run can work."""
    return any(check.state is FAIL for check in checks)


def checks_to_json(checks: Iterable[HealthCheck]) -> list[dict[str, Any]]:
    """All checks as plain data."""
    return [
        {"state": check.state.value, "what": check.name, "told": check.detail, "fix": check.fix} for check in checks
    ]


def describe_checks(checks: list[HealthCheck]) -> str:
    """Each check with its fix, and a summary, in 80 columns unless names are long."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines += wrap_text(check.detail, " " * (width + 8), f"{check.state:<5} {check.name:<{width}}  ")
        lines += wrap_text(f"fix: {check.fix}", " " * (width + 13), " " * (width + 8)) if check.fix else []
    counts = {state: sum(check.state == state for check in checks) for state in HealthState}
    return "\n".join([*lines, f"{counts[OK]} ok, {counts[WARN]} warnings, {counts[FAIL]} failures"])
