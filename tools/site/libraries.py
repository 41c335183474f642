"""What the conformance kit shows of other libraries: their known failures, and what they return on equal images."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from tools.site.catalogue import component_page_path
from tools.site.markdown import build_page, build_table, docstring_to_markdown, inline_code
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.loading import load_component
from zerokd.plugin.wrap_loss import WrappedLoss
from zerokd.testing import collect_checks

TITLE = "# What the kit found in the field's libraries"
SAFE_KEYS: dict[str, Any] = {"finite_gradient": True, "offset": 0.01, "highest": 80.0}  # those that a loss has are set
WITHOUT_LIBRARY = ("zerokd-pyiqa",)  # pyiqa is optional, so that a page with its numbers could not be generated everywhere
SMALLEST_SIDE = 16
SCENES = ("black", "grey", "white", "noise")
GROUPS: dict[str, tuple[str, ...]] = {  # the checks that a user of any framework would meet
    "value": ("finite_values", "bounds", "value_per_image"),
    "gradient": ("finite_gradients", "gradient_reaches", "gradient_is_slope"),
    "device": ("no_host_sync", "moves", "compiles"),
}
BEYOND_THE_KIT = """## Beyond the kit

Tests of known values found what no general check can know:

* `torchmetrics.functional.image.relative_average_spectral_error` is `window_size ** 2` times the published value: it divides the mean by the area of the window twice, as
  sewar does. `rase` keeps the library's value.
