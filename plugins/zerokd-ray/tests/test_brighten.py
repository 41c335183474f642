"""The rows of a dataset come out as the student gives them."""

import numpy as np
import pytest
import ray
from conftest import ENGINE
from zerokd_ray import RowEnhancer

import zerokd


def test_a_dataset_is_mapped(cluster):
    dark = np.random.default_rng(0).integers(0, 90, (4, 8, 9, 3), np.uint8)
    photos = ray.data.from_items([{"number": number, "image": image} for number, image in enumerate(dark)])
    output = photos.map(
        RowEnhancer,
        fn_constructor_kwargs={"output_column": "bright", "engine": ENGINE, "strength": 0.5},
        compute=ray.data.ActorPoolStrategy(size=1),
    )
    student, rows = zerokd.load(engine=ENGINE), {row["number"]: row for row in output.iter_rows()}
    assert sorted(rows) == [0, 1, 2, 3]
    for number, image in enumerate(dark):
        assert (rows[number]["image"] == image).all()
        assert (rows[number]["bright"] == student(image, 0.5)).all()


def test_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match=r"\(H, W, 3\) or \(H, W, 4\), not \(2, 2\)"):
        RowEnhancer(engine=ENGINE)({"image": np.zeros((2, 2), np.uint8)})
