"""Enhance the rows of a Ray dataset."""

from __future__ import annotations

from typing import Any

import zerokd


class RowEnhancer:
    """A callable for ``Dataset.map``: returns each row with its image enhanced.

    ``input_column`` holds arrays (H, W, 3 or 4) of uint8, uint16 or float32 in [0, 1]; ``output_column``, by default
    the same, receives arrays of the same type. Each worker loads the student once and uses ``threads`` threads: give
    ``map`` the same ``num_cpus``. By default each machine uses its fastest ``engine``; engines may differ by one level
    of 255.

    Example:
        >>> import ray, zerokd_ray
        >>> photos = ray.data.read_images("photos", mode="RGB")  # doctest: +SKIP
        >>> workers = ray.data.ActorPoolStrategy(size=2)  # doctest: +SKIP
        >>> photos.map(zerokd_ray.RowEnhancer, compute=workers).write_images("bright", "image")  # doctest: +SKIP

    Raises:
        WeightsError: the student's weights cannot be loaded.
        ValueError: a row's image has another type or shape.
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
