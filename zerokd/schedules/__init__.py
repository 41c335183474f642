"""Built-in schedules: one file each, and its record here.

May import zerokd's public names.
"""

from zerokd import ScheduleSpec, hookimpl


@hookimpl
def zerokd_schedules() -> list[ScheduleSpec]:
    return [
        ScheduleSpec("constant", target="zerokd.schedules.constant:Constant", summary="one number throughout"),
        ScheduleSpec("cosine", target="zerokd.schedules.cosine:Cosine", summary="half a cosine between two numbers"),
        ScheduleSpec("linear", target="zerokd.schedules.linear:Linear", summary="a straight line between two numbers"),
        ScheduleSpec(
            "one_cycle",
            target="zerokd.schedules.one_cycle:OneCycle",
            summary="up to a peak along half a cosine, then down along another",
        ),
        ScheduleSpec(
            "piecewise",
            target="zerokd.schedules.piecewise:Piecewise",
            summary="a sequence of numbers, each from its moment on",
        ),
        ScheduleSpec(
            "warmup_cosine",
            target="zerokd.schedules.warmup_cosine:WarmupCosine",
            summary="a straight line up to a peak, then half a cosine down",
        ),
    ]
