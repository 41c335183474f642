"""The console of long-running commands."""

from __future__ import annotations

import os
import sys

from rich.console import Console


class PipeSafeConsole(Console):
    """A console whose reader may go away, as in ``| head``: the work continues silently."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.stderr if self.stderr else sys.stdout).fileno())
