"""Every rule as an Optax transformation: ``thalweg.interop.optax.adam(learning_rate=1e-3)``.

Each optimizer of the catalogue is a function here, under its name with underscores. What it returns goes wherever
Optax takes a transformation: into ``optax.chain``, ``optax.masked``, ``optax.partition``, ``optax.MultiSteps``::

    >>> import jax.numpy as jnp
    >>> import optax
    >>> import thalweg.interop.optax as rules
    >>> transformation = rules.adam(learning_rate=0.1)
    >>> params = {"w": jnp.ones(2)}
    >>> state = transformation.init(params)
    >>> updates, state = transformation.update({"w": jnp.ones(2)}, state, params)
    >>> optax.apply_updates(params, updates)["w"].tolist()
    [0.8999999761581421, 0.8999999761581421]

The state carries the hyperparameters; a new number does not compile anything again:

    >>> state.hyperparameters["learning_rate"] = 0.01
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.interop.optax_settings import Settings
from thalweg.interop.optax_state import apart, arranged, as_rule_state, initial, present
from thalweg.optimizers import OPTIMIZERS, Rule, lift
from thalweg.schedules import Schedule, checked_factors, parse_schedule

try:
    import optax
except ImportError as error:
    raise ImportError("thalweg.interop.optax needs optax; install it with: pip install 'thalweg[optax]'.") from error

__all__ = ["RuleState", "RuleTransformation", "from_rule", "scheduled"]


class RuleState(NamedTuple):
    """What a rule carries from step to step.

    Attributes:
        count: Updates taken, int32, 0-d.
        hyperparameters: By name, 0-d arrays; may be set to Python numbers between steps. One that follows a schedule
            shows its value in the last update, and is overwritten in the next.
        kept: The rule's own state: by name a tree like the parameters, or an array.
        given: The arrays that the transformation was made with, as of the last update.
    """

    count: Any
    hyperparameters: dict[str, Any]
    kept: dict[str, Any]
    given: dict[str, Any]


class RuleTransformation(optax.GradientTransformationExtraArgs):
    """A rule as an Optax transformation, with the points that Optax has no word for.

    Wherever a state is taken, that of a chain may be given as well, as long as one rule has taken part in it.
    """

    @property
    def rule(self) -> Rule:
        """The rule."""
        return self._settings.rule

    @property
    def _settings(self) -> Settings:
        # Named tuples are rebuilt of their fields alone, by JAX and by copy, so that all that is known lies in one.
        update: Any = self.update
        return update.settings

    def lookahead(self, params: Any, state: Any) -> Any:
        """Return where the gradient of the next step is to be taken: ``params`` itself for most rules."""
        return self._points(lift.lookahead, state, params)

    def answer(self, params: Any, state: Any) -> Any:
        """Return the point that counts as the result so far: ``params`` itself for most rules."""
        return self._points(lift.answer, state, params)

    def second_point(self, params: Any, gradients: Any, state: Any) -> Any:
        """Return where ``second_gradient`` is to be taken, for a rule that needs it."""
        return self._points(lift.second_points, state, params, gradients)

    def direction(self, params: Any, gradients: Any, state: Any) -> Any:
        """Return the direction d of ``hessian_product`` H·d, for a rule that needs it."""
        return self._points(lift.directions, state, params, gradients)

    def asks(self, state: Any) -> Any:
        """Return whether the next step uses the inputs in ``rule.needs``; elsewhere they may be zeros."""
        return self.rule.asks(jnp.asarray(_own(state).count + 1, jnp.float32))

    def _points(self, function: Callable[..., Any], state: Any, params: Any, *trees: Any) -> Any:
        found = _own(state)
        leaves, treedef = jax.tree.flatten(_as_arrays(params))
        kept = present(found.kept, treedef)
        rule = self._settings.bound(self._settings.following(found)[0])
        own, masked = jax.tree.flatten(treedef.unflatten(_masked(leaves, kept)))
        if not own:
            return params
        others = [list(compress(treedef.flatten_up_to(tree), kept)) for tree in trees]
        points = iter(function(rule, own, *others, as_rule_state(rule, found.kept, own, masked)))
        return treedef.unflatten([next(points) if here else x for x, here in zip(leaves, kept, strict=True)])


def from_rule(rule: Rule, **values: Any) -> RuleTransformation:
    """Return a rule as an Optax transformation.

    Args:
        rule: The rule with its settings.
        values: Hyperparameters that are no plain numbers: functions of the number of updates taken (0 at the first),
            as Optax' schedules are, or 0-d JAX arrays, which may be traced. An array that is another than in the last
            update is taken in place of the state's number, so that a transformation may be made anew in each step.

    Returns:
        The transformation. A ``weight_decay`` of zero is left out of the compiled step, which then need not read the
        parameters for it, and of the state; to set it later give it as an array, ``weight_decay=jnp.zeros(())``.

    Raises:
        UnknownNameError: No such hyperparameter.
        InvalidValueError: ``rule`` is no rule, or a value is not allowed.

    Example:
        >>> from thalweg.optimizers import SGD
        >>> transformation = from_rule(SGD(), learning_rate=lambda count: 1 / (count + 1))
        >>> state = transformation.init(jnp.zeros(()))
        >>> [float(transformation.update(jnp.ones(()), s, jnp.zeros(()))[0]) for s in (state, state._replace(count=3))]
        [-1.0, -0.25]
    """
    if not isinstance(rule, Rule):
        raise InvalidValueError(f"rule = {rule!r} is not allowed; give a rule such as thalweg.optimizers.Adam().")
    settings = Settings.of(rule, values)
    return RuleTransformation(partial(_first, settings), _Update(settings))


def scheduled(value: float, schedule: Schedule | str, steps: int) -> Callable[[Any], Any]:
    """Return a hyperparameter's value along a run as an Optax schedule.

    Args:
        value: The hyperparameter's own value, which the schedule multiplies.
        schedule: A schedule or its notation, e.g. ``"cosine:warmup=0.1"``.
        steps: Updates of the run, 1 or more; afterwards the schedule stands where it says that it ends.

    Returns:
        A function of the number of updates taken, 0 at the first.

    Raises:
        UnknownNameError: No such schedule.
        InvalidValueError: The schedule follows the loss, or leaves what is allowed.

    Example:
        >>> rate = scheduled(0.1, "polynomial", steps=4)
        >>> [round(float(rate(count)), 6) for count in (0, 2, 4)]
        [0.1, 0.05, 0.0]
    """
    made = parse_schedule(schedule) if isinstance(schedule, str) else schedule
    if made.adaptive:
        raise InvalidValueError(
            f"schedule {made.name!r} follows the validation loss, which no Optax schedule hears; "
            "use optax.contrib.reduce_on_plateau, or another schedule."
        )
    factors = checked_factors(made, steps, base=value)
    last = np.asarray(made.factor(np.array([steps + 1]), steps), dtype=np.float64)
    table = value * np.concatenate([factors, last])
    return lambda count: jnp.asarray(table)[jnp.clip(count, 0, steps)]


def _first(settings: Settings, params: Any) -> RuleState:
    """Return the state before the first update."""
    leaves, treedef = jax.tree.flatten(_as_arrays(params))
    for leaf in leaves:
        _check_leaf(settings.rule, leaf)
    own, given = settings.first()
    state = RuleState(jnp.zeros((), jnp.int32), own, initial(settings.bound(own), leaves, treedef), given)
    return apart(state, (params, settings.arrays))


@dataclass(frozen=True, eq=False)
class _Update:
    """The function of a transformation that returns the change of the parameters and the next state."""

    settings: Settings

    def __call__(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, RuleState]:
        if params is None:
            raise InvalidValueError(
                f"{self.settings.rule.name}: update needs the parameters; call update(gradients, state, params)."
            )
        own, given = self.settings.following(state)
        count = jnp.where(state.count < jnp.iinfo(jnp.int32).max, state.count + 1, state.count)
        moved, kept = _moved(self.settings.bound(own), updates, state.kept, params, count, extra)
        return moved, RuleState(count, own, kept, given)


def _moved(rule: Rule, updates: Any, kept: Any, params: Any, count: Any, extra: dict[str, Any]) -> tuple[Any, Any]:
    """Return the change of the parameters and the rule's next state."""
    leaves, treedef = jax.tree.flatten(_as_arrays(params))
    if not leaves:
        return updates, kept
    # The difference is taken before it is rounded: a small one is lost in a narrow dtype beside its parameter.
    wide = [_widened(x) for x in leaves]
    gradients = _like(wide, _flat(rule, "gradients", updates, treedef))
    state = as_rule_state(rule, kept, leaves, treedef)
    inputs = _inputs(rule, extra, wide, treedef)
    new, after = lift.update(rule, wide, gradients, jax.tree.map(_widened, state), count, **inputs)
    moved = [_cast(a - x, leaf.dtype) for a, x, leaf in zip(new, wide, leaves, strict=True)]
    after = jax.tree.map(lambda a, b: _cast(a, b.dtype), after, state)
    return treedef.unflatten(moved), arranged(rule, after, leaves, treedef, kept)


