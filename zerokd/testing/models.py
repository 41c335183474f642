"""Rules for models: the declared outputs in their ranges, for any image, from that image alone."""

from __future__ import annotations

import torch
from torch import Tensor

from zerokd.testing.check import CheckError, Subject, require, rule
from zerokd.testing.inputs import noise
from zerokd.testing.losses_and_metrics import format_tensor, require_close
from zerokd.testing.scenes import EXTREME_IMAGES
from zerokd.testing.torch_modules import RULES as MODULE_RULES
from zerokd.testing.torch_modules import build_seeded, make_module_case

IMAGE_SIZES = ((1, 1), (1, 7), (5, 3), (16, 16), (17, 31))
RANGE_TOLERANCE = 1e-5
TILE_START = 24  # row and column from which a tile is compared with the whole image


@rule()
def outputs_declared(subject: Subject) -> None:
    """forward returns exactly what outputs() declares, including enhanced"""
    case = make_module_case(subject)
    returned, declared = set(case.run()), set(case.module.outputs())  # type: ignore[operator]
    require(returned == declared, f"forward returns {sorted(returned)}, outputs() declares {sorted(declared)}")
    require("enhanced" in returned, "it has no output named enhanced")


@rule()
def output_ranges(subject: Subject) -> None:
    """every output lies in its declared range, on black, white and other extreme images too"""
    model = build_seeded(subject).eval()
    declared = model.outputs()
    require(
        declared.get("enhanced") and declared["enhanced"].range == (0.0, 1.0),
        "enhanced must declare the range (0.0, 1.0)",
    )
    for name, make in {"noise": lambda image: image, **EXTREME_IMAGES}.items():
        for output, tensor in model(make(noise((2, 3, 12, 10))).float()).items():
            require(torch.isfinite(tensor).all(), f"{output} is {format_tensor(tensor)} on {name}")
            lower, upper = declared[output].range or (-torch.inf, torch.inf)
            low, high = float(tensor.detach().min()), float(tensor.detach().max())
            inside = lower - RANGE_TOLERANCE <= low and high <= upper + RANGE_TOLERANCE
            require(
                inside, f"{output} goes from {low:.4g} to {high:.4g} on {name}, declared as {declared[output].range}"
            )


@rule()
def any_size(subject: Subject) -> None:
    """images of any size give an enhanced image of that size: one pixel, odd and oblong ones too"""
    model = build_seeded(subject).eval()
    for height, width in IMAGE_SIZES:
        try:
            shape = tuple(model(noise((2, 3, height, width)).float())["enhanced"].shape)
        except Exception as error:
            raise CheckError(f"{type(error).__name__} on {height}x{width} pixels: {error}") from error
        require(shape == (2, 3, height, width), f"{height}x{width} pixels become {shape}")


@rule()
def image_alone(subject: Subject) -> None:
    """an image's outputs do not depend on the rest of its batch, in train and eval mode"""
    for training in (True, False):
        model = build_seeded(subject).double().train(training)
        low = noise((3, 3, 12, 10))
        together = {name: tensor.detach() for name, tensor in model(low).items()}
        for name, tensor in together.items():
            one_by_one = torch.cat([model(low[i : i + 1])[name] for i in range(3)])
            require_close(
                one_by_one, tensor, f"{name} of images one by one and as a batch ({'train' if training else 'eval'})"
            )


@rule(applies=lambda subject: not subject.component.is_frozen)
def gradient_reaches(subject: Subject) -> None:
    """every parameter has a gradient: finite on extreme images too, not 0 on noise"""
    model = build_seeded(subject).train()
    for scene, make in {"noise": lambda image: image, **EXTREME_IMAGES}.items():
        model.zero_grad()
        outputs = model(make(noise((4, 3, 12, 10))).float())
        torch.stack(
            [(tensor * noise(tuple(tensor.shape), 5).to(tensor)).sum() for tensor in outputs.values()]
        ).sum().backward()
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                require(parameter.grad is not None, f"no gradient reaches {name}")
                require(torch.isfinite(parameter.grad).all(), f"the gradient of {name} is not finite on {scene}")
                require(scene != "noise" or parameter.grad.any(), f"the gradient of {name} is 0 on noise")


