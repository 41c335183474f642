"""The manifest tells apart what must be told apart."""

from zerokd.run.manifest import compute_data_digest


def test_the_data_fingerprint_changes_with_pixels_and_order_and_nothing_else(build):
    class Photos:
        def __init__(self, data, order):
            self.data, self.order = data, order

        def __len__(self):
            return len(self.order)

        def __getitem__(self, index):
            return self.data[self.order[index]]

        def name(self, index):
            return self.data.name(self.order[index])

    data = build().data
    whole = compute_data_digest(data)
    assert whole == compute_data_digest(build().data)
    assert whole == compute_data_digest(Photos(data, range(6)))
    assert whole != compute_data_digest(Photos(data, [1, 0, 2, 3, 4, 5]))
    assert whole != compute_data_digest(Photos(data, range(5)))
    assert whole != compute_data_digest(build("data.seed=1").data)
