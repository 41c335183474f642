"""The outcome of work on many files, in one line."""

from __future__ import annotations

from attrs import define, field

from zerokd.student.enhance.inputs import FileReport, FileStatus


@define
class Summary:
    """The outcome of all jobs, by name; a failure has its reason, a damaged file what could not be read."""

    enhanced_files: list[str] = field(factory=list)
    up_to_date_files: list[str] = field(factory=list)
    failures: dict[str, str] = field(factory=dict)
    damaged_files: dict[str, str] = field(factory=dict)

    def add(self, report: FileReport) -> None:
        if report.status is FileStatus.FAILED:
            self.failures[report.name] = report.message
        elif report.status is FileStatus.DAMAGED:
            self.damaged_files[report.name] = report.message
        else:
            is_done = report.status is FileStatus.DONE
            (self.enhanced_files if is_done else self.up_to_date_files).append(report.name)

    def describe(self, seconds: float) -> str:
        """One line, such as "Enhanced 4 files in 1.2 s, 5 files already up to date, 1 file FAILED"."""
        parts = (
            [f"{count_noun(len(self.up_to_date_files), 'file')} already up to date"] if self.up_to_date_files else []
        )
        parts += [f"{count_noun(len(self.damaged_files), 'file')} DAMAGED"] if self.damaged_files else []
        parts += [f"{count_noun(len(self.failures), 'file')} FAILED"] if self.failures else []
        if self.enhanced_files or not parts:
            parts.insert(0, f"Enhanced {count_noun(len(self.enhanced_files), 'file')} in {seconds:.1f} s")
        return ", ".join(parts)


def count_noun(number: int, noun: str) -> str:
    """A number with its noun, such as "1 file" or "2 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
