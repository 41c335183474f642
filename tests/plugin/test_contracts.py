"""What every component has, whoever wrote it."""

import pytest
import torch
from pydantic import Field, ValidationError

import zerokd


class Scaled(zerokd.Loss):
    class Config(zerokd.Config):
        factor: float = Field(2.0, description="a test")

    ports = {"image": zerokd.Port("any image", grad=True)}

    def forward(self, *, image):
        return self.config.factor * image.mean(dim=(1, 2, 3))


def test_a_component_is_built_from_keywords_that_its_config_checks():
    assert Scaled(factor=3.0)(image=torch.ones(2, 3, 4, 4)).tolist() == [3.0, 3.0]
    assert Scaled().config.factor == 2.0
    with pytest.raises(ValidationError):
        Scaled(faktor=3.0)


@pytest.mark.parametrize("name", zerokd.__all__)
def test_every_public_name_exists(name):
    assert getattr(zerokd, name) is not None


def test_other_names_do_not():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        zerokd.nothing  # noqa: B018


def test_a_stage_passes_its_batch_on_as_low():
    low = torch.rand(1, 3, 2, 2)
    assert zerokd.Stage().inputs(low) == {"low": low}
