"""Set the start of a model's arrays: weights by an initializer, biases by strategies, the rest left as it is."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.initializers.base import Initializer
from thalweg.initializers.biases import BiasStrategy
from thalweg.settings import as_notation

__all__ = ["ROLES", "fans", "initialize", "purpose", "random_stream"]

ROLES = ("output-bias", "gate-bias", "fixed", "patch:N")
STATE = "state"  # first name of the paths of what is not trained

_BIAS_NAME = re.compile(r".*bias.*|b\d*|b_\w+", re.IGNORECASE)
_PATCH = re.compile(r"patch:([1-9]\d*)")


def initialize(
    arrays: Mapping[str, np.ndarray],
    initializer: Initializer | None,
    biases: Sequence[BiasStrategy] = (),
    *,
    roles: Mapping[str, str],
    output: str,
    targets: np.ndarray | None,
    seed: int,
) -> dict[str, np.ndarray]:
    """Return a model's arrays with new weights and biases.

    Weights are arrays of two and more axes, biases arrays of one axis or none whose last name holds "bias" or is
    ``b``, ``b2``, ``b_in``. What is neither (scales of a normalization, for one), what has the role ``fixed``, what
    is under ``state``, and biases that no strategy speaks of keep the values given. Every array has a random stream
    of its own, made from the seed and its path: a layer more changes no other layer.

    Args:
        arrays: The arrays by path, names joined by dots, as in ``layer1.weight``.
        initializer: Law of the weights, or None to keep them.
        biases: Strategies for biases; where two speak of one bias, the one with fewer roles is meant.
        roles: What an array is for, by path, where its name does not say it: ``output-bias``, ``gate-bias``,
            ``fixed``, or ``patch:9`` for a convolution of 9 places written as a matrix, see :func:`fans`.
        output: What output biases estimate: ``classes``, ``values``, or empty if unknown.
        targets: Targets of the training set for their marginal statistics, or None.
        seed: Any whole number.

    Returns:
        All arrays by path, shapes and dtypes as given. Arrays that are kept are the same objects.

    Raises:
        UnknownNameError: A role is not known.
        InvalidValueError: A role names no array, a setting has no array to act on or contradicts another, an array
            cannot be drawn, or what is drawn is not finite.

    Example:
        >>> from thalweg.initializers import parse_bias, parse_initializer
        >>> start = {"layer1.weight": np.zeros((3, 2)), "layer1.bias": np.zeros(2)}
        >>> drawn = initialize(start, parse_initializer("he"), [parse_bias("constant:0.1")], roles={}, output="",
        ...                    targets=None, seed=0)
        >>> drawn["layer1.bias"]
        array([0.1, 0.1])
    """
    _check_roles(arrays, roles)
    purposes = {path: purpose(path, array, roles.get(path, "")) for path, array in arrays.items()}
    strategies = _strategies(biases, purposes)
    if initializer is not None and "weight" not in purposes.values():
        raise InvalidValueError(
            f"initializer {as_notation(initializer)!r}: the model has no weights, which are arrays of two or more "
            "axes; leave the initializer out."
        )
    made = dict(arrays)
    for path, what in purposes.items():
        array = arrays[path]
        if what == "weight" and initializer is not None:
            rng = random_stream(seed, path)
            drawn = _weights(initializer, rng, array, path, fans(array.shape, roles.get(path, "")))
            made[path] = _checked(drawn, initializer, array, path)
        elif what in strategies:
            made[path] = _checked(
                _biases(strategies[what], array, path, output, targets), strategies[what], array, path
            )
    return made


def purpose(path: str, array: np.ndarray, role: str = "") -> str:
    """Return ``weight``, ``hidden-bias``, ``output-bias``, ``gate-bias``, or an empty text for what is left alone.

    Example:
        >>> purpose("layer1.bias", np.zeros(3)), purpose("norm1.scale", np.ones(3)), purpose("w", np.ones((2, 2)))
        ('hidden-bias', '', 'weight')
    """
    if role == "fixed" or path.split(".")[0] == STATE or np.asarray(array).dtype.kind in "biuOSU":
        return ""
    if role in {"output-bias", "gate-bias"}:
        return role
    if array.ndim >= 2:
        return "weight"
    return "hidden-bias" if _BIAS_NAME.fullmatch(path.rpartition(".")[2]) else ""


def fans(shape: Sequence[int], role: str = "") -> tuple[int, int]:
    """Return the inputs of a unit and the units that an input reaches, for an array with its outputs last.

    A convolution's input reaches every output channel from every place of the patch: axes before the last two count
    for the fan-out too, as in JAX, Keras and torch. A convolution written as a matrix, (patch × channels in, channels
    out), counts so with the role ``patch:9``; without it, it is taken for a dense layer, which only laws that use n
    notice.

    Args:
        shape: Two or more extents.
        role: ``patch:N`` for a convolution of N places written as a matrix, or any other text.

    Example:
        >>> fans((64, 32)), fans((3, 3, 8, 16)), fans((72, 16), "patch:9"), fans((72, 16))
        ((64, 32), (72, 144), (72, 144), (72, 16))
    """
    patch = _PATCH.fullmatch(role)
    places = int(patch[1]) if patch else math.prod(shape[:-2])
    return math.prod(shape[:-1]), places * shape[-1]


def random_stream(seed: int, path: str) -> np.random.Generator:
    """Return the random generator of one array: the same for the same seed and path, unrelated for any other."""
    digest = hashlib.sha256(f"{seed} {path}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def _check_roles(arrays: Mapping[str, np.ndarray], roles: Mapping[str, str]) -> None:
    for path, role in roles.items():
        if role not in ROLES and not _PATCH.fullmatch(role):
            raise UnknownNameError(f"role of {path}", role, ROLES)
        if path not in arrays:
            raise InvalidValueError(
                f"role {role!r} is given to {path!r}, and the model has no such array; it has {', '.join(arrays)}."
            )
        patch = _PATCH.fullmatch(role)
        if patch and (arrays[path].ndim < 2 or math.prod(arrays[path].shape[:-1]) % int(patch[1])):
            raise InvalidValueError(
                f"role {role!r} does not fit {_named(path, arrays[path])}, whose inputs are no multiple of {patch[1]}; "
                "give the number of places of the convolution's patch."
            )


def _strategies(biases: Sequence[BiasStrategy], purposes: Mapping[str, str]) -> dict[str, BiasStrategy]:
    """Return the strategy of every role of biases that the model has and some strategy speaks of."""
    chosen: dict[str, BiasStrategy] = {}
    for strategy in sorted(biases, key=lambda one: -len(one.roles)):
        for role in strategy.roles:
            rival = chosen.get(role)
            if rival is not None and len(rival.roles) == len(strategy.roles):
                raise InvalidValueError(
                    f"biases {as_notation(rival)!r} and {as_notation(strategy)!r} both set {role.replace('-', ' ')}es; "
                    "give one of them."
                )
            chosen[role] = strategy
    for strategy in biases:
        if not set(strategy.roles) & set(purposes.values()):
            kinds = " or ".join(role.replace("-", " ") + "es" for role in strategy.roles)
            raise InvalidValueError(
                f"biases {as_notation(strategy)!r}: no array of the model is known for its {kinds}; leave it out, or "
                f"name the array in the task's roles."
            )
    return chosen


def _weights(
    initializer: Initializer, rng: np.random.Generator, array: np.ndarray, path: str, fan: tuple[int, int]
) -> np.ndarray:
    if 0 in array.shape:
        raise InvalidValueError(
            f"{_named(path, array)}: a layer has at least one input and one unit; make the layer wider."
        )
    try:
        return initializer.draw(rng, array.shape, *fan)
    except InvalidValueError as error:
        raise InvalidValueError(f"{_named(path, array)}: {error}") from error


def _biases(
    strategy: BiasStrategy, array: np.ndarray, path: str, output: str, targets: np.ndarray | None
) -> np.ndarray:
    if array.size == 0:
        raise InvalidValueError(f"{_named(path, array)}: a layer has at least one unit; make the layer wider.")
    try:
        return strategy.fill(array.size, output, targets).reshape(array.shape)
    except InvalidValueError as error:
        raise InvalidValueError(f"biases {as_notation(strategy)!r} of {_named(path, array)}: {error}") from error


def _checked(drawn: np.ndarray, source: Initializer | BiasStrategy, array: np.ndarray, path: str) -> np.ndarray:
    """Return what was drawn in the array's dtype; refuse a wrong shape or what is not finite."""
    if np.shape(drawn) != array.shape:
        raise InvalidValueError(
            f"{_named(path, array)}: {as_notation(source)!r} drew the shape {np.shape(drawn)}; return the shape it is "
            "asked for."
        )
    with np.errstate(over="ignore"):
        made = np.asarray(drawn).astype(array.dtype)
    if not np.all(np.isfinite(made)):
        raise InvalidValueError(
            f"{_named(path, array)}: {as_notation(source)!r} gives numbers that are not finite in {array.dtype}; give "
            "smaller settings."
        )
    return made


def _named(path: str, array: np.ndarray) -> str:
    return f"{path} ({' × '.join(map(str, array.shape)) or 'one number'})"
