"""What was enhanced already: a small record for each output, so that no work is done twice."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from attrs import frozen

from zerokd.files.digest import file_sha256

LEDGER_FOLDER = ".zerokd"  # beside the outputs


@frozen
class Ledger:
    """Records below ``root``, for outputs made with the same ``settings``.

    A record is written before its outputs take their places. It keeps the fingerprints of what stood there before, so
    that an output of ours is known as ours whenever the process ends.
    """

    root: Path
    settings: dict[str, Any]

    def is_up_to_date(self, name: str, source_digest: str, outputs: list[Path]) -> bool:
        """Whether the outputs were made of a file with the SHA-256 ``source``, and nobody changed them since."""
        record = self._read_record(name)
        if record.get("source") != source_digest or record.get("settings") != self.settings:
            return False
        made = record.get("outputs", {})
        return all(path.is_file() and made.get(path.name, [""])[0] == file_sha256(path) for path in outputs)

    def find_foreign_outputs(self, name: str, outputs: list[Path]) -> list[Path]:
        """Those of the outputs that stand there and were not written by us, or were changed since."""
        made = self._read_record(name).get("outputs", {})
        return [
            path
            for path in outputs
            if os.path.lexists(path) and not (path.is_file() and file_sha256(path) in made.get(path.name, []))
        ]

    def record_outputs(self, name: str, source_digest: str, new_files: dict[str, Path]) -> None:
        """Write down that the outputs, by name, are about to be replaced by these files."""
        before = self._read_record(name).get("outputs", {})
        outputs = {output: [file_sha256(path), *before.get(output, [])[:1]] for output, path in new_files.items()}
        path = self._record_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        record = {"name": name, "source": source_digest, "settings": self.settings, "outputs": {**before, **outputs}}
        temporary.write_text(json.dumps(record), encoding="utf-8")
        os.replace(temporary, path)

    def _read_record(self, name: str) -> dict[str, Any]:
        try:
            record = json.loads(self._record_path(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def _record_path(self, name: str) -> Path:
        return self.root / LEDGER_FOLDER / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.json"
