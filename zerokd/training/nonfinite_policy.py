"""What is done about a step that is not finite: the run stops there, or leaves the step out, a few times at most."""

from __future__ import annotations

from attrs import define

from zerokd.training.nonfinite import NonFiniteStep, NotFiniteError


@define
class NonFinitePolicy:
    """``skip`` is how many steps of the run may be left out; ``skipped`` how many have been."""

    max_skipped_steps: int
    skipped_steps: int = 0

    def skip_step(self, failure: NonFiniteStep) -> None:
        """Count a step that is not taken.

        Raises:
            NotFiniteError: no more may be left out.
        """
        if self.skipped_steps >= self.max_skipped_steps:
            raise NotFiniteError(failure)
        self.skipped_steps += 1
