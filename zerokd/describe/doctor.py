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

from zerokd.exporters.c_library import find_compiler
from zerokd.plugin.catalogue import Catalogue

RECOMMENDED_FREE_BYTES, MIN_FREE_BYTES = (
    1 << 30,
    100 << 20,
)  # bytes free that a run may want, and below which it will not fit
IMPORT_TIMEOUT = 120  # seconds that an import may take
TORCH_PROBE_CODE = (
    "import json, torch\n"
    "names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]\n"
    "print(json.dumps([torch.__version__, torch.get_num_threads(), names]))"
)
TORCHVISION_PROBE_CODE = "import torchvision.models\nprint(torchvision.__version__)"


@frozen
class HealthCheck:
    """One thing that was looked at. ``FAIL`` keeps every run from working, ``warn`` only some."""

    state: Literal["ok", "warn", "FAIL"]
    what: str
    told: str
    fix: str = ""


def check_machine(catalogue: Catalogue, working_folder: Path, weights_cache: Path) -> list[HealthCheck]:
    """Look at everything: ``here`` is where runs would be written, ``cache`` where downloaded weights are kept."""
    return [
        HealthCheck("ok", "Python", f"{platform.python_version()}, {platform.platform()}"),
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
        asked = requires("zerokd") or ()
    except PackageNotFoundError:
        text = "runs from its source, not installed: what it asks for, and plugins beside it, are not known"
        yield HealthCheck("warn", "package zerokd", text, "pip install .")
        return
    yield from _check_requirements(asked)


def _check_requirements(requirements: Iterable[str]) -> Iterator[HealthCheck]:
    """The packages that zerokd, and each of its extras, ask for."""
    extras: dict[str, list[str]] = {}
    for one in map(Requirement, requirements):
        error = _describe_unmet_requirement(one)
        if one.marker is not None and "extra" in str(one.marker):
            extra = str(one.marker).rpartition("==")[2].strip(" '\"")
            extras.setdefault(extra, []).extend([error] if error else [])
        elif error:
            yield HealthCheck("FAIL", one.name, error, f"pip install '{one.name}{one.specifier}'")
        else:
            yield HealthCheck("ok", one.name, version(one.name))
    for extra, errors in extras.items():
        if errors:
            yield HealthCheck(
                "warn", f"extra [{extra}]", ", ".join(errors), f"pip install 'zerokd[{extra}]', if wanted"
            )
        else:
            yield HealthCheck("ok", f"extra [{extra}]", "installed")


def _describe_unmet_requirement(requirement: Requirement) -> str:
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(found, prereleases=True):
        return ""
    return f"{requirement.name} {found} is installed, wanted {requirement.specifier}"


def _run_in_subprocess(code: str) -> tuple[bool, str]:
    """Whether another process runs the code, and what it prints: the last line of its error where it fails."""
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=IMPORT_TIMEOUT)
    except subprocess.TimeoutExpired:
        return False, f"no answer in {IMPORT_TIMEOUT} s"
    if done.returncode == 0:
        return True, done.stdout.strip()
    lines = done.stderr.strip().splitlines()
    return False, lines[-1][:200] if lines else f"its process ended with {done.returncode}"


def _check_torch() -> HealthCheck:
    works, told = _run_in_subprocess(TORCH_PROBE_CODE)
    if not works:
        return HealthCheck("FAIL", "import torch", told, "pip install --force-reinstall torch torchvision")
    found, threads, devices = json.loads(told.splitlines()[-1])
    where = f"{threads} threads on {os.cpu_count()} cores; CUDA: {', '.join(devices) or 'no device'}"
    return HealthCheck("ok", "import torch", f"{found}, {where}")


def _check_torchvision() -> HealthCheck:
    works, told = _run_in_subprocess(TORCHVISION_PROBE_CODE)
    if works:
        return HealthCheck("ok", "import torchvision", told)
    fix = "pip install --force-reinstall torch torchvision, together and from one place, so that they belong together"
    return HealthCheck("warn", "import torchvision", f"{told} (only VGG's ImageNet weights need it)", fix)


def _check_disk_space(folder: Path) -> HealthCheck:
    free = shutil.disk_usage(folder).free
    told = f"{free / (1 << 30):.1f} GiB free"
    if free < MIN_FREE_BYTES:
        return HealthCheck("FAIL", "disk", told, "make room: a run ends with exit code 5 where the disk is full")
    fix = "make room, or write elsewhere with --out"
    return HealthCheck("warn", "disk", told, fix) if free < RECOMMENDED_FREE_BYTES else HealthCheck("ok", "disk", told)


def _check_writable(what: str, folder: Path) -> HealthCheck:
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.exists())  # nothing is made here
    try:
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(b"x" * 4096)
    except OSError as error:
        fixes = {"cache folder": "set ZEROKD_CACHE to a folder that can be written", "temporary folder": "set TMPDIR"}
        state: Literal["warn", "FAIL"] = "warn" if what == "cache folder" else "FAIL"
        fix = fixes.get(what, "go to a folder that you may write, or give one with --out")
        return HealthCheck(state, what, f"{folder}: {error.strerror or error}", fix)
    return HealthCheck("ok", what, str(folder))


def _check_perceptual_weights(weights_cache: Path) -> HealthCheck:
    found = sorted(path.name for path in weights_cache.glob("vgg19-*.safetensors"))
    if found:
        return HealthCheck("ok", "VGG-19 weights", ", ".join(found))
    fix = 'they are fetched on first use (548 MB); offline, give weights = "FILE" or allow fallback = "random"'
    return HealthCheck("warn", "VGG-19 weights", f"not in {weights_cache}", fix)


def _check_compiler() -> HealthCheck:
    command = find_compiler()
    if command is None:
        fix = "install one, or name it in CC: without it `zerokd enhance` is slower, and there is no export to C"
        return HealthCheck("warn", "C compiler", "none", fix)
    return HealthCheck("ok", "C compiler", " ".join(command))


def _check_plugins(catalogue: Catalogue) -> Iterator[HealthCheck]:
    for ill in catalogue.broken_plugins:
        fix = "update or remove it; recipes that do not use it still run"
        yield HealthCheck("warn", f"plugin {ill.provider}", ill.reason, fix)


def has_failures(checks: Iterable[HealthCheck]) -> bool:
    """Whether no run can work."""
    return any(check.state == "FAIL" for check in checks)


def checks_to_json(checks: Iterable[HealthCheck]) -> list[dict[str, Any]]:
    """The same as plain data."""
    return [asdict(check) for check in checks]


def describe_checks(checks: list[HealthCheck]) -> str:
    """A line for each, and one more for what to do."""
    width = max(len(check.what) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{check.state:<5} {check.what:<{width}}  {check.told}")
        lines += [f"{'':<5} {'':<{width}}  fix: {check.fix}"] if check.fix else []
    counts = {state: sum(check.state == state for check in checks) for state in ("ok", "warn", "FAIL")}
    return "\n".join([*lines, f"{counts['ok']} ok, {counts['warn']} warnings, {counts['FAIL']} failures"])
