"""A student for the rows of a Ray dataset."""

from __future__ import annotations

from typing import Any

import zerokd


class RowEnhancer:
    """What ``Dataset.map`` calls: a row in, the row with its image brightened out.

    The column ``image`` holds arrays (H, W, 3 or 4) of uint8, uint16 or float32 in [0, 1]; the column ``to``, by
    default the same, gets arrays like them. Each worker loads the student once. ``threads`` is how many a worker takes:
    give ``map`` the same ``num_cpus``. Without ``engine`` each machine takes the fastest that it has, whose pixels may
    differ by one level of 255.

    Example:
        >>> import ray, zerokd_ray
        >>> photos = ray.data.read_images("photos", mode="RGB")  # doctest: +SKIP
        >>> workers = ray.data.ActorPoolStrategy(size=2)  # doctest: +SKIP
        >>> photos.map(zerokd_ray.Brighten, compute=workers).write_images("bright", "image")  # doctest: +SKIP

    Raises:
        WeightsError: the file of the student cannot be used.
        ValueError: a row's image is none of the above.
    """

    def __init__(
        self,
        weights: str = "bundled",
        strength: float = 1.0,
        input_column: str = "image",
        output_column: str | None = None,
        engine: str = "auto",
        threads: int = 1,
    ):
        self.student = zerokd.load(weights, engine=engine, threads=threads)
        self.strength, self.input_column, self.output_column = strength, input_column, output_column or input_column

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, self.output_column: self.student(row[self.input_column], self.strength)}
