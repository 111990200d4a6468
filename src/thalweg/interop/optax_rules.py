"""Any Optax optimizer as a rule: ``optax:lion``, ``optax:contrib.prodigy``, or a function of the user's own.

The rule's fields are read off the constructor's signature. Its numbers become hyperparameters: the transformation is
built anew from traced numbers within the compiled step, so a sweep over them compiles once. What cannot be traced (the
length of a history, say) is part of the structure, and all else keeps Optax' default.
"""

import dataclasses
import inspect
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Any, ClassVar, Literal, get_args, get_origin

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.interop.optax_fields import number_field, whole_field
from thalweg.optimizers import OPTIMIZERS, Rule, State, variant
from thalweg.tasks.definition import class_digest

__all__ = ["PREFIX", "OptaxRule", "optax_names", "rule_from", "rule_named", "source_of"]

PREFIX = "optax:"
RATES = ("learning_rate", "max_learning_rate")
SEEDS = ("key", "seed")
PLAIN_RATE = 1e-3  # where Optax demands a rate and our catalogue has no optimizer of that name


@dataclasses.dataclass(frozen=True)
class OptaxRule(Rule):
    """What all rules made of Optax constructors share; :func:`rule_named` and :func:`rule_from` make them.

    Class attributes:
        make: The constructor.
        arguments: Its arguments that are fields; one that is a tuple of numbers with all of its fields.
        averaged: Whether it is schedule-free, so that its result is an average that it keeps.
    """

    whole_tree: ClassVar[bool] = True
    make: ClassVar[Callable[..., Any]]
    arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    averaged: ClassVar[bool] = False

    def transformation(self, **values: Any) -> Any:
        """Return the Optax transformation with this rule's settings; ``values`` replace arguments of its own."""
        return type(self).make(**{**_arguments(self.arguments, lambda name: getattr(self, name)), **values})

    def init(self, x: Any) -> State:
        """Return Optax' state for all parameters, packed."""
        import jax

        from thalweg.interop.optax_packing import packed

        made = self.transformation()
        return packed(made.init(x), jax.eval_shape(made.init, x))

    def update(self, x: Any, g: Any, state: State, t: Any, **inputs: Any) -> tuple[Any, State]:
        """Return the parameters after Optax' update has been added, and the state, packed."""
        import jax
        import optax

        from thalweg.interop.optax_packing import packed, unpacked

        del t  # Optax counts for itself
        made = self.transformation()
        template = jax.eval_shape(made.init, x)
        given = {"value": inputs["loss"]} if "loss" in inputs else {}
        updates, after = made.update(g, unpacked(state, template), x, **given)
        moved: Any = optax.apply_updates(x, updates)
        return tuple(moved), packed(after, template)

    def answer(self, x: Any, state: State) -> Any:
        """Return the average that a schedule-free transformation keeps, and ``x`` itself for all others."""
        if not self.averaged:
            return x
        import jax
        import optax

        from thalweg.interop.optax_packing import unpacked

        shown: Any = optax.contrib.schedule_free_eval_params(
            unpacked(state, jax.eval_shape(self.transformation().init, x)), x
        )
        return tuple(shown)


def rule_named(reference: str) -> type[OptaxRule]:
    """Return the rule that ``optax:NAME`` means; the same class whenever it is asked for.

    Raises:
        UnknownNameError: Optax has no such optimizer; the nearest is offered.
        InvalidValueError: Optax is not installed, or it needs what no training passes.
    """
    name = reference.strip().removeprefix(PREFIX)
    _loaded(reference)
    known = optax_names()
    if name not in known:
        raise UnknownNameError("optimizer", f"{PREFIX}{name}", [f"{PREFIX}{one}" for one in known])
    return _named(name)


def rule_from(make: Callable[..., Any]) -> type[OptaxRule]:
    """Return the rule of a function that makes a transformation: ``optax.lion``, a partial, or one of the user's.

    Args:
        make: The function. Every argument has a default, or is ``learning_rate``.

    Raises:
        InvalidValueError: It is no such function, or its transformation cannot take part.

    Example:
        >>> import functools, optax
        >>> rule_from(functools.partial(optax.sgd, momentum=0.9))().values()
        {'learning_rate': 0.01, 'momentum': 0.9}
    """
    if hasattr(make, "init") and hasattr(make, "update"):
        raise InvalidValueError(
            "optimizer: an Optax transformation is made, so its numbers cannot be searched any more; give the function "
            "that makes it, e.g. optax.lion or functools.partial(optax.sgd, momentum=0.9)."
        )
    _loaded(shown := _called(make))
    for known in optax_names():
        if make is _constructor(known):
            return _named(known)
    made = _rule(make, shown, _origin(make))
    _check_descends(made)
    _check_follows(made)
    return made


