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
PIECE = 1 << 18  # numbers coded at once; a multiple of a block


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
        fewer = [name for name, value in kept.items() if is_coded(value) or _is_narrow(value, parameter)]
        return bool(fewer) and not set(fewer).isdisjoint(compressible(rule))
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
    codes, scales = value["codes"].reshape(-1), value["scales"]
    numbers = torch.empty(codes.shape, dtype=dtype, device=codes.device)
    for part in _parts(codes.numel()):
        blocks = torch.nn.functional.pad(codes[part], (0, -codes[part].numel() % BLOCK)).view(-1, BLOCK)
        first = part.start // BLOCK
        numbers[part] = decode(blocks, scales[first : first + len(blocks)], numbers[part])
    return numbers.view(value["codes"].shape)


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
    flat, coded = values.reshape(-1), not form.startswith("bfloat16")
    stored = torch.empty(flat.shape, dtype=torch.uint8 if coded else torch.bfloat16, device=values.device)
    scales = torch.empty(-(-flat.numel() // BLOCK), dtype=torch.float32, device=values.device)
    for part in _parts(flat.numel()):
        piece, first = flat[part], part.start // BLOCK
        noise = None if generator is None else torch.rand(piece.shape, generator=generator, device=values.device)
        if not coded:
            stored[part] = in_bfloat16(piece, noise)
            continue
        codes, largest = encode(piece, noise)
        stored[part] = codes.view(-1)[: piece.numel()]
        scales[first : first + len(largest)] = largest
    if coded:
        return {"codes": stored.view(values.shape), "scales": scales}
    shaped = stored.view(values.shape)
    return shaped if values.is_contiguous() else torch.empty_like(values, dtype=torch.bfloat16).copy_(shaped)


def _parts(count: int) -> Iterator[slice]:
    """Yield the pieces in which numbers are coded, of whole blocks, so that what is needed in between stays small."""
    return (slice(start, min(start + PIECE, count)) for start in range(0, count, PIECE))


def _names(rule: Rule, parameter: torch.Tensor, kept: Mapping[str, Any]) -> list[str]:
    def shape(value: Any) -> Any:
        return (value["codes"] if is_coded(value) else value).shape

    return [name for name in compressible(rule) if name in kept and shape(kept[name]) == parameter.shape]


def _is_narrow(value: Any, parameter: torch.Tensor) -> bool:
    dtype, own = getattr(value, "dtype", None), parameter.dtype
    return dtype is not None and dtype is not own and dtype.itemsize < own.itemsize and value.shape == parameter.shape
