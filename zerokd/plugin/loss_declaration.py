"""The declaration that makes a library's function or class a loss, as data: `zerokd new loss --wrap` writes it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from zerokd.plugin.component import EMPTY_MAPPING
from zerokd.plugin.contracts import Loss
from zerokd.plugin.library_call import AsLoss
from zerokd.plugin.library_callable import LibraryCallable
from zerokd.plugin.ports import Port
from zerokd.plugin.wrap_loss import wrap_loss

UNKNOWN_PITFALLS = "not written down yet."


@frozen
class LossDeclaration:
    """The arguments of :func:`zerokd.wrap_loss` for one function or class, as plain data."""

    library: LibraryCallable
    class_name: str
    ports: Mapping[str, Port]
    as_loss: AsLoss = "value"
    fixed: Mapping[str, Any] = EMPTY_MAPPING
    reduces_batch: bool = True
    min_size: int = 1
    bounds: tuple[float, float] = (0.0, math.inf)
    finite_gradient: bool = False
    best_on: tuple[str, ...] = ()
    worsens_with: tuple[str, ...] = ()
    examples: tuple[Mapping[str, Any], ...] = ()
    known_failures: Mapping[str, str] = EMPTY_MAPPING

    @property
    def about(self) -> str:
        return f"Rewards a {'low' if self.as_loss == 'value' else 'high'} value of {self.library.path}."

    @property
    def source(self) -> str:
        return f"{self.library.path} of {self.library.distribution} {self.library.version}."

    def build(self) -> type[Loss]:
        """The loss.

        Raises:
            PluginError: the declaration does not fit the function or class.
        """
        return wrap_loss(
            self.library.wrapped,
            name=self.class_name,
            ports=self.ports,
            about=self.about,
            source=self.source,
            pitfalls=UNKNOWN_PITFALLS,
            as_loss=self.as_loss,
            fixed=self.fixed,
            reduces_batch=self.reduces_batch,
            min_size=self.min_size,
            bounds=self.bounds,
            finite_gradient=self.finite_gradient,
            best_on=self.best_on,
            worsens_with=self.worsens_with,
            examples=self.examples,
            known_failures=self.known_failures,
        )
