"""A weighting with a state, as a one-file plugin, for tests of whole runs."""

SOURCE = '''
import torch
from zerokd import AggregatorSpec, Weighting, hookimpl

@hookimpl
def zerokd_aggregators():
    return [AggregatorSpec("falling", target=__name__ + ":Falling", summary="a test")]

class Falling(Weighting):
    """Lowers the factor of a term by the values that it has had.

    Formula: 1 / (1 + the sum of all values so far).
    """

    nonnegative_values = True

    def start(self, labels, clock):
        if len(labels) == 1:
            raise ValueError("one term alone needs no factor: remove [aggregate]")
        self.register_buffer("seen", torch.zeros(len(labels)))

    def factors(self, gradients, terms):
        factors = 1 / (1 + self.seen[terms.positions])
        self.seen[terms.positions] += terms.values
        return factors
'''
SETTING = 'stages.distill.aggregate.use="falling"'


def write_plugin(folder):
    """The plugin's file, for ``--plugin``."""
    path = folder / "falling.py"
    path.write_text(SOURCE)
    return path
