"""What a step sees is decided by (seed, stage, epoch, image) alone."""

import torch

from zerokd.plugin.batch import create_generator, derive_seed
from zerokd.training.batches import iterate_batches, seed_global_generators, split_held_out, to_float_batch

CPU = torch.device("cpu")


def load_batches(components, seed=0, number=0, indices=(0, 1, 2, 3, 4)):
    stage = components.stages[number]
    return list(iterate_batches(components.data, list(indices), stage, seed, CPU))


def test_a_generator_depends_on_its_key_alone():
    first = torch.rand(3, generator=create_generator(1, "pretrain", 2))
    torch.rand(100)
    assert torch.equal(first, torch.rand(3, generator=create_generator(1, "pretrain", 2)))
    assert not torch.equal(first, torch.rand(3, generator=create_generator(1, "pretrain", 3)))


def test_draws_without_a_generator_are_those_that_pytorch_makes_of_the_seed():
    seed_global_generators(CPU, 1, "pretrain", 2)
    drawn = torch.rand(3)
    torch.manual_seed(derive_seed(1, "pretrain", 2))
    assert torch.equal(drawn, torch.rand(3))


def test_every_epoch_sees_every_image_once_in_another_order(build):
    components = build("stages.pretrain.epochs=3", "stages.pretrain.batch=2")
    epochs = {}
    for batch in load_batches(components):
        epochs.setdefault(batch.epoch, []).extend(batch.names)
    assert [len(names) for names in epochs.values()] == [5, 5, 5]
    assert len({frozenset(names) for names in epochs.values()}) == 1
    assert len({tuple(names) for names in epochs.values()}) > 1


def test_the_same_seed_gives_the_same_batches_and_another_does_not(build):
    components = build()
    first, again, other = (load_batches(components, seed) for seed in (0, 0, 1))
    assert all(torch.equal(a.low, b.low) and a.names == b.names for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a.low, b.low) for a, b in zip(first, other, strict=True))


def test_gamma_is_drawn_per_image_within_its_range(build):
    components = build("stages.pretrain.batch=5")
    (batch,) = load_batches(components)
    for image, name in zip(batch.low, batch.names, strict=True):
        index = next(i for i in range(6) if components.data.name(i) == name)
        original = components.data[index].float() / 255
        bright = (original > 0.05) & (original < 0.95)
        gamma = (image[bright].log() / original[bright].log()).double()
        assert gamma.std() < 1e-3
        assert 0.5 <= gamma.mean() <= 1.5


def test_distillation_sees_the_images_as_they_are(build):
    components = build("stages.distill.batch=5")
    (batch,) = load_batches(components, number=1)
    originals = {components.data.name(i): to_float_batch([components.data[i]], CPU)[0] for i in range(6)}
    assert all(torch.equal(image, originals[name]) for image, name in zip(batch.low, batch.names, strict=True))


class Names:
    """A data source that has names only."""

    def __init__(self, names):
        self.names = names

    def __len__(self):
        return len(self.names)

    def name(self, index):
        return self.names[index]


def test_the_split_has_the_size_asked_for_and_shares_nothing():
    training, held_out = split_held_out(Names([f"{i}.png" for i in range(50)]), 0.1)
    assert (len(training), len(held_out)) == (45, 5)
    assert not set(training) & set(held_out)


def test_one_photo_more_moves_at_most_one_other_across():
    names = [f"{i}.png" for i in range(50)]
    before = {names[i] for i in split_held_out(Names(names), 0.1)[1]}
    more = [*names, "new.png"]
    after = {more[i] for i in split_held_out(Names(more), 0.1)[1]}
    assert len(before & after) >= len(before) - 1


def test_a_single_image_trains():
    assert split_held_out(Names(["only.png"]), 0.5) == ([0], [])
