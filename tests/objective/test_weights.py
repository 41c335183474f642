"""The weight of a term in the objective."""

import numpy as np

from zerokd.objective.weights import effective_weight


def test_numbers_give_a_number_and_series_a_series():
    assert effective_weight(0.5, 3.0) == 1.5
    assert effective_weight(np.array([0.5, 1.0]), 3.0).tolist() == [1.5, 3.0]
    assert effective_weight(0.5, np.array([2.0, 4.0])).tolist() == [1.0, 2.0]


def test_a_mask_leaves_out_steps():
    mask = np.array([True, False, True])
    assert effective_weight(0.5, 3.0, mask).tolist() == [1.5, 0.0, 1.5]
    assert effective_weight(np.array([0.5, 1.0, 2.0]), 3.0, mask).tolist() == [1.5, 0.0, 6.0]
