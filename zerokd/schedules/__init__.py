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
            "piecewise",
            target="zerokd.schedules.piecewise:Piecewise",
            summary="a sequence of numbers, each from its moment on",
        ),
    ]
