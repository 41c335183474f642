"""``python -m zerokd``."""

from zerokd.cli import main

main()
