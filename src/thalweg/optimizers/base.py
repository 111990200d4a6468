"""What an optimizer is: a frozen dataclass of hyperparameters and two pure functions.

A rule reads like its formula. Its fields are its hyperparameters and its variants; ``init``
makes the state of one parameter array, ``update`` computes the next parameters and state::

    @dataclass(frozen=True)
    class HeavyBall(Rule):
        name: ClassVar[str] = "heavy-ball"
        formula: ClassVar[tuple[str, ...]] = ("v ← μ·v + g", "θ ← θ − η·v")

        learning_rate: Number = hyperparameter(0.1, meaning="step size η", search=(1e-4, 10.0))
        momentum: Number = hyperparameter(0.9, meaning="decay μ of the velocity", high=1.0)

        def init(self, x):
            return {"velocity": zeros_like(x)}

        def update(self, x, g, state, t):
            velocity = self.momentum * state["velocity"] + g
            return x - self.learning_rate * velocity, {"velocity": velocity}

Inside ``init`` and ``update`` every hyperparameter and ``t`` is a 0-d array of the dtype in which
the update is computed, so a rule may be traced, mapped over any hyperparameter, and run
on NumPy, JAX and PyTorch alike. Never write in place, never branch with ``if`` on an array's
value, never draw random numbers.
"""

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeAlias

from thalweg.arrays import Array, as_scalar, namespace
from thalweg.errors import UnknownNameError
from thalweg.settings import Configurable, Hyperparameter, Scale, Variant, hyperparameter, variant

__all__ = [
    "INPUTS",
    "Hyperparameter",
    "Number",
    "Rule",
    "Scale",
    "State",
    "Variant",
    "full_like",
    "hyperparameter",
    "variant",
    "zeros_like",
]

Number: TypeAlias = float | Array
State: TypeAlias = dict[str, Any]

# What a rule may ask for beside the gradient, by name; all but the loss are shaped like the parameters.
INPUTS: Mapping[str, str] = {
    "loss": "the loss whose gradient is given, 0-d",
    "hessian_diagonal": "z·(H·z) with random signs z, an unbiased estimate of the Hessian's diagonal",
    "gauss_newton_diagonal": "B·ĝ² for a minibatch of B examples, ĝ its gradient with labels drawn from the model",
    "second_gradient": "the gradient of the same minibatch at `second_point`",
    "hessian_product": "H·d for the direction d of `direction`",
}


def zeros_like(x: Array) -> Array:
    """Return zeros of the shape, dtype and device of ``x``."""
    return namespace(x).zeros_like(x)


def full_like(x: Array, value: Array) -> Array:
    """Return an array of the shape, dtype and device of ``x`` whose every element is ``value``.

    Args:
        x: Array.
        value: Number, or 0-d array such as a hyperparameter inside ``init``; may be traced.
    """
    return namespace(x).zeros_like(x) + as_scalar(value, x, x.dtype)


