"""A batch: a part of it, and random numbers that depend on an image alone."""

import torch

from zerokd.plugin.batch import Batch


def batch(names=("a", "b", "c"), **options):
    low = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 3, 2, 2)
    return Batch({"low": low, "reference": low + 1}, names, **options)


def test_a_part_has_all_tensors_of_its_images():
    part = batch(epoch=2, step=7, seed_key=(0, "fit")).select(slice(1, 3))
    assert part.names == ("b", "c")
    assert part.low[:, 0, 0, 0].tolist() == [1.0, 2.0]
    assert part.tensors["reference"][:, 0, 0, 0].tolist() == [2.0, 3.0]
    assert (part.epoch, part.step, part.seed_key) == (2, 7, (0, "fit"))


def test_random_numbers_depend_on_seed_stage_epoch_image_and_purpose_alone():
    def draw(of, purpose="noise"):
        return [torch.rand((), generator=generator).item() for generator in of.generators(purpose)]

    whole = draw(batch(epoch=1, step=3, seed_key=(0, "fit")))
    assert draw(batch(epoch=1, step=9, seed_key=(0, "fit")).select(slice(1, 2))) == whole[1:2]
    assert len({*whole}) == 3
    others = [
        draw(batch(epoch=2, seed_key=(0, "fit"))),
        draw(batch(epoch=1, seed_key=(1, "fit"))),
        draw(batch(epoch=1, seed_key=(0, "other"))),
        draw(batch(epoch=1, seed_key=(0, "fit")), "other"),
    ]
    assert all(other[0] != whole[0] for other in others)


def test_images_alone_are_named_by_their_position():
    assert Batch.from_images(torch.zeros(2, 3, 4, 4)).names == ("0", "1")
