"""Tells a recipe's observers of its run, and keeps them from changing it, by what they do or by how they fail."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from zerokd.plugin.aside import preserve_global_state
from zerokd.plugin.contracts import Observer
from zerokd.recipe.build.components import Components
from zerokd.run.folder import RunFolder
from zerokd.training.step_log import Watcher, replace_nonfinite


class Observers:
    """All observers of a run. ``record`` says of each what it is, the seconds spent in it, and why it failed if it did;
    one that fails is told of by ``aloud`` and not called again."""

    def __init__(
        self, observers: Mapping[str, Observer], record: dict[str, Any], report_failure: Callable[[str], None]
    ):
        self._active, self.record, self._report_failure = dict(observers), record, report_failure

    def step_end(self, line: Mapping[str, Any]) -> None:
        """Watch a stage's metrics lines."""
        if line["kind"] == "step":
            self.notify("step_end", f"at step {line['step']} of stage {line['stage']!r}", replace_nonfinite(line))

    def notify(self, hook: str, when: str, *arguments: Any) -> None:
        """Call one method of every observer that has not failed; each gets copies."""
        for name, observer in list(self._active.items()):
            mine = copy.deepcopy(arguments)
            started = time.perf_counter()
            try:
                with preserve_global_state():
                    getattr(observer, hook)(*mine)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._disable(name, when, error)
            self.record[name]["seconds"] = round(self.record[name]["seconds"] + time.perf_counter() - started, 6)

    def _disable(self, name: str, when: str, fault: BaseException) -> None:
        del self._active[name]
        lines = str(fault).strip().splitlines()
        text = f"failed {when}: {type(fault).__name__}" + (f": {lines[0][:160]}" if lines else "")
        self.record[name]["failed"] = text
        self._report_failure(f"observer {name!r} {text}; it is not called again, the run goes on")


@contextmanager
def attach_observers(
    components: Components, folder: RunFolder, record: dict[str, Any], report_failure: Callable[[str], None]
) -> Iterator[tuple[Watcher, ...]]:
    """Tell a recipe's observers that a run starts, how it goes by the watchers that this gives, and that it ends, by
    whatever end; what became of them is written into the manifest, whose ``record`` the run fills meanwhile."""
    if not components.observers:
        yield ()
        return
    about = {
        name: {"use": components.provenance[f"observers.{name}"]["use"], "seconds": 0.0}
        for name in components.observers
    }
    record["observers"] = about
    folder.observers.mkdir(exist_ok=True)
    observers = Observers(components.observers, about, report_failure)
    observers.notify("run_start", "at the start", folder.path, record)
    try:
        yield (observers.step_end,)
    except BaseException as fault:
        error = f"{type(fault).__name__}: {fault}".rstrip(": ")
        observers.notify("run_end", "at the end", None, error)
        with suppress(OSError):  # what ended the run is what there is to tell
            folder.write_manifest({key: value for key, value in record.items() if key != "result"})
        raise
    observers.notify("run_end", "at the end", replace_nonfinite(record["result"]), None)
    folder.write_manifest(record)
