"""The time to list components and plugins, relative to an empty Python and to importing torch.

The commands alternate, so that other load on the machine affects all of them. Installed plugins are included.

    python benchmarks/listing.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import click

ROUNDS = 15
ZEROKD_SCRIPT = "import sys; sys.argv = ['zerokd', *sys.argv[1:]]; from zerokd.cli import main; main()"
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "zerokd --help": [sys.executable, "-c", ZEROKD_SCRIPT, "--help"],
    "zerokd list": [sys.executable, "-c", ZEROKD_SCRIPT, "list"],
    "zerokd list --json": [sys.executable, "-c", ZEROKD_SCRIPT, "list", "--json"],
    "zerokd plugins": [sys.executable, "-c", ZEROKD_SCRIPT, "plugins"],
    "import torch": [sys.executable, "-c", "import torch"],
}


@click.command()
def main() -> None:
    """Print each command's median in milliseconds, and as a multiple of an empty Python's."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            times[name].append(time.perf_counter() - start)
    floor = statistics.median(times["python"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        click.echo(f"{name:<20} {1000 * median:7.0f} ms  {median / floor:6.1f} x python")


if __name__ == "__main__":
    main()
