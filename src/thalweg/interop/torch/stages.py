"""Write a recorded update that sums over arrays as a C function: as few passes over the parameter as its sums allow.

A sum is known after a pass over all elements; what depends on it is computed in the next pass, and so on, until the
last pass writes the results. In between stand the numbers and the short arrays (a mean per row, say) that follow from
the sums. Elements are computed anew in every pass rather than kept, which costs less than to write and read them.
Sums are taken in double, whatever the dtype.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from thalweg.interop.torch.axes import REDUCTIONS, UntraceableError
from thalweg.interop.torch.source import HEAD, REAL, Slot, expression, load, store, values_of
from thalweg.interop.torch.tracing import Operation, Trace, Value

__all__ = ["staged_source"]

VIEWS = ("unsqueeze", "squeeze", "view", "_unsafe_view")
PIECE = 4096  # elements of a row that are summed at once, and the least that a thread is given
LARGE = 1 << 17  # elements from which on a parameter has all threads to itself
START = """#include <stdlib.h>
static int update(const int64_t *d, void **p, int64_t n, const double *h, int64_t threads) {"""
TAIL = """
void thalweg_update(int64_t count, const int64_t *sizes, void **pointers, const double *h, double *failed,
                    int32_t threads) {{
  #pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
  for (int64_t i = 0; i < count; i++) {{
    const int64_t *d = sizes + i * {rank};
    if (threads == 1 || {elements} < {large}) if (update(d, pointers + i, count, h, 1)) *failed = 1;
  }}
  for (int64_t i = 0; i < count; i++) {{
    const int64_t *d = sizes + i * {rank};
    if (threads > 1 && {elements} >= {large}) if (update(d, pointers + i, count, h, threads)) *failed = 1;
  }}
}}
"""

Axes = tuple[int, ...]


@dataclass(frozen=True)
class _Program:
    """What is known of an update before it is written.

    Attributes:
        slots: The pointers per parameter.
        operations: Those that the results need, in order.
        groups: The parameter's axes that the loops run along; neighbours that nothing tells apart are one.
        levels: The number of passes before each value is known, by index.
    """

    slots: Sequence[Slot]
    operations: Sequence[Operation]
    groups: tuple[Axes, ...]
    levels: Mapping[int, int]

    def axes(self, value: Value) -> Axes:
        """Return the numbers of the loops that a value depends on."""
        return tuple(place for place, group in enumerate(self.groups) if group[0] in value.axes)

    def is_whole(self, value: Value) -> bool:
        """Return whether it has an element per element of the parameter."""
        return len(self.axes(value)) == len(self.groups)

    def is_part(self, value: Value) -> bool:
        """Return whether it is a shorter array."""
        return value.array and not self.is_whole(value)

    def sums(self, level: int) -> list[Operation]:
        """Return the sums over whole arrays that one pass takes."""
        return [op for op in self.operations if self.is_pass(op) and self.levels[op.arguments[0].index] == level]

    def is_pass(self, operation: Operation) -> bool:
        """Return whether an operation is a sum over a whole array."""
        return operation.name in REDUCTIONS and self.is_whole(operation.arguments[0])


def staged_source(trace: Trace, slots: Sequence[Slot], rank: int) -> tuple[str, tuple[Axes, ...]]:
    """Return the C source, and the axes whose product is each of the lengths that the function is given.

    Args:
        trace: The update of an array of ``rank`` dimensions.
        slots: The pointers per parameter.
        rank: One or more.

    Raises:
        UntraceableError: An operation that is not known here.
    """
    program = _planned(trace, slots, rank)
    last = max(program.levels[s.after.index] for s in slots if s.after is not None)
    lines = [START, *_room(program), *_first_numbers(program, trace)]
    for level in range(last + 1):
        lines += [line for op in program.operations for line in _between(program, op, level)]
        sums = program.sums(level) if level < last else []
        if sums or level == last:
            lines += _pass(program, sums, write=level == last)
            lines += [line for op in sums for line in _collected(program, op)]
    lines += [line for i, slot in enumerate(slots) for line in _kept(program, i, slot)]
    lines += ["  free(space);", "  return 0;", "}"]
    elements = " * ".join(f"d[{axis}]" for axis in range(len(program.groups)))
    real = REAL[slots[1].dtype] if slots[1].dtype.itemsize >= 4 else "float"
    tail = TAIL.format(rank=len(program.groups), elements=elements, large=LARGE)
    return HEAD.format(real=real) + "\n".join(lines) + tail, program.groups


def _planned(trace: Trace, slots: Sequence[Slot], rank: int) -> _Program:
    if any(slot.dtype not in REAL for slot in slots):
        raise UntraceableError("a dtype that C does not know")
    needed = {slot.after.index for slot in slots if slot.after is not None}
    operations: list[Operation] = []
    for operation in reversed(trace.operations):
        if operation.result.index in needed:
            operations.insert(0, operation)
            needed |= {value.index for value in values_of(operation)}
    values = [slot.before for slot in slots if slot.before is not None] + [op.result for op in operations]
    for value in values:
        along = [axis for axis in value.axes if axis >= 0]
        if along != sorted(along) or (value.truth and 0 < len(along) < rank):
            raise UntraceableError("an array with its axes in another order")
    groups: list[Axes] = [(0,)]
    for axis in range(1, rank):
        together = all((axis in value.axes) == (axis - 1 in value.axes) for value in values)
        groups = [*groups[:-1], (*groups[-1], axis)] if together else [*groups, (axis,)]
    levels: dict[int, int] = {value.index: 0 for value in values}
    program = _Program(slots, operations, tuple(groups), levels)
    for operation in operations:
        before = max((levels.get(value.index, 0) for value in values_of(operation)), default=0)
        levels[operation.result.index] = before + program.is_pass(operation)
    return program


def _room(program: _Program) -> list[str]:
    """Return the statements that find the lengths, and memory for short arrays and for every thread's sums."""
    rank = len(program.groups)
    lines = [f"  const int64_t n{axis} = d[{axis}];" for axis in range(rank)]
    lines.append(f"  const int64_t pieces = (n{rank - 1} + {PIECE - 1}) / {PIECE};")
    lines.append(f"  const int64_t units = {_size(range(rank - 1))} * pieces, end = n{rank - 1};")
    lines.append("  if (threads > units) threads = units > 0 ? units : 1;")
    parts = [s.before for s in program.slots if s.before is not None and program.is_part(s.before)]
    parts += [op.result for op in program.operations if program.is_part(op.result)]
    sums = [op.result for op in program.operations if program.is_pass(op)]
    rooms = [(f"real *x{v.index} = (real *)", _size(program.axes(v))) for v in parts]
    rooms += [(f"double *w{v.index} = ", f"threads * {_size(program.axes(v))}") for v in sums]
    lines.append(f"  double *space = calloc({' + '.join(['1', *(size for _, size in rooms)])}, 8), *room = space;")
    lines.append("  if (!space) return 1;")
    return lines + [f"  {name}room; room += {size};" for name, size in rooms]


def _first_numbers(program: _Program, trace: Trace) -> list[str]:
    """Return the statements that read what is given, but for whole arrays."""
    lines = ["  double *count = p[0];", _number(trace.step, "*count += 1")]
    lines += [_number(value, f"h[{place}]") for place, value in enumerate(trace.settings)]
    for place, slot in enumerate(program.slots):
        if slot.before is not None and not slot.before.array:
            lines.append(_number(slot.before, load(slot, place, "[0]")))
        elif slot.before is not None and program.is_part(slot.before):
            size = _size(program.axes(slot.before))
            lines.append(
                f"  for (int64_t i = 0; i < {size}; i++) x{slot.before.index}[i] = {load(slot, place, '[i]')};"
            )
    return lines


def _between(program: _Program, operation: Operation, level: int) -> list[str]:
    """Return the statements of an operation on numbers and short arrays that become known after so many passes."""
    result = operation.result
    if program.levels[result.index] != level or program.is_whole(result) or program.is_pass(operation):
        return []
    if operation.name in REDUCTIONS:
        return _short_sum(program, operation)
    if not result.array:
        return [_number(result, _said(operation, "double"))]
    axes = program.axes(result)
    lines = [*_loops(axes), *_reals(program, operation)]
    lines.append(f"    x{result.index}[{_place(axes)}] = {_said(operation, 'real')};")
    return [*lines, "  " + "}" * len(axes)]


def _short_sum(program: _Program, operation: Operation) -> list[str]:
    """Return the statements that sum over some axes of a short array, or of a number, which is its own sum."""
    given, result = operation.arguments[0], operation.result
    if not given.array:
        return [_number(result, f"v{given.index}")]
    outer = program.axes(result)
    inner = tuple(axis for axis in program.axes(given) if axis not in outer)
    lines = [*_loops(outer), f"  double c{result.index} = 0;", *_loops(inner)]
    lines += [f"    c{result.index} += x{given.index}[{_place(program.axes(given))}];", "  " + "}" * len(inner)]
    found = f"c{result.index}" + (f" / ({_size(inner)})" if operation.name == "mean" else "")
    if not outer:
        return [*lines, _number(result, found)]
    return [*lines, f"    x{result.index}[{_place(outer)}] = {found};", "  " + "}" * len(outer)]


def _pass(program: _Program, sums: Sequence[Operation], *, write: bool) -> list[str]:
    """Return one loop over all elements, which takes sums or writes the results."""
    stores = [
        (i, s) for i, s in enumerate(program.slots) if write and s.after is not None and program.is_whole(s.after)
    ]
    body = _body(program, [*(op.arguments[0] for op in sums), *(s.after for _, s in stores if s.after is not None)])
    used = {v.index: v for op in body for v in values_of(op)} | {op.arguments[0].index: op.arguments[0] for op in sums}
    used |= {s.after.index: s.after for _, s in stores if s.after is not None}
    reads = [(i, s) for i, s in enumerate(program.slots) if s.before is not None and s.before.index in used]
    reads = [(i, s) for i, s in reads if s.before is not None and program.is_whole(s.before)]
    lines = ["  #pragma omp parallel for schedule(static, 1) num_threads(threads) if (threads > 1)"]
    lines += ["  for (int64_t part = 0; part < threads; part++) {"]
    lines += [f"    const {_kind(v)} v{v.index} = k{v.index};" for v in used.values() if not v.array]
    lines += [f"    {REAL[s.dtype]} *restrict a{i} = p[{i} * n];" for i, s in dict([*reads, *stores]).items()]
    lines += [f"    double *b{r.index} = w{r.index} + part * {_size(program.axes(r))};" for r in _results(sums)]
    lines += ["    for (int64_t u = units * part / threads; u < units * (part + 1) / threads; u++) {"]
    lines += [f"      const int64_t row = u / pieces, from = u % pieces * {PIECE}, base = row * end;"]
    lines += [f"      const int64_t to = from + {PIECE} < end ? from + {PIECE} : end;", *_rows(program)]
    inner, before, clause, after = _sums(program, sums)
    opened = [_opened(program, value) for value in used.values() if program.is_part(value)]
    lines += [line for line, _ in opened] + before + [f"      #pragma omp simd{clause}"]
    lines += ["      for (int64_t j = from; j < to; j++) {", *(line for _, line in opened if line)]
    lines += [
        f"        const real v{s.before.index} = {load(s, i, '[base + j]', f'a{i}')};"
        for i, s in reads
        if s.before is not None
    ]
    lines += [f"        const {_kind(op.result)} v{op.result.index} = {_said(op, 'real')};" for op in body]
    lines += [*inner, *("      " + store(s, i, "[base + j]", f"a{i}") for i, s in stores), "      }"]
    return [*lines, *after, "    }", "  }"]


def _body(program: _Program, wanted: Iterable[Value]) -> list[Operation]:
    """Return the operations on whole arrays that some whole arrays need."""
    needed = {value.index for value in wanted}
    found: list[Operation] = []
    for operation in reversed(program.operations):
        if operation.result.index in needed and program.is_whole(operation.result):
            found.insert(0, operation)
            needed |= {value.index for value in values_of(operation)}
    return found


def _rows(program: _Program) -> list[str]:
    """Return the statements that tell a row's places along all axes but the last."""
    rank = len(program.groups)
    return [
        f"      const int64_t i{axis} = row / ({_size(range(axis + 1, rank - 1))}) % n{axis};"
        for axis in range(rank - 1)
    ]


def _opened(program: _Program, value: Value) -> tuple[str, str]:
    """Return how a short array is read: a statement before the loop along a row, and one within it."""
    *outer, last = program.axes(value)
    if last != len(program.groups) - 1:
        return f"      const real v{value.index} = x{value.index}[{_place([*outer, last])}];", ""
    offset = f" + {_place(outer)} * end" if outer else ""
    return (
        f"      const real *restrict q{value.index} = x{value.index}{offset};",
        f"        const real v{value.index} = q{value.index}[j];",
    )


def _sums(program: _Program, sums: Sequence[Operation]) -> tuple[list[str], list[str], str, list[str]]:
    """Return how sums are taken: statements within the loop along a row, before it, its clause, and after it."""
    inner, before, along, after = [], [], [], []
    for operation in sums:
        index, axes, value = operation.result.index, program.axes(operation.result), operation.arguments[0].index
        if axes and axes[-1] == len(program.groups) - 1:
            offset = f" + {_place(axes[:-1])} * end" if axes[:-1] else ""
            before.append(f"      double *restrict y{index} = b{index}{offset};")
            inner.append(f"        y{index}[j] += v{value};")
            continue
        before.append(f"      double c{index} = 0;")
        inner.append(f"        c{index} += v{value};")
        along.append(f"c{index}")
        after.append(f"      b{index}[{_place(axes)}] += c{index};")
    return inner, before, f" reduction(+:{', '.join(along)})" if along else "", after


def _collected(program: _Program, operation: Operation) -> list[str]:
    """Return the statements that add up the threads' sums."""
    index, axes = operation.result.index, program.axes(operation.result)
    gone = _size(axis for axis in range(len(program.groups)) if axis not in axes)
    found = f"c{index}" + (f" / ({gone})" if operation.name == "mean" else "")
    add = f"for (int64_t part = 0; part < threads; part++) c{index} += w{index}[part * {_size(axes)}"
    if not axes:
        return [f"  double c{index} = 0;", f"  {add}];", _number(operation.result, found)]
    return [
        f"  for (int64_t i = 0; i < {_size(axes)}; i++) {{",
        f"    double c{index} = 0; {add} + i];",
        f"    x{index}[i] = {found};",
        "  }",
    ]


def _kept(program: _Program, place: int, slot: Slot) -> list[str]:
    """Return the statement that writes a number or a short array of the state."""
    if slot.after is None or program.is_whole(slot.after):
        return []
    if not slot.after.array:
        return [store(slot, place, "[0]")]
    size, index = _size(program.axes(slot.after)), slot.after.index
    return [
        f"  for (int64_t i = 0; i < {size}; i++) {{ const real v{index} = x{index}[i];{store(slot, place, '[i]')} }}"
    ]


def _said(operation: Operation, kind: str) -> str:
    if operation.name in VIEWS:
        return f"v{operation.arguments[0].index}"
    return expression(operation, kind)


def _reals(program: _Program, operation: Operation) -> list[str]:
    """Return the statements that read an operation's arguments at one place of a short array."""
    return [
        f"    const real v{v.index} = x{v.index}[{_place(program.axes(v))}];"
        if v.array
        else f"    const {_kind(v)} v{v.index} = k{v.index};"
        for v in {value.index: value for value in values_of(operation)}.values()
    ]


def _results(sums: Sequence[Operation]) -> list[Value]:
    return [operation.result for operation in sums]


def _number(value: Value, told: str) -> str:
    kind = "int" if value.truth else "double"  # k stands where v is hidden by one in the loops' own precision
    return f"  const {kind} v{value.index} = {told}, k{value.index} = v{value.index};"


def _kind(value: Value) -> str:
    return "int" if value.truth else "real"


def _loops(axes: Sequence[int]) -> list[str]:
    return [f"  for (int64_t i{axis} = 0; i{axis} < n{axis}; i{axis}++) {{" for axis in axes]


def _place(axes: Sequence[int]) -> str:
    """Return where an element stands in an array along some axes."""
    found = ""
    for axis in axes:
        found = f"({found} * n{axis} + i{axis})" if found else f"i{axis}"
    return found or "0"


def _size(axes: Iterable[int]) -> str:
    return " * ".join([f"n{axis}" for axis in axes] or ["1"])
