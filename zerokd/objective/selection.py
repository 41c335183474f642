"""Which student leaves a run."""

from __future__ import annotations

from typing import Any, Literal

from attrs import frozen

Export = Literal["student", "average", "best"]


@frozen
class Selection:
    """What a run exports: the ``student`` of its last step, its ``average``, or the ``best`` one of the last stage.

    Metrics are measured every ``measure_every`` epochs (0: at the end of each stage only). The last stage ends after
    ``patience`` measurements without a better value of ``metric`` (0: it never ends early).
    """

    export: Export = "student"
    measure_every: int = 0
    metric: str = ""
    better: Literal["higher", "lower"] = "higher"
    patience: int = 0
    average: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain data, without what is not used."""
        record: dict[str, Any] = {"export": self.export}
        record |= {"measure_every": self.measure_every} if self.measure_every else {}
        record |= {"metric": self.metric, "better": self.better, "patience": self.patience} if self.metric else {}
        return record | ({"average": self.average} if self.average else {})


EXPORT_STUDENT = Selection()