def source_of(made: type[OptaxRule]) -> str:
    """Return what tells a rule from others of its name: Optax' version, and the code if it is the user's own."""
    plain = f"optax {version('optax')}"
    return plain if made.name.startswith(PREFIX) else f"{plain} {class_digest(made)}"


@lru_cache(maxsize=1)
def optax_names() -> tuple[str, ...]:
    """Return the names of Optax' optimizers that need nothing but numbers: those of ``optax``, then ``contrib.…``."""
    import optax

    found = []
    for prefix, module in (("", optax), ("contrib.", optax.contrib)):
        for name in sorted(vars(module)):
            make = getattr(module, name)
            if inspect.isfunction(make) and not name.startswith(("_", "scale_by_", "inject_")) and _is_optimizer(make):
                found.append(prefix + name)
    return tuple(found)


def _is_optimizer(make: Callable[..., Any]) -> bool:
    parameters = inspect.signature(make).parameters
    demanded = {name for name, one in parameters.items() if one.default is one.empty}
    return any(rate in parameters for rate in RATES) and demanded <= set(RATES)


@lru_cache(maxsize=256)
def _named(name: str) -> type[OptaxRule]:
    return _rule(_constructor(name), PREFIX + name, f"optax.{name}")


def _constructor(name: str) -> Callable[..., Any]:
    import optax

    module, _, own = name.rpartition(".")
    return getattr(optax.contrib if module else optax, own)


def _rule(make: Callable[..., Any], name: str, origin: str) -> type[OptaxRule]:
    """Return the class of a constructor's rule."""
    settings, choices, arguments = _read(make, name)
    needs = _needs(make, arguments, {**settings, **choices}, name)
    fixed = _untraceable(make, arguments, {**settings, **choices}, tuple(settings), needs)
    fields: list[tuple[str, Any, Any]] = []
    for key, value in {**settings, **choices}.items():
        meaning = f"{key} of {origin}"
        if key in choices:
            declared = variant(value, choices=_choices(make, key, value), meaning=meaning)
        else:
            declared = whole_field(value, meaning) if key in fixed else number_field(key, value, origin)
        fields.append((key, Any, declared))
    doc = (inspect.getdoc(make) or "").partition("\n\n")[0]
    namespace = {
        "__doc__": doc if doc and not hasattr(make, "keywords") else f"{origin}, as Optax has it.",
        "__module__": __name__,
        "name": name,
        "title": origin,
        "formula": (f"θ ← θ + u,  u the update of {origin}",),
        "sources": (f"optax {version('optax')}, {origin}",),
        "differences": _differences(make, settings),
        "needs": needs,
        "make": staticmethod(make),
        "arguments": arguments,
        "averaged": _is_averaged(make, arguments, {**settings, **choices}),
    }
    return dataclasses.make_dataclass("OptaxRule", fields, bases=(OptaxRule,), namespace=namespace, frozen=True)


def _read(make: Callable[..., Any], name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, tuple[str, ...]]]:
    """Return the numbers, the choices, and the fields of each argument, from a constructor's signature."""
    settings: dict[str, Any] = {}
    choices: dict[str, Any] = {}
    arguments: dict[str, tuple[str, ...]] = {}
    for key, parameter in _parameters(make, name).items():
        value = parameter.default
        if key in RATES and value in (None, parameter.empty):
            value = _usual_rate(make)
        if isinstance(value, bool) or get_origin(parameter.annotation) is Literal:
            choices[key] = value
            arguments[key] = (key,)
        elif isinstance(value, int | float):
            settings[key] = value
            arguments[key] = (key,)
        elif isinstance(value, tuple) and value and all(type(part) in (int, float) for part in value):
            arguments[key] = tuple(f"{key}{i}" for i in range(1, len(value) + 1))
            settings |= dict(zip(arguments[key], value, strict=True))
        elif value is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise InvalidValueError(
                f"optimizer {name!r} demands {key}, for which there is no default; give a function without it, e.g. "
                f"functools.partial({_called(make)}, {key}=…)."
            )
    return settings, choices, arguments