@dataclasses.dataclass(frozen=True)
class Rule(Configurable):
    """An optimizer: hyperparameters as fields, the mathematics as pure functions.

    A subclass is a frozen dataclass that declares its fields with :func:`hyperparameter` and
    :func:`variant`, gives ``name`` and ``formula``, and implements :meth:`init` and :meth:`update`.
    It is final: derive from :class:`Rule`, never from another rule.

    Class attributes:
        name: Its name on the command line.
        title: Its name for people.
        formula: The update, one line each, in the symbols of the hyperparameters' meanings.
        sources: Papers and books, each with the equation or algorithm number.
        differences: Where the world's versions of this rule differ, one sentence each.
        slips: Where a seed text's statement of it is wrong, one sentence each.
        attributes: What it is good and bad at, one sentence each.
        presets: Named settings, e.g. ``{"torch": {"epsilon": 1e-8}}``.
        special_cases: ``(name of another rule, settings of this rule)``: with these settings
            this rule is that rule, so, well tuned, it must not do worse.
        whole_tree: Whether ``init`` and ``update`` act on the tuple of all parameter arrays at
            once rather than on one array.
        elementwise: Whether the update of each number depends on nothing but that number's own parameter, gradients
            and state, so that arrays may be joined; false is always right, true is faster.
        compressible: Names of the entries of its state that may be stored with fewer bits: averages of gradients, of
            their squares or of steps, shaped like the parameters; see :mod:`thalweg.compression`.
        needs: Names out of :data:`INPUTS`, passed to ``update`` by keyword.
        full_batch: Whether it presumes the same function at every step, as a line search does, and so the whole
            training set.

    Raises:
        InvalidValueError: A hyperparameter is outside its range or a variant is no choice.
    """

    name: ClassVar[str]
    formula: ClassVar[tuple[str, ...]]
    title: ClassVar[str] = ""
    sources: ClassVar[tuple[str, ...]] = ()
    differences: ClassVar[tuple[str, ...]] = ()
    slips: ClassVar[tuple[str, ...]] = ()
    attributes: ClassVar[tuple[str, ...]] = ()
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    special_cases: ClassVar[tuple[tuple[str, Mapping[str, Any]], ...]] = ()
    whole_tree: ClassVar[bool] = False
    elementwise: ClassVar[bool] = False
    compressible: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[frozenset[str]] = frozenset()
    full_batch: ClassVar[bool] = False

    @abstractmethod
    def init(self, x: Array) -> State:
        """Return the state before the first update.

        Args:
            x: One parameter array of any shape (a tuple of arrays if ``whole_tree``).
        """

    @abstractmethod
    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and the state after one step.

        Args:
            x: Parameters (a tuple of arrays if ``whole_tree``).
            g: Gradient at :meth:`lookahead`, like ``x``.
            state: What ``init`` or the previous ``update`` returned.
            t: Number of this update, 1 at the first; 0-d array.
        """

    def lookahead(self, x: Array, state: State) -> Array:
        """Return the point at which the gradient is to be taken; ``x`` itself unless overridden."""
        del state
        return x

    def answer(self, x: Array, state: State) -> Array:
        """Return the point that counts as the result; ``x`` itself unless overridden."""
        del state
        return x

    def second_point(self, x: Array, g: Array, state: State) -> Array:
        """Return where ``second_gradient`` is to be taken, for a rule that needs it; ``x`` unless overridden."""
        del g, state
        return x

    def direction(self, x: Array, g: Array, state: State) -> Array:
        """Return the direction d of ``hessian_product``, for a rule that needs it; ``g`` unless overridden."""
        del x, state
        return g

    def asks(self, t: Array) -> Any:
        """Return whether step ``t`` uses the inputs named in ``needs``; elsewhere they may be zeros.

        Args:
            t: Number of the step, 1 at the first; 0-d array.

        Returns:
            A 0-d boolean that depends on ``t`` and on variants only, or True; True unless overridden. What is costly
            to compute (a Hessian's diagonal) is then left out where it is not asked for.
        """
        del t
        return True

    @classmethod
    def preset(cls, preset: str, **settings: Any) -> Self:
        """Return the rule with a named preset's settings, then with the settings given.

        Raises:
            UnknownNameError: No such preset, or no such hyperparameter.
            InvalidValueError: A value is not allowed.

        Example:
            >>> from thalweg.optimizers import Adam
            >>> Adam.preset("keras").epsilon
            1e-07
        """
        if preset not in cls.presets:
            raise UnknownNameError(f"preset of {cls.name}", preset, cls.presets)
        return cls.configured(**{**cls.presets[preset], **settings})

    def with_values(self, values: Mapping[str, Number]) -> Self:
        """Return this rule with hyperparameters replaced by arrays, without checking ranges.

        For the lift and the engine, which pass traced arrays; people call ``configured``.
        """
        new = object.__new__(type(self))
        for f in dataclasses.fields(self):
            object.__setattr__(new, f.name, values.get(f.name, getattr(self, f.name)))
        return new
