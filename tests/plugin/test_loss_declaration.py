"""A declaration as data builds the loss that it describes."""

import torch
from torch.nn.functional import mse_loss

import zerokd
from zerokd.plugin.library_callable import find_callable
from zerokd.plugin.loss_declaration import LossDeclaration


def test_it_builds_the_loss_that_it_describes():
    ports = {"prediction": zerokd.Port("the student's image", grad=True), "target": zerokd.Port("the target image")}
    library = find_callable("torch.nn.functional.mse_loss")
    declaration = LossDeclaration(library, "Squares", ports, fixed={"reduction": "none"}, reduces_batch=False)
    images = torch.rand(2, 4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    loss = declaration.build()
    assert loss.__name__ == "Squares"
    values = loss()(prediction=images[0], target=images[1])
    torch.testing.assert_close(values, mse_loss(*images, reduction="none").mean(dim=(1, 2, 3)))
    assert declaration.about == "Rewards a low value of torch.nn.functional.mse_loss."
    assert loss.__doc__.startswith(declaration.about)


def test_a_similarity_rewards_a_high_value():
    library = find_callable("torch.nn.functional.cosine_similarity")
    assert LossDeclaration(library, "Cosine", {}, as_loss="1 - value").about.startswith("Rewards a high value")
