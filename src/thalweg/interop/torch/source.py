"""Write a recorded update as a C function that makes one pass over all parameters of a group.

Numbers are computed in double, once per parameter; arrays in one loop, in float (in double for float64), so that every
element is read once and written once. No operation is contracted or reordered: in float32 the loop rounds where
PyTorch's own operations do.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from thalweg.interop.torch.axes import UntraceableError
from thalweg.interop.torch.tracing import Operation, Trace, Value

__all__ = ["HEAD", "REAL", "Slot", "expression", "load", "slots_of", "source_of", "store", "values_of"]

REAL = {torch.float32: "float", torch.float64: "double", torch.bfloat16: "bfloat16", torch.float16: "_Float16"}
HEAD = """#include <tgmath.h>
#include <stdint.h>
#include <string.h>
typedef struct {{ uint16_t bits; }} bfloat16;
static inline float widened(bfloat16 x) {{
  uint32_t bits = (uint32_t)x.bits << 16; float result; memcpy(&result, &bits, 4); return result;
}}
static inline bfloat16 rounded(float x) {{
  uint32_t bits; memcpy(&bits, &x, 4); bfloat16 result;
  result.bits = x != x ? 0x7FC0 : (uint16_t)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
  return result;
}}
typedef {real} real;
"""
TAIL = """
void thalweg_update(int64_t count, const int64_t *sizes, void **pointers, const double *h, double *scratch,
                    int32_t threads) {{
  int64_t total = 0;
  for (int64_t i = 0; i < count; i++) {{
    prepare(h, pointers + i, count, scratch + i * {kept});
    total += sizes[i];
  }}
  #pragma omp parallel for schedule(static, 1) num_threads(threads) if (threads > 1)
  for (int64_t part = 0; part < threads; part++) {{
    int64_t grain = ((total + threads - 1) / threads + 15) / 16 * 16;
    int64_t from = part * grain, to = from + grain < total ? from + grain : total, start = 0;
    for (int64_t i = 0; i < count && start < to; start += sizes[i++]) {{
      int64_t first = from > start ? from - start : 0;
      int64_t last = to - start < sizes[i] ? to - start : sizes[i];
      if (first < last) run(pointers + i, count, scratch + i * {kept}, first, last);
    }}
  }}
}}
"""
COMPARISONS = {"gt": ">", "lt": "<", "ge": ">=", "le": "<=", "eq": "==", "ne": "!="}
SAME = ("clone", "detach", "alias", "_to_copy", "lift_fresh", "lift_fresh_copy", "expand", "positive")
SLOW = ("exp", "log", "expm1", "log1p", "tanh", "sin", "cos", "exp2", "log2", "floor", "ceil", "trunc", "cosh", "sinh")
FORMS: dict[str, str] = {
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-{0}",
    "reciprocal": "{one} / {0}",
    "sqrt": "sqrt({0})",
    "rsqrt": "{one} / sqrt({0})",
    "abs": "fabs({0})",
    "square": "{0} * {0}",
    "sign": "({0} > 0 ? {one} : ({0} < 0 ? -{one} : {0}))",
    "maximum": "((({0} > {1}) | ({0} != {0})) ? {0} : {1})",
    "minimum": "((({0} < {1}) | ({0} != {0})) ? {0} : {1})",
    "clamp_min": "({0} < {1} ? {1} : {0})",
    "clamp_max": "({0} > {1} ? {1} : {0})",
    "where": "({0} ? {1} : {2})",
    "logical_and": "({0} & {1})",
    "bitwise_and": "({0} & {1})",
    "logical_or": "({0} | {1})",
    "bitwise_or": "({0} | {1})",
    "logical_not": "(!{0})",
    "bitwise_not": "(!{0})",
    "isnan": "({0} != {0})",
    "isfinite": "({0} - {0} == 0)",
    "lerp": "{0} + {2} * ({1} - {0})",
    **{name: "({0} " + sign + " {1})" for name, sign in COMPARISONS.items()},
}


@dataclass(frozen=True)
class Slot:
    """One array that the function is given per parameter: a pointer, in this order.

    Attributes:
        name: ``step``, ``point``, ``parameter``, ``gradient``, ``state``, or an input's name.
        dtype: Dtype of its elements.
        before: What is read from it, or None.
        after: What is written to it, or None.
    """

    name: str
    dtype: torch.dtype
    before: Value | None
    after: Value | None


def slots_of(trace: Trace, dtype: torch.dtype, state_dtypes: Sequence[torch.dtype]) -> list[Slot]:
    """Return the pointers that the function wants per parameter.

    Args:
        trace: The update.
        dtype: Dtype of the parameter, its gradient and all inputs.
        state_dtypes: Dtype of every leaf of the state.
    """
    slots = [Slot("step", torch.float64, None, None)]
    slots.append(Slot("point", dtype, trace.point, _changed(trace.point, trace.next_point)))
    if trace.look is not None:
        slots.append(Slot("parameter", dtype, None, trace.look))
    slots.append(Slot("gradient", dtype, trace.gradient, None))
    for before, after, state_dtype in zip(trace.state, trace.next_state, state_dtypes, strict=True):
        slots.append(Slot("state", state_dtype, before, _changed(before, after)))
    slots += [Slot(name, dtype, value, None) for name, value in trace.inputs.items()]
    return slots


def source_of(trace: Trace, slots: Sequence[Slot]) -> tuple[str, int]:
    """Return the C source, and how many numbers it keeps per parameter between its two parts.

    Raises:
        UntraceableError: An operation that is not known here, or that C would do slower than PyTorch.
    """
    if any(slot.dtype not in REAL for slot in slots):
        raise UntraceableError("a dtype that C does not know")
    real = "double" if slots[1].dtype == torch.float64 else "float"
    numbers, arrays = _statements(trace)
    used = {v.index for op in trace.operations if op.result.array for v in values_of(op) if not v.array}
    outputs = [slot.after for slot in slots if slot.after is not None]
    used |= {value.index for value in outputs if not value.array}
    kept = sorted(used)
    prepare = ["static void prepare(const double *h, void **p, int64_t n, double *s) {"]
    prepare += ["  double *count = p[0];", "  const double " + f"v{trace.step.index} = *count += 1;"]
    prepare += [f"  const double v{value.index} = h[{i}];" for i, value in enumerate(trace.settings)]
    prepare += [f"  const double v{s.before.index} = {load(s, i, '[0]')};" for i, s in _given(slots, array=False)]
    prepare += numbers
    prepare += [f"  s[{place}] = v{index};" for place, index in enumerate(kept)]
    prepare += [store(s, i, "[0]") for i, s in enumerate(slots) if s.after is not None and _is_number(s)]
    run = ["}", "static void run(void **p, int64_t n, const double *s, int64_t from, int64_t to) {"]
    run += [f"  const real v{index} = (real)s[{place}];" for place, index in enumerate(kept)]
    touched = [(i, s) for i, s in enumerate(slots) if i and not _is_number(s)]
    run += [f"  {REAL[s.dtype]} *restrict a{i} = p[{i} * n];" for i, s in touched]
    run += ["  #pragma omp simd", "  for (int64_t i = from; i < to; i++) {"]
    run += [f"    const real v{s.before.index} = {load(s, i, '[i]', f'a{i}')};" for i, s in _given(slots, array=True)]
    run += [f"  {line}" for line in arrays]
    run += ["  " + store(s, i, "[i]", f"a{i}") for i, s in touched if s.after is not None]
    run += ["  }", "}"]
    text = HEAD.format(real=real) + "\n".join([*prepare, *run])
    return text + TAIL.format(kept=max(1, len(kept))), max(1, len(kept))


def _changed(before: Value, after: Value) -> Value | None:
    return None if before == after else after


def _is_number(slot: Slot) -> bool:
    value = slot.before or slot.after
    return value is not None and slot.name == "state" and not value.array


def _given(slots: Sequence[Slot], *, array: bool) -> list[tuple[int, Any]]:
    return [(i, s) for i, s in enumerate(slots) if s.before is not None and s.before.array == array]


def load(slot: Slot, place: int, index: str, name: str = "") -> str:
    """Return the C expression that reads an element of an array: of a pointer's name, or of the pointer in a place."""
    pointer = name or f"(({REAL[slot.dtype]} *)p[{place} * n])"
    return f"widened({pointer}{index})" if slot.dtype == torch.bfloat16 else f"{pointer}{index}"


