"""Records of what was enhanced, one file for each input, so that no work is done twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from attrs import frozen

from zerokd.files.atomic import write_text
from zerokd.files.digest import file_sha256
from zerokd.files.regular import read_regular

LEDGER_FOLDER = ".zerokd"  # beside the outputs


class LedgerRecord(TypedDict, total=False):
    """The content of a record file.

    ``outputs`` has, by file name, the SHA-256 of the output and its predecessor; ``damage`` is what of the source could
    not be read.
    """

    name: str
    source: str
    settings: dict[str, str | float]
    outputs: dict[str, list[str]]
    damage: str


@frozen
class Ledger:
    """The records below ``root``, of outputs that ``settings`` determine.

    A record is written before its outputs are renamed into place. It keeps the digests of their predecessors too, so
    that zerokd recognises its own output even if the process ends between the two.
    """

    root: Path
    settings: Mapping[str, str | float]

    def record_path(self, name: str) -> Path:
        """The file of the record of an input."""
        return self.root / LEDGER_FOLDER / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.json"

    def is_up_to_date(self, name: str, source_digest: str, outputs: list[Path]) -> bool:
        """Whether the outputs come from a source with this SHA-256 and have not changed since."""
        record = self._read_record(name)
        if record.get("source") != source_digest or record.get("settings") != self.settings:
            return False
        digests = record.get("outputs", {})
        return all(path.is_file() and digests.get(path.name, [""])[0] == file_sha256(path) for path in outputs)

    def read_damage(self, name: str) -> str:
        """What of an input could not be read; empty if everything could."""
        return str(self._read_record(name).get("damage", ""))

    def find_foreign_outputs(self, name: str, outputs: list[Path]) -> list[Path]:
        """The existing outputs that zerokd did not write, or that changed since."""
        digests = self._read_record(name).get("outputs", {})
        return [
            path
            for path in outputs
            if os.path.lexists(path) and not (path.is_file() and file_sha256(path) in digests.get(path.name, []))
        ]

    def record_outputs(self, name: str, source_digest: str, new_files: Mapping[str, Path], damage: str = "") -> None:
        """Record that these files are about to replace the outputs, by file name.

        Raises:
            OutputError: the record cannot be written.
        """
        before = self._read_record(name).get("outputs", {})
        outputs = {output: [file_sha256(path), *before.get(output, [])[:1]] for output, path in new_files.items()}
        record: LedgerRecord = {
            "name": name, "source": source_digest, "settings": dict(self.settings), "outputs": {**before, **outputs}
        }  # fmt: skip
        if damage:
            record["damage"] = damage
        path = self.record_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(record))

    def _read_record(self, name: str) -> LedgerRecord:
        try:
            record = json.loads(read_regular(self.record_path(name)))
        except (OSError, ValueError):
            return {}
        return LedgerRecord(**record) if isinstance(record, dict) else {}