def _inputs(rule: Rule, extra: dict[str, Any], leaves: Sequence[Any], treedef: Any) -> dict[str, Any]:
    """Return what the rule needs beside the gradient, in the dtypes in which it computes."""
    found = {}
    for name in sorted(rule.needs):
        argument = "value" if name == "loss" else name  # as Optax calls it
        if extra.get(argument) is None:
            raise InvalidValueError(
                f"{rule.name}: update needs {argument}; call update(gradients, state, params, {argument}=…)."
            )
        if name == "loss":
            dtypes = sorted((x.dtype for x in leaves), key=lambda dtype: dtype.itemsize)
            found[name] = _cast(jnp.asarray(extra[argument]), dtypes[-1 if rule.whole_tree else 0])
        else:
            found[name] = _like(leaves, _flat(rule, name, extra[name], treedef))
    return found


def _flat(rule: Rule, what: str, tree: Any, treedef: Any) -> list[Any]:
    try:
        leaves = treedef.flatten_up_to(tree)
    except ValueError as error:
        masks = "" if what == "gradients" else "; give optax.masked and its like mask_compatible_extra_args=True"
        raise InvalidValueError(
            f"{rule.name}: the {what} have not the structure of the parameters: {error}{masks}."
        ) from None
    if any(leaf is None for leaf in leaves):
        raise InvalidValueError(
            f"{rule.name}: the {what} lack an array of the parameters; give zeros, or leave both out with optax.masked."
        )
    return leaves