def store(slot: Slot, place: int, index: str, name: str = "") -> str:
    """Return the C statement that writes an element of an array, likewise."""
    assert slot.after is not None
    pointer, value = name or f"(({REAL[slot.dtype]} *)p[{place} * n])", f"v{slot.after.index}"
    return f"  {pointer}{index} = " + (f"rounded({value});" if slot.dtype == torch.bfloat16 else f"{value};")


def values_of(operation: Operation) -> list[Value]:
    """Return the numbers and arrays that an operation is given."""
    return [v for v in (*operation.arguments, *operation.keywords.values()) if isinstance(v, Value)]


def _statements(trace: Trace) -> tuple[list[str], list[str]]:
    """Return the statements that compute numbers, and those that compute elements."""
    numbers, arrays = [], []
    for operation in trace.operations:
        result = operation.result
        kind = "real" if result.array else "double"
        line = f"  const {'int' if result.truth else kind} v{result.index} = {expression(operation, kind)};"
        (arrays if result.array else numbers).append(line)
    return numbers, arrays


def expression(operation: Operation, kind: str) -> str:
    """Return the C expression of an operation whose arguments are variables; ``kind`` is the type of its constants.

    Raises:
        UntraceableError: It is not known here, or C would do it slower than PyTorch.
    """

    def said(argument: Any) -> str:
        return f"v{argument.index}" if isinstance(argument, Value) else _literal(argument, kind)

    name, given = operation.name, operation.arguments
    if any(isinstance(value, list) and name != "expand" for value in given) and name not in CONSTANTS:
        raise UntraceableError(name)
    if name in CONSTANTS:
        return said(CONSTANTS[name](*given))
    if name in SAME:
        return f"({said(given[0])} != 0)" if operation.result.truth else said(given[0])
    if name in ("add", "sub", "rsub"):
        return _sum(name, said(given[0]), said(given[1]), operation.keywords.get("alpha", 1), kind)
    if name == "clamp":
        return _clamped(said(given[0]), [said(a) if a is not None else "" for a in (*given[1:], None, None)[:2]])
    if name == "pow":
        return _power(given, said, operation.result.array)
    if name in SLOW and not operation.result.array:
        return f"{name}({said(given[0])})"
    if name == "remainder" and not operation.result.array:
        a, b = said(given[0]), said(given[1])
        return f"{a} - {b} * floor({a} / {b})"
    if name not in FORMS or operation.keywords:
        raise UntraceableError(name)
    return FORMS[name].format(*(said(argument) for argument in given), one=_literal(1, kind))


