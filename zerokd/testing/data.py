"""Rules for data sources: the same images under the same names, every time, in any order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from attrs import evolve

from zerokd.testing.check import CheckError, Subject, require, rule

IMAGE_SIZE = 32


def build_data(subject: Subject, size: int = IMAGE_SIZE) -> Any:
    """A data source with images of that size."""
    return evolve(subject, options={**subject.options, "size": size}).build()


@rule()
def images(subject: Subject) -> None:
    """every image is uint8 RGB, (3, size, size), for any size"""
    for size in (16, 33):
        data = build_data(subject, size)
        require(len(data) > 0, "there is no image")
        for index in (0, len(data) - 1):
            image = data[index]
            fits = image.dtype == torch.uint8 and tuple(image.shape) == (3, size, size)
            require(fits, f"image {index} is {image.dtype} {tuple(image.shape)} for size {size}")


@rule()
def names(subject: Subject) -> None:
    """every image has a unique, stable name that is no path outside"""
    data = build_data(subject)
    names = [data.name(index) for index in range(len(data))]
    names_again = [data.name(index) for index in range(len(data))]
    require(all(isinstance(name, str) and name for name in names), "a name is empty or not a string")
    require(len(set(names)) == len(names), "two images have the same name")
    require(names == names_again, "the names differ when read again")
    require(
        not any(name.startswith("/") or ".." in Path(name).parts for name in names),
        "a name is a path outside the source",
    )


@rule()
def deterministic(subject: Subject) -> None:
    """an image is the same in any order and instance; it draws no global random number"""
    before = torch.random.get_rng_state()
    data, other = build_data(subject), build_data(subject)
    indices = sorted({0, len(data) // 2, len(data) - 1})
    images = [data[index].clone() for index in indices]
    for which, source in (("when read again", data), ("in a second instance", other)):
        for index, image in reversed(list(zip(indices, images, strict=True))):
            require(torch.equal(source[index], image), f"image {index} differs {which}")
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from the global random generator")


@rule()
def ends(subject: Subject) -> None:
    """an index past the end raises IndexError, so that a loop over the images ends"""
    data = build_data(subject)
    try:
        data[len(data)]
    except IndexError:
        return
    except Exception as error:
        raise CheckError(f"index {len(data)} raises {type(error).__name__}, not IndexError") from error
    raise CheckError(f"there is an image at index {len(data)} of {len(data)}")


@rule()
def references(subject: Subject) -> None:
    """a well-lit version has the image's type and shape, or is None"""
    data = build_data(subject)
    reference = data.reference(0)
    fits = reference is None or (reference.dtype == torch.uint8 and reference.shape == data[0].shape)
    require(fits, f"reference 0 is {getattr(reference, 'dtype', type(reference))} {getattr(reference, 'shape', '')}")


RULES = (images, names, deterministic, ends, references)
