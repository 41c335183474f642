"""Rules for losses: correct, finite and reproducible gradients at the ports that require them."""

from __future__ import annotations

import torch

from zerokd.testing.check import CheckError, Subject, require, rule
from zerokd.testing.extreme_images import ExtremeValues, evaluate_extreme_images
from zerokd.testing.inputs import as_leaf_tensors, make_port_tensors, noise, values_and_gradients
from zerokd.testing.losses_and_metrics import COMPILE_BACKEND, format_tensor, require_close

SLOPE_PRECISION = {  # by the value's type: step of the central difference, relative and absolute tolerance
    torch.float64: (1e-6, 1e-3, 1e-7),
    torch.float32: (2e-3, 2e-2, 1e-5),
}
COMPILED_COUNT = 2  # images: a library that is called image by image is traced once for each


@rule()
def asks_for_gradient(subject: Subject) -> None:
    """at least one port requires gradient: a loss without one trains nothing"""
    require(any(port.grad for port in subject.component.ports.values()), "no port has grad=True")


@rule()
def gradient_reaches(subject: Subject) -> None:
    """gradient reaches every port that requires it, from every image, and no other port"""
    loss = subject.copy()
    ports = as_leaf_tensors(loss, make_port_tensors(loss), require_all=True)
    _, gradients = values_and_gradients(loss, ports)
    for name, port in loss.ports.items():
        gradient = gradients[name]
        if not port.grad:
            silent = gradient is None or not gradient.any()
            require(silent, f"gradient reaches port {name!r}, which does not require it")
            continue
        require(gradient is not None, f"no gradient reaches port {name!r}")
        assert gradient is not None
        missing = [image for image, image_gradient in enumerate(gradient) if not image_gradient.any()]
        require(not missing, f"the gradient at port {name!r} is 0 for image {missing[:1]} of noise")


@rule()
def finite_gradients(subject: Subject) -> None:
    """the gradient is finite on black, white, grey and other extreme images"""
    extremes: ExtremeValues = subject.compute_once(evaluate_extreme_images)
    if extremes.backward_error:
        raise extremes.backward_error
    for name, finite in extremes.gradient_is_finite.items():
        bad = extremes.find_first(~finite)
        require(bad is None, f"the gradient at port {name!r} is not finite on {extremes.scenes[bad or 0]}")


@rule()
def gradient_is_slope(subject: Subject) -> None:
    """the gradient is the slope of the value along a direction of noise, in float64 (float32 if it casts to that)"""
    loss = subject.copy().double()
    ports = as_leaf_tensors(loss, make_port_tensors(loss, 1, dtype=torch.float64))
    value, gradients = values_and_gradients(loss, ports)
    step, tolerance, least = SLOPE_PRECISION.get(value.dtype, SLOPE_PRECISION[torch.float32])
    for seed, (name, gradient) in enumerate(gradients.items()):
        direction = noise(ports[name].shape, 100 + seed) - 0.5
        direction /= direction.norm()
        ahead, behind = (loss(**ports | {name: ports[name].detach() + sign * step * direction}) for sign in (1, -1))
        slope = (ahead - behind).detach().double() / (2 * step)
        claimed = (direction * (0 if gradient is None else gradient)).sum(dim=(1, 2, 3))
        close = torch.allclose(claimed, slope, rtol=tolerance, atol=least)
        numbers = f"{format_tensor(claimed)}, where the value changes by {format_tensor(slope)}"
        require(close, f"along a direction of noise at port {name!r} the gradient says {numbers}")


@rule()
def deterministic(subject: Subject) -> None:
    """value and gradient are reproducible, also in a new instance; it draws no random number"""
    first, second = subject.build(), subject.build()
    ports = make_port_tensors(first)
    before = torch.random.get_rng_state()
    once = values_and_gradients(first, as_leaf_tensors(first, ports))
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from the global random generator")
    for which, loss in (("when repeated", first), ("in a new instance", second)):
        again = values_and_gradients(loss, as_leaf_tensors(loss, ports))
        require_close(again[0], once[0], f"another value {which}", 0.0)
        for name, gradient in once[1].items():
            other = again[1][name]
            equal = gradient is None or (other is not None and torch.equal(other, gradient))
            require(equal, f"another gradient at port {name!r} {which}")


@rule(applies=lambda subject: not any(port.differentiable for port in subject.component.ports.values()))
def compiles(subject: Subject) -> None:
    """torch.compile(fullgraph=True) gives the same value and gradient; it cannot take gradients of gradients"""
    loss = subject.copy()
    ports = make_port_tensors(loss, COMPILED_COUNT)
    eager = values_and_gradients(loss, as_leaf_tensors(loss, ports))
    torch.compiler.reset()
    try:
        compiled = torch.compile(loss, fullgraph=True, backend=COMPILE_BACKEND, dynamic=False)
        leaves = as_leaf_tensors(loss, ports)
        values = compiled(**leaves)
        values.sum().backward()
    except Exception as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        raise CheckError(f"{type(error).__name__}: {lines[0][:200] if lines else ''}") from error
    finally:
        torch.compiler.reset()
    require_close(values, eager[0], "another value when compiled", 1e-4)
    for name, gradient in eager[1].items():
        other = leaves[name].grad
        if gradient is not None and other is not None:
            close = torch.allclose(other, gradient, rtol=1e-3, atol=1e-6)
            numbers = f"{format_tensor(other)}, not {format_tensor(gradient)}"
            require(close, f"another gradient at port {name!r} when compiled: {numbers}")


@rule(applies=lambda subject: subject.component.prepare is not None)
def prepared_alike(subject: Subject) -> None:
    """compare() on prepared tensors gives the value and gradient of forward; prepare() is per image"""
    loss = subject.copy()
    ports = make_port_tensors(loss)
    leaves, other_leaves = as_leaf_tensors(loss, ports), as_leaf_tensors(loss, ports)
    other_ports = {name: tensor for name, tensor in ports.items() if not loss.ports[name].grad}
    together = loss.prepare(**other_ports)
    one_by_one = [
        loss.prepare(**{name: tensor[row : row + 1] for name, tensor in other_ports.items()}) for row in range(3)
    ]
    for index, tensor in enumerate(together):
        require(len(tensor) == 3, f"prepared tensor {index} has a first axis of {len(tensor)} for 3 images")
        require_close(
            torch.cat([parts[index] for parts in one_by_one]),
            tensor,
            f"prepared tensor {index}, one by one and as a batch",
            1e-5,
        )
    value, gradients = values_and_gradients(loss, leaves)
    student_ports = {name: tensor for name, tensor in other_leaves.items() if loss.ports[name].grad}
    compared = loss.compare(*together, **student_ports)
    require_close(compared, value, "another value from prepared tensors", 0.0)
    slopes = torch.autograd.grad(compared.sum(), list(student_ports.values()))
    for name, slope in zip(student_ports, slopes, strict=True):
        gradient = gradients[name]
        assert gradient is not None
        require_close(slope, gradient, f"another gradient at port {name!r} from prepared tensors", 0.0)


RULES = (
    asks_for_gradient,
    gradient_reaches,
    finite_gradients,
    gradient_is_slope,
    deterministic,
    compiles,
    prepared_alike,
)
