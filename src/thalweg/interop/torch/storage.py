"""Averages stored with fewer bits between the steps: torch.bfloat16, or eight bits and a scale per block.

A step reads a parameter's averages into float32, updates them and stores them again, parameter by parameter, so that
no more than the largest of them is there twice. The numbers that round at random are drawn from a generator that
depends on the step and the parameter alone: runs are repeated to the bit, one that is taken up again included, and
PyTorch's own random numbers are left as they are.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from thalweg.compression import BLOCK, FORMATS, SMALLEST, decode, encode, in_bfloat16, is_random
from thalweg.errors import InvalidValueError
from thalweg.interop.torch.sharding import is_sharded
from thalweg.optimizers.base import Rule
from thalweg.optimizers.compressible import check_compressible, compressible

__all__ = ["check_format", "first_stored", "is_coded", "is_stored", "opened", "read"]

CODED = {"codes", "scales"}


def check_format(rule: Rule, form: Any) -> None:
    """Refuse a form of storage that is not known, or not for this rule.

    Args:
        rule: The optimizer.
        form: One of :data:`thalweg.compression.FORMATS`, or None.

    Raises:
        InvalidValueError: It is another, or the rule keeps nothing that bears fewer bits.
    """
    if form is None:
        return
    if form not in FORMATS:
        raise InvalidValueError(
            f"{rule.name}: state_format = {form!r} is not allowed; give None or one of {', '.join(FORMATS)}."
        )
    check_compressible(rule, f"state_format = {form!r}")


def is_coded(value: Any) -> bool:
    """Return whether an entry of a state is stored as codes with scales."""
    return isinstance(value, dict) and value.keys() == CODED


def is_stored(rule: Rule, parameter: torch.Tensor, kept: Mapping[str, Any], form: str | None) -> bool:
    """Return whether a parameter's averages are, or are to be, stored with fewer bits."""
    if form is None:
        names = compressible(rule)
        return any(is_coded(kept[name]) or _is_narrow(kept[name], parameter) for name in names if name in kept)
    return (parameter.numel() >= SMALLEST and bool(_names(rule, parameter, kept))) or any(map(is_coded, kept.values()))


def first_stored(rule: Rule, parameter: Any, kept: dict[str, Any], form: str | None) -> dict[str, Any]:
    """Return the first state of a parameter as it is stored.

    Raises:
        InvalidValueError: The parameter is spread over processes.
    """
    if form is None or parameter.numel() < SMALLEST:
        return kept
    if is_sharded(parameter):
        raise InvalidValueError(
            f"{rule.name}: state_format = {form!r} is not allowed for a parameter that is spread over processes; "
            "leave it out."
        )
    stored = {name: _written(kept[name], form, None) for name in _names(rule, parameter, kept)}
    return {**kept, **stored}


def read(value: Any, dtype: torch.dtype = torch.float32) -> Any:
    """Return an entry of a state with its numbers as they are computed with; what is not in codes as it is."""
    if not is_coded(value):
        return value
    codes = value["codes"]
    flat = torch.nn.functional.pad(codes.reshape(-1), (0, -codes.numel() % BLOCK))
    return decode(flat.view(-1, BLOCK), value["scales"], torch.empty(codes.shape, dtype=dtype, device="meta"))


@contextlib.contextmanager
def opened(rule: Rule, parameter: torch.Tensor, kept: dict[str, Any], form: str | None, place: int) -> Iterator[None]:
    """Let a parameter's state hold its averages in full within a ``with`` block, and store them at its end.

    Args:
        rule: The optimizer.
        parameter: The parameter.
        kept: What the optimizer keeps of it; changed in place.
        form: How the averages are stored; None if they no longer are to be.
        place: Number of the parameter among those of its group that are updated.
    """
    names = _names(rule, parameter, kept)
    dtype = torch.float64 if parameter.dtype == torch.float64 else torch.float32
    for name in names:
        kept[name] = read(kept[name], dtype).to(dtype)
    try:
        yield
    finally:
        generator = torch.Generator(parameter.device)
        generator.manual_seed(int(kept["step_number"]) * 1_000_003 + place)
        if form is not None:
            for name in names:
                kept[name] = _written(kept[name], form, generator if is_random(form) else None)


def _written(values: torch.Tensor, form: str, generator: torch.Generator | None) -> Any:
    """Return numbers as they are stored, rounded to nearest if there is no generator."""
    noise = None if generator is None else torch.rand(values.shape, generator=generator, device=values.device)
    if form.startswith("bfloat16"):
        return in_bfloat16(values, noise).to(torch.bfloat16)
    codes, scales = encode(values, noise)
    return {"codes": codes.view(-1)[: values.numel()].reshape(values.shape).clone(), "scales": scales}


def _names(rule: Rule, parameter: torch.Tensor, kept: Mapping[str, Any]) -> list[str]:
    def shape(value: Any) -> Any:
        return (value["codes"] if is_coded(value) else value).shape

    return [name for name in compressible(rule) if name in kept and shape(kept[name]) == parameter.shape]


def _is_narrow(value: torch.Tensor, parameter: torch.Tensor) -> bool:
    return value.shape == parameter.shape and value.dtype.itemsize < parameter.dtype.itemsize
