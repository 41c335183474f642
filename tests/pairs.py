"""Dark photos and what they should be."""

import numpy as np
from PIL import Image


def write_pairs(root, names):
    """Folders ``low`` and ``high`` with a photo of 31x24 pixels for each name; those in ``low`` have a quarter of the
    levels."""
    random = np.random.default_rng(0)
    for name in names:
        bright = random.integers(40, 250, (24, 31, 3)).astype(np.uint8)
        for folder, pixels in (("low", bright // 4), ("high", bright)):
            path = root / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return root / "low", root / "high"
