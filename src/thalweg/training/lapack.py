"""Programs that call LAPACK do so for one member at a time.

On a CPU, jaxlib 0.10 shares a batch of decompositions out among the threads of a pool and waits for them, inside a
thread of that same pool. Where as many devices as there are threads wait so, nobody is left to work, and the program
stands still for ever. A decomposition of a single matrix is done at once in its own thread.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from jax.extend.core import jaxprs_in_params

from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule

__all__ = ["DECOMPOSITIONS", "over_members", "rule_decomposes", "uses_lapack"]

DECOMPOSITIONS = frozenset(
    {"cholesky", "eig", "eigh", "geqp3", "geqrf", "hessenberg", "householder_product", "lu", "ormqr", "qr", "schur"}
    | {"svd", "triangular_solve", "tridiagonal", "tridiagonal_solve"}
)


def uses_lapack(function: Callable[..., Any], *arguments: Any) -> bool:
    """Return whether a function decomposes matrices on a CPU.

    Args:
        function: A function that JAX can trace.
        arguments: Arrays or their shapes.
    """
    if jax.default_backend() != "cpu":
        return False
    return _decomposes(jax.make_jaxpr(function)(*arguments).jaxpr)


def rule_decomposes(rule: Rule, points: tuple[Any, ...]) -> bool:
    """Return whether a rule's update decomposes matrices on a CPU.

    Args:
        rule: The optimizer.
        points: Arrays, or their shapes, that it acts on.
    """
    if rule.elementwise:
        return False

    def update(points: Any, t: Any) -> Any:
        inputs = {name: t if name == "loss" else points for name in rule.needs}
        return lift.update(rule, points, points, lift.init_state(rule, points), t, **inputs)

    return uses_lapack(update, points, jax.ShapeDtypeStruct((), "float32"))


def over_members(function: Callable[..., Any], in_axes: Any = 0, *, one_by_one: bool = False) -> Callable[..., Any]:
    """Return ``function`` of one member's arrays as a function of a lane's, which begin with (members, …).

    Args:
        function: Takes and gives pytrees of one member.
        in_axes: Per argument 0, or None for what all members share; one for all if it is no tuple.
        one_by_one: Whether the members take turns; else they advance together.
    """
    if not one_by_one:
        return jax.vmap(function, in_axes=in_axes)

    def in_turn(*given: Any) -> Any:
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(given)
        return jax.lax.map(partial(_call, function, axes, given), _split(axes, given))

    return in_turn


def _split(axes: tuple[Any, ...], given: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(part for part, axis in zip(given, axes, strict=True) if axis is not None)


def _call(function: Callable[..., Any], axes: tuple[Any, ...], given: tuple[Any, ...], own: tuple[Any, ...]) -> Any:
    mine = iter(own)
    return function(*(part if axis is None else next(mine) for part, axis in zip(given, axes, strict=True)))


def _decomposes(jaxpr: Any) -> bool:
    return any(
        equation.primitive.name in DECOMPOSITIONS or any(map(_decomposes, jaxprs_in_params(equation.params)))
        for equation in jaxpr.eqns
    )