def _as_arrays(params: Any) -> Any:
    """Return parameters as arrays of JAX, for they may be those of NumPy or plain numbers."""
    return jax.tree.map(lambda x: x if isinstance(x, jax.Array) else jnp.asarray(x, jnp.result_type(x)), params)


def _masked(leaves: Sequence[Any], kept: Sequence[bool]) -> list[Any]:
    return [x if here else optax.MaskedNode() for x, here in zip(leaves, kept, strict=True)]


def _widened(x: Any) -> Any:
    """Return an array in the dtype of the computation, float32 or wider."""
    return _cast(x, jnp.promote_types(x.dtype, jnp.float32))


def _like(leaves: Sequence[Any], arrays: Sequence[Any]) -> list[Any]:
    return [_cast(jnp.asarray(a), x.dtype) for x, a in zip(leaves, arrays, strict=True)]


def _cast(x: Any, dtype: Any) -> Any:
    return x if x.dtype == dtype else x.astype(dtype)


def _check_leaf(rule: Rule, leaf: Any) -> None:
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        raise InvalidValueError(
            f"{rule.name}: a parameter of dtype {leaf.dtype} is not allowed; give real floating-point arrays, and "
            "leave others out with optax.masked."
        )


def _own(state: Any) -> RuleState:
    """Return the only rule's state within a state."""
    found = [part for part in jax.tree.leaves(state, is_leaf=_is_own) if _is_own(part)]
    if len(found) != 1:
        raise InvalidValueError(
            f"the state holds {len(found)} states of rules, so the one meant is not known; give the part of one rule."
        )
    return found[0]


def _is_own(part: Any) -> bool:
    return isinstance(part, RuleState)


def __getattr__(name: str) -> Any:
    """Return the function that makes a catalogue's rule into a transformation."""
    known = {key.replace("-", "_"): kind for key, kind in OPTIMIZERS.items()}
    if name not in known:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = _constructor(name, known[name])
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    """Return what this module offers, every rule included."""
    return sorted({*globals(), *(name.replace("-", "_") for name in OPTIMIZERS)})


def _constructor(name: str, kind: type[Rule]) -> Callable[..., RuleTransformation]:
    def make(*, preset: str = "", **settings: Any) -> RuleTransformation:
        base = kind.preset(preset) if preset else kind.configured()
        return from_rule(base, **settings)

    plain = kind.configured()
    given = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(key, given, default=value) for key, value in {**plain.values(), **plain.structure()}.items()
    ]
    preset = inspect.Parameter("preset", given, default="")
    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"Return {plain.title or name} as an Optax transformation; `thalweg explain {kind.name}` tells more."
    make.__signature__ = inspect.Signature([*parameters, preset], return_annotation=RuleTransformation)  # type: ignore[attr-defined]
    return make
