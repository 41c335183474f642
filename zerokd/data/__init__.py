"""Built-in data sources, one module each, and the code that they share.

They import the public names of ``zerokd``, ``zerokd.files`` and other plugin rooms.
"""

from zerokd import DataSpec, hookimpl


@hookimpl
def zerokd_data() -> list[DataSpec]:
    return [
        DataSpec("dead_leaves", target="zerokd.data.dead_leaves:DeadLeaves", summary="generated scenes"),
        DataSpec("folder", target="zerokd.data.folder:Folder", summary="the photos in a folder"),
        DataSpec(
            "rooms_and_streets",
            target="zerokd.data.rooms_and_streets:RoomsAndStreets",
            summary="rooms and streets by lamplight, drawn by code",
        ),
    ]