@rule(applies=lambda subject: not subject.component.is_frozen)
def gradient_is_slope(subject: Subject) -> None:
    """the gradient is the slope of the enhanced image, in float64 (torch.autograd.gradcheck)"""
    model = build_seeded(subject).double()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    low = 0.2 + 0.6 * noise((1, 3, 5, 4))

    def enhanced_at(*_: Tensor) -> Tensor:
        enhanced: Tensor = model(low)["enhanced"]
        return enhanced

    try:
        torch.autograd.gradcheck(enhanced_at, parameters, atol=1e-6, rtol=1e-3, fast_mode=True)
    except Exception as error:
        raise CheckError(str(error).strip().splitlines()[0][:200]) from error


@rule()
def gated_exist(subject: Subject) -> None:
    """`gated` names existing layers"""
    names = dict(build_seeded(subject).named_modules())
    unknown = [name for name in subject.component.gated if name not in names]
    require(not unknown, f"gated names {', '.join(unknown)}; it has {', '.join(filter(None, names))}")


@rule()
def channels_last(subject: Subject) -> None:
    """channels_last gives the same outputs"""
    model, low = build_seeded(subject).eval(), noise((2, 3, 12, 10)).float()
    other = model.to(memory_format=torch.channels_last)(low.to(memory_format=torch.channels_last))
    for name, tensor in build_seeded(subject).eval()(low).items():
        require_close(other[name], tensor, f"another {name} with channels last", 1e-4)


@rule(applies=lambda subject: subject.component.measure is not None)
def tiles_agree(subject: Subject) -> None:
    """measure and render give enhanced, also in tiles, and strength 0 gives the image"""
    model, low = build_seeded(subject).eval(), dark_noise((2, 3, 48, 61))
    state, enhanced = model.measure(low), model(low)["enhanced"]
    whole = model.render(low, state, (0, 0, 48, 61), 1.0)
    require_close(whole, enhanced, "render of the whole image and enhanced", 1e-5)
    require_close(model.render(low, state, (0, 0, 48, 61), 0.0), low, "render with strength 0 and the image", 1e-6)
    top = left = max(0, TILE_START - model.reach)
    require(model.reach % 2 == 0, f"reach is {model.reach}, which is odd")
    tile = model.render(low[..., top:, left:], state, (top, left, 48, 61), 1.0)
    inside = tile[..., TILE_START - top :, TILE_START - left :]
    require_close(inside, enhanced[..., TILE_START:, TILE_START:], "render of a tile and of the whole image", 1e-5)


@rule(applies=lambda subject: subject.component.follow is not None)
def states_follow(subject: Subject) -> None:
    """follow keeps the state of an image that does not change; steadiness is 0 for black, 1 for such an image"""
    model = build_seeded(subject).eval()
    measured, black = model.measure(dark_noise((2, 3, 48, 61))), model.measure(torch.zeros(2, 3, 48, 61))
    start = model.follow(None, None, measured, 0.0)
    for seconds in (0.0, 0.04, 60.0):
        followed = model.follow(start, measured, measured, seconds)
        for index, (new, old) in enumerate(zip(followed, start, strict=True)):
            require_close(new, old, f"tensor {index} of the state of an image after {seconds} s and before", 1e-5)
    for state, expected in ((black, 0.0), (measured, 1.0)):
        steadiness = model.steadiness(state, state, 0.04)
        require((steadiness == expected).all(), f"steadiness is {format_tensor(steadiness)}, not {expected:g}")


def dark_noise(shape: tuple[int, ...]) -> Tensor:
    """A dark image of noise: what an enhancer changes."""
    return (0.2 * noise(shape)).float()


RULES = (
    outputs_declared,
    output_ranges,
    any_size,
    image_alone,
    gradient_reaches,
    gradient_is_slope,
    gated_exist,
    channels_last,
    tiles_agree,
    states_follow,
    *MODULE_RULES,
)
