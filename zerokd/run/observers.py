"""Notify a recipe's observers of its run, and keep them from changing it, whatever they do and however they fail."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from zerokd.plugin.contracts import Observer
from zerokd.plugin.global_state import preserve_global_state
from zerokd.recipe.build.components import Components
from zerokd.run.folder import RunFolder
from zerokd.run.records import Manifest, ObserverRecord
from zerokd.training.step_log import Watcher, replace_nonfinite


class Observers:
    """All observers of a run, and a record of each. One that fails is reported and disabled."""

    def __init__(
        self,
        observers: Mapping[str, Observer],
        records: dict[str, ObserverRecord],
        report_failure: Callable[[str], None],
    ):
        self._active, self._records, self._report_failure = dict(observers), records, report_failure

    def step_end(self, line: Mapping[str, Any]) -> None:
        """Watch a stage's metrics lines."""
        if line["kind"] == "step":
            self.notify("step_end", f"at step {line['step']} of stage {line['stage']!r}", replace_nonfinite(line))

    def notify(self, hook: str, when: str, *arguments: Any) -> None:
        """Call a method of every active observer, each with its own copy of the arguments."""
        for name, observer in list(self._active.items()):
            copies = copy.deepcopy(arguments)
            started = time.perf_counter()
            try:
                with preserve_global_state():
                    getattr(observer, hook)(*copies)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._disable(name, when, error)
            record = self._records[name]
            record["seconds"] = round(record["seconds"] + time.perf_counter() - started, 6)

    def _disable(self, name: str, when: str, error: BaseException) -> None:
        del self._active[name]
        lines = str(error).strip().splitlines()
        text = f"failed {when}: {type(error).__name__}" + (f": {lines[0][:160]}" if lines else "")
        self._records[name]["failed"] = text
        self._report_failure(f"observer {name!r} {text}; it is disabled, the run continues")


@contextmanager
def attach_observers(
    components: Components, folder: RunFolder, manifest: Manifest, report_failure: Callable[[str], None]
) -> Iterator[tuple[Watcher, ...]]:
    """Notify observers of the run's start and end; yield the watchers that notify them of its steps.

    The manifest gets a record of each observer. It is complete when the run ends, and is written once more then.
    """
    if not components.observers:
        yield ()
        return
    records: dict[str, ObserverRecord] = {
        name: {"use": components.provenance[f"observers.{name}"]["use"], "seconds": 0.0}
        for name in components.observers
    }
    manifest["observers"] = records
    folder.observers.mkdir(exist_ok=True)
    observers = Observers(components.observers, records, report_failure)
    observers.notify("run_start", "at the start", folder.path, manifest)
    try:
        yield (observers.step_end,)
    except BaseException as error:
        observers.notify("run_end", "at the end", None, f"{type(error).__name__}: {error}".rstrip(": "))
        manifest.pop("result", None)
        with suppress(OSError):  # the error that ended the run is the one to report
            folder.write_manifest(manifest)
        raise
    observers.notify("run_end", "at the end", replace_nonfinite(manifest["result"]), None)
    folder.write_manifest(manifest)
