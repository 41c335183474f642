"""Hidden names for files that are being written, and what killed processes left under such names."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PARTIAL_FILE_NAME = re.compile(r"\.(?P<stem>.+)\.(?P<process>\d+)\.part(?P<suffix>\.\w+)", re.DOTALL)


def partial_path(target: Path) -> Path:
    """Where this process writes what is to become ``target``."""
    return target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")


class PartialFiles:
    """What is left in the folders of some targets; each folder is looked through once, however many targets it has."""

    def __init__(self, targets: Iterable[Path]):
        self._by_target: dict[Path, list[tuple[Path, int]]] = defaultdict(list)
        for folder in dict.fromkeys(target.parent for target in targets):
            with suppress(OSError):
                for match in filter(None, map(PARTIAL_FILE_NAME.fullmatch, os.listdir(folder))):
                    place = folder / f"{match['stem']}{match['suffix']}"
                    self._by_target[place].append((folder / match.string, int(match["process"])))

    def remove_stale(self, target: Path) -> None:
        """Remove what processes that run no more left of a target. Another machine's are not seen: it is theirs."""
        for path, process in self._by_target.pop(target, ()):
            if not _is_running(process):
                with suppress(OSError):
                    path.unlink()


def _is_running(process_id: int) -> bool:
    if os.name == "nt":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return process_id != os.getpid()