CONSTANTS: dict[str, Callable[..., Any]] = {
    "zeros_like": lambda *_: 0.0,
    "zeros": lambda *_: 0.0,
    "new_zeros": lambda *_: 0.0,
    "ones_like": lambda *_: 1.0,
    "ones": lambda *_: 1.0,
    "new_ones": lambda *_: 1.0,
    "full_like": lambda _, value: value,
    "full": lambda _, value: value,
    "scalar_tensor": lambda value: value,
}


def _literal(number: Any, kind: str) -> str:
    if isinstance(number, bool):
        return str(int(number))
    if not isinstance(number, int | float):
        raise UntraceableError(f"the argument {number!r}")
    if math.isnan(number):
        return "NAN"
    if math.isinf(number):
        return "INFINITY" if number > 0 else "(-INFINITY)"
    return f"({kind}){float(number)!r}"


def _sum(name: str, a: str, b: str, alpha: Any, kind: str) -> str:
    first, second = (b, a) if name == "rsub" else (a, b)
    factor = "" if alpha == 1 else f"{_literal(alpha, kind)} * "
    return f"{first} {'+' if name == 'add' else '-'} {factor}{second}"


def _clamped(value: str, bounds: list[str]) -> str:
    low, high = bounds
    raised = f"({value} < {low} ? {low} : {value})" if low else value
    return f"({raised} > {high} ? {high} : {raised})" if high else raised


def _power(given: tuple[Any, ...], said: Callable[[Any], str], array: bool) -> str:
    base, exponent = given
    plain = {2: "{0} * {0}", 3: "{0} * {0} * {0}", 0.5: "sqrt({0})", -1: "1 / {0}", 1: "{0}"}
    if not isinstance(exponent, Value) and exponent in plain:
        return plain[exponent].format(said(base))
    if array:
        raise UntraceableError("a power of an array")
    return f"pow({said(base)}, {said(exponent)})"
