"""Tells a recipe's observers of its run, and keeps them from changing it, by what they do or by how they fail."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from zerokd.plugin.aside import aside
from zerokd.plugin.contracts import Observer
from zerokd.recipe.build.components import Components
from zerokd.run.folder import RunFolder
from zerokd.training.step_log import Watcher, finite


class Observers:
    """All observers of a run. ``record`` says of each what it is, the seconds spent in it, and why it failed if it did;
    one that fails is told of by ``aloud`` and not called again."""

    def __init__(self, observers: Mapping[str, Observer], record: dict[str, Any], aloud: Callable[[str], None]):
        self._live, self.record, self._aloud = dict(observers), record, aloud

    def step_end(self, line: Mapping[str, Any]) -> None:
        """Watch a stage's metrics lines."""
        if line["kind"] == "step":
            self.tell("step_end", f"at step {line['step']} of stage {line['stage']!r}", finite(line))

    def tell(self, hook: str, when: str, *told: Any) -> None:
        """Call one method of every observer that has not failed; each gets copies."""
        for name, observer in list(self._live.items()):
            mine = copy.deepcopy(told)
            started = time.perf_counter()
            try:
                with aside():
                    getattr(observer, hook)(*mine)
            except KeyboardInterrupt:
                raise
            except BaseException as fault:
                self._drop(name, when, fault)
            self.record[name]["seconds"] = round(self.record[name]["seconds"] + time.perf_counter() - started, 6)

    def _drop(self, name: str, when: str, fault: BaseException) -> None:
        del self._live[name]
        lines = str(fault).strip().splitlines()
        text = f"failed {when}: {type(fault).__name__}" + (f": {lines[0][:160]}" if lines else "")
        self.record[name]["failed"] = text
        self._aloud(f"observer {name!r} {text}; it is not called again, the run goes on")


@contextmanager
def observed(
    components: Components, folder: RunFolder, record: dict[str, Any], aloud: Callable[[str], None]
) -> Iterator[tuple[Watcher, ...]]:
    """Tell a recipe's observers that a run starts, how it goes by the watchers that this gives, and that it ends, by
    whatever end; what became of them is written into the manifest, whose ``record`` the run fills meanwhile."""
    if not components.observers:
        yield ()
        return
    about = {
        name: {"use": components.origins[f"observers.{name}"]["use"], "seconds": 0.0} for name in components.observers
    }
    record["observers"] = about
    folder.observers.mkdir(exist_ok=True)
    observers = Observers(components.observers, about, aloud)
    observers.tell("run_start", "at the start", folder.path, record)
    try:
        yield (observers.step_end,)
    except BaseException as fault:
        error = f"{type(fault).__name__}: {fault}".rstrip(": ")
        observers.tell("run_end", "at the end", None, error)
        with suppress(OSError):  # what ended the run is what there is to tell
            folder.write_manifest({key: value for key, value in record.items() if key != "result"})
        raise
    observers.tell("run_end", "at the end", finite(record["result"]), None)
    folder.write_manifest(record)