* `torchmetrics.functional.image.visual_information_fidelity` has no gradient at all: it overwrites tensors that `backward()` needs, which raises an error. It is no loss here.
* `kornia.losses.MS_SSIMLoss` weights structure by 0.025, where the paper has 0.84, and multiplies by 200. `ms_ssim_l1` has both as keys.
* `pyiqa.create_metric("cw_ssim")` of two black images is 1,000,000, where no similarity is above 1. It is no loss here; the package
  [zerokd-pyiqa](../reference/packages.md#zerokd-pyiqa) lists what else the kit shows of pyiqa, which is optional and therefore not in the tables.
* kornia's robust losses have no scale: on images in [0, 1] they hardly differ from half of the squared error. `cauchy`, `geman_mcclure`, `pseudo_huber` and `welsch` have the key
  `scale`."""


@frozen
class WrappedEntry:
    """A loss that calls another library; ``library`` is the name of its distribution."""

    entry: CatalogueEntry
    component: type[WrappedLoss]
    library: str


def libraries_page(entries: Sequence[CatalogueEntry]) -> str:
    """The known failures of every wrapped loss, by library, with what each returns on equal images; there is one."""
    wrapped = find_wrapped_losses(entries)
    failing = [loss for loss in wrapped if loss.component.known_failures]
    libraries = sorted({loss.library for loss in wrapped})
    checks = sum(len(collect_checks(loss.entry.spec)) for loss in wrapped)
    failures = sum(len(loss.component.known_failures) for loss in wrapped)
    about = (
        f"zerokd wraps {len(wrapped)} losses of {_join(libraries)} with [`zerokd.wrap_loss`](../how_to/wrap_loss.md), none of "
        f"them a copy: values and gradients are the library's own. The [conformance kit](../reference/plugins.md) makes "
        f"{checks} checks of them. {failures} of these fail in the library's code, in {len(failing)} losses; each is declared "
        "with its reason. A declared failure that passes fails the kit: an entry leaves this page when the library repairs it."
    )
    return build_page(
        TITLE, about, _build_summary(wrapped, libraries), _describe_equal_images(wrapped), *_list_failures(wrapped, libraries), BEYOND_THE_KIT
    )


def find_wrapped_losses(entries: Sequence[CatalogueEntry]) -> list[WrappedEntry]:
    """The losses that call a library which their package installs. It is named after it: zerokd-piq wraps piq."""
    losses = [(entry, load_component(entry)) for entry in entries if entry.spec.kind == "losses"]
    return [
        WrappedEntry(entry, component, entry.provider.name.removeprefix("zerokd-"))
        for entry, component in losses
        if issubclass(component, WrappedLoss) and entry.provider.name not in WITHOUT_LIBRARY
    ]


def measure_equal_images(component: type[WrappedLoss], options: Mapping[str, Any]) -> dict[str, str]:
    """What a loss returns by scene where every port has the same image: "ok", or what is not finite."""
    loss = component(**options)
    side = max(SMALLEST_SIDE, loss.min_size())
    noise = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    images = dict(zip(SCENES, (torch.zeros_like(noise), torch.full_like(noise, 0.5), torch.ones_like(noise), noise), strict=True))
    return {scene: _describe_value_and_gradient(loss, image) for scene, image in images.items()}


def _describe_value_and_gradient(loss: WrappedLoss, image: Tensor) -> str:
    tensors = {name: image.clone().requires_grad_(port.grad) for name, port in loss.ports.items()}
    with warnings.catch_warnings(action="ignore"):  # a library's own warning of what the table says
        value = loss(**tensors)
        value.sum().backward()
    gradients = [tensor.grad for tensor in tensors.values() if tensor.grad is not None]
    defects = [f"value {'NaN' if value.isnan().any() else 'infinite'}"] if not value.isfinite().all() else []
    if not all(gradient.isfinite().all() for gradient in gradients):
        defects.append("gradient NaN" if any(gradient.isnan().any() for gradient in gradients) else "gradient infinite")
    return ", ".join(defects) or "ok"


def _build_summary(wrapped: Sequence[WrappedEntry], libraries: Sequence[str]) -> str:
    head = ("library", "losses", "pass every check", "wrong or missing value", "wrong or missing gradient", "host synchronisation or device")
    rows = []
    for library in libraries:
        own = [loss.component.known_failures for loss in wrapped if loss.library == library]
        counts = [sum(any(name in failures for name in names) for failures in own) for names in GROUPS.values()]
        rows.append((f"{library} {version(library)}", str(len(own)), str(sum(not failures for failures in own)), *map(str, counts)))
    return build_table(head, rows)


def _describe_equal_images(wrapped: Sequence[WrappedEntry]) -> str:
    """A table of the losses with a scene that is not ok, without and with their safe keys."""
    rows = []
    for loss in wrapped:
        plain = measure_equal_images(loss.component, {})
        if set(plain.values()) == {"ok"}:
            continue
        keys = {name: value for name, value in SAFE_KEYS.items() if name in loss.component.Config.model_fields}
        repaired = set(measure_equal_images(loss.component, keys).values()) == {"ok"} if keys else False
        shown = ", ".join(inline_code(f"{name} = {str(value).lower()}") for name, value in keys.items())
        rows.append((_link(loss), loss.library, *plain.values(), f"{shown or 'none'}{': ok' if repaired else ''}"))
    about = (
        f"Where prediction and target are the same image, {len(rows)} of {len(wrapped)} losses have no value or no gradient. Such "
        "images are common: a moving average starts equal to its student, and night photos have black pixels. One of them "
        "turns every weight into NaN, so zerokd refuses such a term before training; the keys in the last column, off by default, avoid it."
    )
    return f"## Equal images\n\n{about}\n\n{build_table(('loss', 'library', *SCENES, 'keys'), rows)}"


def _list_failures(wrapped: Sequence[WrappedEntry], libraries: Sequence[str]) -> list[str]:
    """A section for each library: a row for each reason of a loss, with the checks that fail for it."""
    sections = []
    for library in libraries:
        rows = []
        for loss in wrapped:
            reasons: dict[str, list[str]] = {}
            for name, reason in loss.component.known_failures.items() if loss.library == library else ():
                reasons.setdefault(reason, []).append(inline_code(name))
            rows += [(_link(loss), ", ".join(names), docstring_to_markdown(reason)) for reason, names in reasons.items()]
        if rows:
            sections.append(f"## {library} {version(library)}\n\n{build_table(('loss', 'fails', 'reason and reproduction'), rows)}")
    return sections


def _link(loss: WrappedEntry) -> str:
    return f"[{loss.entry.spec.name}](../reference/components/{component_page_path(loss.entry)})"


def _join(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
