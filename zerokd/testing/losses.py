"""What a loss promises beyond its values: gradient where it says so, finite, true, and the same every time."""

from __future__ import annotations

import torch
from torch import Tensor

from zerokd.testing.check import CheckError, Subject, require, rule
from zerokd.testing.inputs import as_leaf_tensors, make_port_tensors, values_and_gradients
from zerokd.testing.losses_and_metrics import compute_values, extreme_inputs, format_tensor, require_close


@rule()
def asks_for_gradient(subject: Subject) -> None:
    """at least one port asks for gradient: a loss without one trains nothing"""
    require(any(port.grad for port in subject.component.ports.values()), "no port has grad=True")


@rule()
def gradient_reaches(subject: Subject) -> None:
    """gradient reaches every port that asks for it, from every image, and no other port"""
    measure = subject.build()
    ports = as_leaf_tensors(measure, make_port_tensors(measure), require_all=True)
    compute_values(measure, ports)
    _, found = values_and_gradients(measure, ports)
    for name, port in measure.ports.items():
        gradient = found[name]
        if not port.grad:
            silent = gradient is None or not gradient.any()
            require(silent, f"gradient reaches port {name!r}, which does not ask for it")
            continue
        require(gradient is not None, f"no gradient reaches port {name!r}")
        assert gradient is not None
        none = [image for image, one in enumerate(gradient) if not one.any()]
        require(not none, f"the gradient at port {name!r} is 0 for image {none[:1]} of noise")


@rule()
def finite_gradients(subject: Subject) -> None:
    """the gradient is finite on black, white, grey and other extreme images"""
    measure = subject.build()
    for scene, ports in extreme_inputs(measure):
        _, found = values_and_gradients(measure, as_leaf_tensors(measure, ports))
        for name, gradient in found.items():
            bad = gradient is not None and not torch.isfinite(gradient).all()
            require(not bad, f"the gradient at port {name!r} is not finite on {scene}")


@rule()
def gradient_is_slope(subject: Subject) -> None:
    """the gradient is the slope of the value, in float64 (torch.autograd.gradcheck)"""
    measure = subject.build().double()
    ports = as_leaf_tensors(measure, make_port_tensors(measure, 1, dtype=torch.float64))
    leaves = [name for name, one in ports.items() if one.requires_grad]

    def at(*given: Tensor) -> Tensor:
        found: Tensor = measure(**ports | dict(zip(leaves, given, strict=True)))
        return found

    try:
        torch.autograd.gradcheck(at, [ports[name] for name in leaves], atol=1e-7, rtol=1e-3, fast_mode=True)
    except Exception as error:
        raise CheckError(str(error).strip().splitlines()[0][:200]) from error


@rule()
def deterministic(subject: Subject) -> None:
    """the same inputs give the same value and gradient, again and in a new instance, and no random number is drawn"""
    first, second = subject.build(), subject.build()
    ports = make_port_tensors(first)
    before = torch.random.get_rng_state()
    once = values_and_gradients(first, as_leaf_tensors(first, ports))
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from the global random generator")
    for told, measure in (("asked again", first), ("of a new instance", second)):
        again = values_and_gradients(measure, as_leaf_tensors(measure, ports))
        require_close(again[0], once[0], f"another value {told}", 0.0)
        for name, gradient in once[1].items():
            other = again[1][name]
            equal = gradient is None or (other is not None and torch.equal(other, gradient))
            require(equal, f"another gradient at port {name!r} {told}")


@rule()
def compiles(subject: Subject) -> None:
    """torch.compile takes it whole (fullgraph) and gives the same value and gradient"""
    measure = subject.build()
    ports = make_port_tensors(measure)
    plain = values_and_gradients(measure, as_leaf_tensors(measure, ports))
    torch.compiler.reset()
    try:
        compiled = torch.compile(measure, fullgraph=True, backend="aot_eager", dynamic=False)
        leaves = as_leaf_tensors(measure, ports)
        found = compiled(**leaves)
        found.sum().backward()
    except Exception as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        raise CheckError(f"{type(error).__name__}: {lines[0][:200] if lines else ''}") from error
    finally:
        torch.compiler.reset()
    require_close(found, plain[0], "another value when compiled", 1e-4)
    for name, gradient in plain[1].items():
        other = leaves[name].grad
        if gradient is not None and other is not None:
            close = torch.allclose(other, gradient, rtol=1e-3, atol=1e-6)
            require(
                close,
                f"another gradient at port {name!r} when compiled: {format_tensor(other)}, not {format_tensor(gradient)}",
            )


@rule(applies=lambda subject: subject.component.prepare is not None)
def prepared_alike(subject: Subject) -> None:
    """what it prepares of its other ports gives compare() the value and gradient of forward, for each image alone"""
    measure = subject.build()
    ports = make_port_tensors(measure)
    leaves, again = as_leaf_tensors(measure, ports), as_leaf_tensors(measure, ports)
    fixed = {name: one for name, one in ports.items() if not measure.ports[name].grad}
    whole = measure.prepare(**fixed)
    alone = [measure.prepare(**{name: one[row : row + 1] for name, one in fixed.items()}) for row in range(3)]
    for index, one in enumerate(whole):
        require(len(one) == 3, f"prepared tensor {index} has a first axis of {len(one)} for 3 images")
        require_close(
            torch.cat([each[index] for each in alone]), one, f"prepared tensor {index}, one by one and together", 1e-5
        )
    value, found = values_and_gradients(measure, leaves)
    moving = {name: one for name, one in again.items() if measure.ports[name].grad}
    compared = measure.compare(*whole, **moving)
    require_close(compared, value, "another value from what is prepared", 0.0)
    slopes = torch.autograd.grad(compared.sum(), list(moving.values()))
    for name, slope in zip(moving, slopes, strict=True):
        gradient = found[name]
        assert gradient is not None
        require_close(slope, gradient, f"another gradient at port {name!r} from what is prepared", 0.0)


RULES = (
    asks_for_gradient,
    gradient_reaches,
    finite_gradients,
    gradient_is_slope,
    deterministic,
    compiles,
    prepared_alike,
)
