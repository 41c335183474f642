"""An optimizer in one sentence."""

from zerokd.describe.optimizer_text import describe_optimizer

ADAM = {
    "use": "adam",
    "config": {"weight_decay": 0.0, "betas": [0.9, 0.999]},
    "learning_rate": {"schedule": "cosine", "first": 5e-3, "last": 1e-7, "most": 5e-3},
    "clip_norm": 0.1,
    "flat": True,
    "groups": [],
}


def test_the_default():
    assert describe_optimizer(ADAM) == (
        "adam (weight_decay=0 betas=[0.9 0.999]), learning rate 0.005 to 1e-07 (cosine), gradient norm clipped to 0.1"
    )


def test_a_peak_no_clipping_and_groups():
    record = {
        "use": "sgd",
        "config": {"nesterov": True, "name": "x"},
        "learning_rate": {"schedule": "one_cycle", "first": 0.1, "last": 0.0, "most": 2.0},
        "clip_norm": "off",
        "flat": False,
        "groups": [
            {"match": "*.bias", "learning_rate_factor": 0.1, "weight_decay": 0.0},
            {"match": "out.*", "learning_rate_factor": 2.0},
        ],
    }
    assert describe_optimizer(record) == (
        "sgd (nesterov=True name=x), learning rate 0.1 over 2 to 0 (one_cycle), gradient norm not clipped, "
        "parameters updated one by one, *.bias: learning rate x 0.1 and weight_decay 0, out.*: learning rate x 2"
    )


def test_without_options_there_are_no_brackets():
    assert describe_optimizer({**ADAM, "config": {}}).startswith("adam, learning rate")
