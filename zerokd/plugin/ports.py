"""The tensors that losses and metrics read: what is known of each, and what a port demands of it."""

from __future__ import annotations

from attrs import frozen


@frozen
class Signal:
    """What is known of a named tensor before the first step.

    ``shape`` is (C, H, W) for one image, ``range`` the closed interval of its values (None: unbounded), ``iterations``
    how many times a curve map is applied (None: not a curve map), and ``unchanged`` the one value that it has where
    the model returns its input as it is (None: there is no such value).
    """

    shape: tuple[int, ...] = ()
    range: tuple[float, float] | None = None
    iterations: int | None = None
    unchanged: float | None = None


@frozen
class Port:
    """One keyword argument of a loss or metric: a tensor (N, C, H, W).

    ``about`` describes it; ``range`` is the interval its values must lie in (None: any); ``grad`` requires that
    gradient reaches the student through it; ``default`` is the signal that it reads when the recipe's ``on`` names
    none; ``like`` another port whose shape it must share; ``channels`` how many it must have (None: any number);
    ``example``, for a port without default, a signal of recipes/paper.toml to show it on. ``differentiable`` asks for
    the tensor itself, inside the autograd graph of the other ports: a loss may take their gradient at it.
    """

    about: str
    range: tuple[float, float] | None = None
    grad: bool = False
    default: str | None = None
    like: str | None = None
    channels: int | None = None
    example: str | None = None
    differentiable: bool = False