def _parameters(make: Callable[..., Any], name: str) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(make).parameters
    except (TypeError, ValueError):
        raise InvalidValueError(
            f"optimizer {name!r} does not tell its arguments; give a function that makes an Optax transformation, e.g. "
            "optax.lion."
        ) from None


def _arguments(arguments: Mapping[str, tuple[str, ...]], value_of: Callable[[str], Any]) -> dict[str, Any]:
    """Return the constructor's arguments, with tuples put together again."""
    return {
        key: value_of(key) if names == (key,) else tuple(value_of(name) for name in names)
        for key, names in arguments.items()
    }


def _choices(make: Callable[..., Any], key: str, value: Any) -> tuple[Any, ...]:
    literal = get_args(inspect.signature(make).parameters[key].annotation)
    return (value, not value) if isinstance(value, bool) else literal


def _usual_rate(make: Callable[..., Any]) -> float:
    """Return the rate that the optimizer of that name has in our catalogue, as Optax has it if it says."""
    kind = OPTIMIZERS.get(_origin(make).rpartition(".")[2].replace("_", "-"))
    if kind is None or "learning_rate" not in kind.hyperparameters():
        return PLAIN_RATE
    return float((kind.preset("optax") if "optax" in kind.presets else kind.configured()).values()["learning_rate"])


