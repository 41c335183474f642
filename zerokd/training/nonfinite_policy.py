"""What to do at a step that is not finite: stop the run, or skip the step."""

from __future__ import annotations

from attrs import define

from zerokd.training.nonfinite import NonFiniteStep, NotFiniteError


@define
class NonFinitePolicy:
    """How many steps of the run may be skipped, and how many have been."""

    max_skipped_steps: int
    skipped_steps: int = 0

    def skip_step(self, failure: NonFiniteStep) -> None:
        """Count a skipped step.

        Raises:
            NotFiniteError: no more steps may be skipped.
        """
        if self.skipped_steps >= self.max_skipped_steps:
            raise NotFiniteError.from_step(failure)
        self.skipped_steps += 1
