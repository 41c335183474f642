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


def load(build, *settings, recipe="two_frames.toml"):
    components = build("data.count=4", "data.held_out=0.0", "data.size=16", *settings, recipe=recipe, small=())
    stage = components.stages[0]
    return stage, list(iterate_batches(components.data, [0, 1, 2, 3], stage, 0, torch.device("cpu")))


def test_a_batch_has_the_tensors_that_terms_read_and_no_other(build):
    _, batches = load(build)
    assert [*batches[0].tensors] == ["low", "low_2"]
    assert batches[0].tensors["low_2"].shape == batches[0].low.shape == (4, 3, 16, 16)
    assert not torch.equal(batches[0].low, batches[0].tensors["low_2"])


def test_a_change_of_exposure_leaves_references_alone_and_changes_frames(build):
    gamma = 'stages.fit.augment={gamma={use="random_gamma", range=[2.0, 2.0]}}'
    (_, plain), (_, dark) = (
        load(build, settings, recipe="supervised.toml") for settings in ("stages.fit.augment={}", gamma)
    )
    torch.testing.assert_close(dark[0].low, plain[0].low.square())
    assert torch.equal(dark[0].tensors["reference"], plain[0].tensors["reference"])
    off, on = (load(build, f"stages.pretrain.augment.gamma.range=[{power},{power}]")[1][0] for power in (1.0, 2.0))
    torch.testing.assert_close(on.tensors["low_2"], off.tensors["low_2"].square())


def test_a_change_of_geometry_moves_image_and_reference_alike(build):
    augment = 'stages.fit.augment={crop={use="random_crop", share=0.5}, flip={use="random_flip"}}'
    (_, plain), (_, cropped) = (
        load(build, settings, recipe="supervised.toml") for settings in ("stages.fit.augment={}", augment)
    )
    low, reference = cropped[0].low, cropped[0].tensors["reference"]
    assert low.shape == reference.shape == (4, 3, 8, 8)
    for image in range(4):
        places = [
            (row, column, flipped)
            for row in range(9)
            for column in range(9)
            for flipped in (False, True)
            if torch.equal(part(plain[0].low[image], row, column, flipped), low[image])
        ]
        assert any(
            torch.equal(part(plain[0].tensors["reference"][image], *place), reference[image]) for place in places
        )


def part(image, row, column, flipped):
    cut = image[:, row : row + 8, column : column + 8]
    return cut.flip(2) if flipped else cut


def test_the_draws_of_a_view_come_with_its_batch_and_again_after_a_resume(build):
    stage, batches = load(build, "stages.pretrain.batch=2", recipe="two_views.toml")
    assert batches[0].tensors["other.draws"].shape == (2,)
    drawn = {
        (batch.epoch, name): draw
        for batch in batches[:4]
        for name, draw in zip(batch.names, batch.tensors["other.draws"].tolist(), strict=True)
    }
    assert len({*drawn.values()}) == 8  # four images, two epochs
    components = build(
        "data.count=4",
        "data.held_out=0.0",
        "data.size=16",
        "stages.pretrain.batch=2",
        recipe="two_views.toml",
        small=(),
    )
    later = next(iterate_batches(components.data, [0, 1, 2, 3], stage, 0, torch.device("cpu"), first_step=3))
    assert torch.equal(later.tensors["other.draws"], batches[3].tensors["other.draws"])