def _differences(make: Callable[..., Any], settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is said where the rate is not Optax' own."""
    parameters = inspect.signature(make).parameters
    for rate in RATES:
        if rate in settings and parameters[rate].default is None:
            return (
                f"Optax takes no {rate} by default, and some of its optimizers then climb; here it is "
                f"{settings[rate]:g} unless set.",
            )
        if rate in settings and parameters[rate].default is inspect.Parameter.empty:
            return (f"Optax has no default for {rate}; {settings[rate]:g} is taken here.",)
    return ()


def _needs(
    make: Callable[..., Any], arguments: Mapping[str, tuple[str, ...]], defaults: Mapping[str, Any], name: str
) -> frozenset[str]:
    """Return what an update needs beside the gradient: nothing, or the loss.

    Raises:
        InvalidValueError: It needs more than that, or cannot be made at all.
    """
    first = _probe(make, arguments, defaults, (), frozenset())
    if first is None:
        return frozenset()
    if _probe(make, arguments, defaults, (), frozenset({"loss"})) is None:
        return frozenset({"loss"})
    reason = next(iter(str(first).strip().splitlines()), type(first).__name__).rstrip(".:")
    raise InvalidValueError(
        f"optimizer {name!r} cannot take part: it needs more than gradient, loss and numbers ({reason}); give a "
        "function that makes it without, e.g. a functools.partial."
    )


def _untraceable(
    make: Callable[..., Any],
    arguments: Mapping[str, tuple[str, ...]],
    defaults: Mapping[str, Any],
    names: tuple[str, ...],
    needs: frozenset[str],
) -> set[str]:
    """Return the numbers that must be known when the step is compiled."""
    seeds = {name for name in names if name in SEEDS}
    names = tuple(name for name in names if name not in seeds)
    if _probe(make, arguments, defaults, names, needs) is None:
        return seeds
    return seeds | {name for name in names if _probe(make, arguments, defaults, (name,), needs) is not None}


def _probe(
    make: Callable[..., Any],
    arguments: Mapping[str, tuple[str, ...]],
    defaults: Mapping[str, Any],
    traced: tuple[str, ...],
    needs: frozenset[str],
) -> Exception | None:
    """Return why a step with some numbers traced cannot be compiled, or None."""
    import jax

    number = jax.ShapeDtypeStruct((), "float32")
    leaves = (jax.ShapeDtypeStruct((3, 2), "float32"), jax.ShapeDtypeStruct((2,), "float32"))

    def step(values: Any, x: Any, loss: Any) -> Any:
        made = make(**_arguments(arguments, {**defaults, **values}.__getitem__))
        return made.update(x, made.init(x), x, **({"value": loss} if needs else {}))

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            jax.eval_shape(step, dict.fromkeys(traced, number), leaves, number)
    except Exception as error:  # whatever a stranger's code raises
        return error
    return None


def _is_averaged(
    make: Callable[..., Any], arguments: Mapping[str, tuple[str, ...]], defaults: Mapping[str, Any]
) -> bool:
    """Return whether the state is that of a schedule-free transformation."""
    import jax
    import jax.numpy as jnp
    import optax

    def init(x: Any) -> Any:
        return make(**_arguments(arguments, defaults.__getitem__)).init(x)

    state = jax.eval_shape(init, (jnp.zeros(2),))
    return isinstance(state, optax.contrib.ScheduleFreeState)


def _check_descends(made: type[OptaxRule]) -> None:
    """Refuse a function of the user's whose transformation takes its first step along the gradient.

    Raises:
        InvalidValueError: It does.
    """
    import jax.numpy as jnp

    rule = made()
    x = (jnp.full((2, 2), 0.5),)
    g = (jnp.ones((2, 2)),)
    given = {"loss": jnp.ones(())} if rule.needs else {}
    (after,), _ = rule.update(x, g, rule.init(x), jnp.ones(()), **given)
    if float(jnp.sum(after - x[0])) > 0:
        raise InvalidValueError(
            f"optimizer {rule.name!r} climbs: its first step goes along the gradient; chain it with "
            "optax.scale_by_learning_rate(…)."
        )


def _check_follows(made: type[OptaxRule]) -> None:
    """Refuse a function of the user's for which ``optax.inject_hyperparams`` reads the rate once, for a first state.

    Raises:
        InvalidValueError: It does.
    """
    import jax
    import jax.numpy as jnp
    import optax

    plain = made()
    rule = plain.with_values({name: jnp.asarray(value) for name, value in plain.values().items()})
    x = (jnp.full((2, 2), 0.5),)
    given = {"loss": jnp.ones(())} if rule.needs else {}
    kinds = optax.InjectStatefulHyperparamsState
    parts = jax.tree.leaves(rule.transformation().init(x), is_leaf=lambda part: isinstance(part, kinds))
    if not any(isinstance(part, kinds) for part in parts):
        return  # what is read once may well be meant so, as the first step size of Rprop
    for name in plain.values().keys() & set(RATES):

        def step(rate: Any, state: Any, name: str = name) -> Any:
            return rule.with_values({name: rate}).update(x, x, state, jnp.ones(()), **given)

        if not _is_read(jax.make_jaxpr(step)(jnp.ones(()), rule.init(x)).jaxpr):
            raise InvalidValueError(
                f"optimizer {rule.name!r} keeps its first {name} in its state, so that no schedule can change it; "
                "give a function that makes it without optax.inject_hyperparams."
            )


def _is_read(jaxpr: Any) -> bool:
    """Return whether anything that is returned comes of the first argument."""
    reached = {jaxpr.invars[0]}
    for one in jaxpr.eqns:
        if any(read in reached for read in one.invars if not hasattr(read, "val")):  # literals have a value
            reached.update(one.outvars)
    return any(out in reached for out in jaxpr.outvars if not hasattr(out, "val"))


def _origin(make: Callable[..., Any]) -> str:
    """Return what the function is called for people, with its module if that is Optax."""
    inner = getattr(make, "func", make)
    word = getattr(inner, "__name__", type(inner).__name__).strip("<>")
    module = getattr(inner, "__module__", "") or ""
    return f"{'optax.' if module.startswith('optax') else ''}{word}"


def _called(make: Callable[..., Any]) -> str:
    """Return a name for the function, with the arguments that a partial gives."""
    given = {**dict(enumerate(getattr(make, "args", ()))), **getattr(make, "keywords", {})}
    word = _origin(make)
    if not given:
        return word
    return f"{word}({','.join(f'{key}={_brief(value)}' for key, value in given.items())})"


def _brief(value: Any) -> str:
    return getattr(value, "__name__", None) or repr(value)


def _loaded(reference: str) -> None:
    try:
        import optax  # noqa: F401
    except ImportError:
        raise InvalidValueError(
            f"optimizer {reference!r} needs optax, which is not installed; install it with: "
            "pip install 'thalweg[optax]'."
        ) from None
