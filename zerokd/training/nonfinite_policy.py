"""What is done about a step that is not finite: the run stops there, or leaves the step out, a few times at most."""

from __future__ import annotations

from attrs import define

from zerokd.training.nonfinite import Failure, NotFiniteError


@define
class Guard:
    """``skip`` is how many steps of the run may be left out; ``skipped`` how many have been."""

    skip: int
    skipped: int = 0

    def leave_out(self, failure: Failure) -> None:
        """Count a step that is not taken.

        Raises:
            NotFiniteError: no more may be left out.
        """
        if self.skipped >= self.skip:
            raise NotFiniteError(failure)
        self.skipped += 1
