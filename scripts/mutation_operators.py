"""The mistakes that a mutation campaign makes, one at a time, in the source of a rule.

A mutant changes one number, sign, operator, comparison, name, argument, default or preset. Texts for people
(formulas, titles, meanings, docstrings, error messages), annotations and arguments that only choose an array library,
a shape or a dtype (``namespace(x)``, ``zeros_like(x)``, ``x.dtype``) are left alone.
"""

import ast
import copy
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Mutant", "Vocabulary", "apply", "mutants"]

Path = tuple[tuple[str, int | None], ...]

_TEXTS = {"name", "title", "formula", "sources", "differences", "slips", "attributes", "needs", "SOURCE"}
_PROSE_KEYWORDS = {"meaning", "choices", "strict"}
_OPERATORS = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add, ast.Mult),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.Sub),
    ast.Pow: (ast.Mult,),
}
_COMPARISONS = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.GtE, ast.Gt),
    ast.LtE: (ast.Gt, ast.GtE),
    ast.Gt: (ast.LtE, ast.Lt),
    ast.GtE: (ast.Lt, ast.LtE),
}
_LIKENESS = {
    "namespace": 0,
    "zeros_like": 0,
    "ones_like": 0,
    "full_like": 0,
    "finfo": 0,
    "begin": 1,
    "_start": 1,
    "parted": 1,
}
"""Functions of which one argument is only an example of a library, a shape or a dtype, and its place."""
_COMMUTING = {"dot", "inner", "max", "min", "maximum", "minimum"}  # the order of their arguments is of no account
_UNSWAPPED = {*_LIKENESS, *_COMMUTING}
_EXAMPLES = {"dtype", "shape", "ndim"}  # what is read off an array whose numbers do not matter
_TWINS = {"maximum": "minimum", "zeros_like": "ones_like", "ones_like": "zeros_like", "logical_and": "logical_or"}


@dataclass(frozen=True)
class Vocabulary:
    """What a module's classes know by name.

    Attributes:
        hyperparameters: Numeric fields of its rules.
        choices: Every choice of each of their variants.
        state: Keys of their states.
    """

    hyperparameters: tuple[str, ...]
    choices: Mapping[str, tuple[object, ...]]
    state: tuple[str, ...]


@dataclass(frozen=True)
class Mutant:
    """One mistake: where, of what kind, and what replaces what."""

    module: str
    kind: str
    line: int
    place: str
    old: str
    new: str
    path: Path
    node: ast.AST

    def label(self) -> str:
        """Return the mutant in a line."""
        return f"{self.module}:{self.line} {self.place} [{self.kind}] {self.old} → {self.new}"


def apply(tree: ast.Module, mutant: Mutant) -> ast.Module:
    """Return a copy of a module's tree with the mistake in it."""
    changed = copy.deepcopy(tree)
    node: ast.AST = changed
    for name, index in mutant.path[:-1]:
        node = getattr(node, name) if index is None else getattr(node, name)[index]
    name, index = mutant.path[-1]
    if index is None:
        setattr(node, name, copy.deepcopy(mutant.node))
    else:
        getattr(node, name)[index] = copy.deepcopy(mutant.node)
    return ast.fix_missing_locations(changed)


def mutants(module: str, tree: ast.Module, words: Vocabulary, only: frozenset[str] | None = None) -> list[Mutant]:
    """Return every mutant of a module.

    Args:
        module: Its name, for labels.
        tree: Its syntax tree.
        words: Names that its classes know.
        only: Functions to keep to, or None for the whole module.
    """
    found: dict[tuple[Path, str], Mutant] = {}
    for path, node, place in _sites(tree, (), ""):
        if only is not None and place.partition(".")[0] not in only:
            continue
        for kind, new in _replacements(node, tree, path, words):
            old_text, new_text = ast.unparse(node), ast.unparse(ast.fix_missing_locations(new))
            if old_text != new_text and (path, new_text) not in found:
                line = getattr(node, "lineno", 0)
                found[path, new_text] = Mutant(module, kind, line, place, old_text, new_text, path, new)
    return list(found.values())


def _sites(node: ast.AST, path: Path, place: str, inside: bool = False) -> Iterator[tuple[Path, ast.AST, str]]:
    """Yield path, node and enclosing definition of everything that may be mutated, texts left out."""
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Delete):
        return
    if isinstance(node, ast.Assign | ast.AnnAssign) and _target(node) in _TEXTS | {"__all__"}:
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        place = f"{place}.{node.name}" if place else node.name
        inside = inside or isinstance(node, ast.FunctionDef)
    elif isinstance(node, ast.Assign | ast.AnnAssign) and not inside:
        place = f"{place}.{_target(node)}" if place else _target(node)
    yield path, node, place
    called = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
    if called == "namespace" or (isinstance(node, ast.Attribute) and node.attr in _EXAMPLES):
        return
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "bases", "ctx", "targets", "target"}:
            continue
        if isinstance(value, list):
            for index, item in enumerate(value):
                prose = isinstance(item, ast.keyword) and item.arg in _PROSE_KEYWORDS
                if (
                    isinstance(item, ast.AST)
                    and not prose
                    and not (called in _LIKENESS and (name, index) == ("args", _LIKENESS[called]))
                ):
                    yield from _sites(item, (*path, (name, index)), place, inside)
        elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context | ast.operator | ast.unaryop):
            yield from _sites(value, (*path, (name, None)), place, inside)


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    return ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)


def _replacements(node: ast.AST, tree: ast.Module, path: Path, words: Vocabulary) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Constant():
            yield from _constants(node, tree, path, words)
        case ast.BinOp():
            yield from _arithmetic(node, _at(tree, path[:-1]))
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            yield "sign", node.operand
        case ast.Compare(ops=[operator]):
            for other in _COMPARISONS.get(type(operator), ()):
                yield "comparison", ast.Compare(node.left, [other()], node.comparators)
        case ast.BoolOp():
            for value in node.values:
                yield "condition", value
        case ast.IfExp():
            yield "condition", node.body
            yield "condition", node.orelse
        case ast.If():
            for value in (True, False):
                yield "condition", ast.If(ast.Constant(value), node.body, node.orelse)
        case ast.Call():
            yield from _calls(node)
        case ast.Name(ctx=ast.Load()):
            yield from _names(node, _function(tree, path))
        case ast.Attribute(ctx=ast.Load()) if node.attr in words.hyperparameters:
            for other in words.hyperparameters:
                if other != node.attr:
                    yield "hyperparameter", ast.Attribute(node.value, other, ast.Load())
        case ast.Subscript(value=ast.Name(id="state"), slice=ast.Constant(value=key), ctx=ast.Load()):
            for other in words.state:
                if other != key:
                    yield "state", ast.Subscript(node.value, ast.Constant(other), ast.Load())
        case ast.Dict():
            yield from _states(node, words)
        case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=key))]) if key in words.state:
            yield "state", ast.Assign(node.targets, _old_state(str(key)))


def _constants(node: ast.Constant, tree: ast.Module, path: Path, words: Vocabulary) -> Iterator[tuple[str, ast.expr]]:
    value = node.value
    if isinstance(value, bool):
        yield "number", ast.Constant(not value)
    elif isinstance(value, int):
        yield "number", ast.Constant(value + 1)
        yield "number", ast.Constant(value - 1)
    elif isinstance(value, float):
        yield "number", ast.Constant(value * 0.99 if value else 0.125)
        yield "number", ast.Constant(value * 2.0 if value else 1.0)
    elif isinstance(value, str):
        for other in _other_choices(value, tree, path, words):
            yield "choice", ast.Constant(other)


def _other_choices(value: str, tree: ast.Module, path: Path, words: Vocabulary) -> Iterator[object]:
    """Yield the other choices of the variant for which a string stands: a preset's setting, a default, a scale."""
    parents = [_at(tree, path[:depth]) for depth in range(len(path))]
    parent, (field, index) = parents[-1], path[-1]
    known: tuple[object, ...] = ()
    if isinstance(parent, ast.Dict) and field == "values" and index is not None:
        key = parent.keys[index]
        known = words.choices.get(str(key.value), ()) if isinstance(key, ast.Constant) else ()
    elif isinstance(parent, ast.keyword) and parent.arg == "scale":
        known = ("log", "linear", "complement")
    elif isinstance(parent, ast.Call) and field == "args" and index == 0:
        literal = [keyword.value for keyword in parent.keywords if keyword.arg == "choices"]
        if literal and isinstance(literal[0], ast.Tuple):
            known = tuple(item.value for item in literal[0].elts if isinstance(item, ast.Constant))
        else:
            known = _choices_holding(value, words)
    elif isinstance(parent, ast.arguments):
        known = _choices_holding(value, words)
    yield from (other for other in known if other != value)


def _choices_holding(value: str, words: Vocabulary) -> tuple[object, ...]:
    return next((choices for choices in words.choices.values() if value in choices), ())


def _arithmetic(node: ast.BinOp, parent: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for other in _OPERATORS.get(type(node.op), ()):
        if not (other is ast.Sub and _is_zeros(node.right)):  # a - 0 = a + 0
            yield "operator", ast.BinOp(node.left, other(), node.right)
    yield "omission", node.left
    if not _is_zeros(node.left):  # which makes an array
        yield "omission", node.right
    of_its_size = isinstance(parent, ast.Call) and ast.unparse(parent.func).endswith(".abs")  # |a − b| = |b − a|
    if isinstance(node.op, ast.Sub | ast.Div | ast.Pow) and not of_its_size:
        yield "swap", ast.BinOp(node.right, node.op, node.left)


def _is_zeros(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "zeros_like"


def _calls(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    function = node.func
    if isinstance(function, ast.Attribute) and function.attr in _TWINS:
        yield "function", ast.Call(ast.Attribute(function.value, _TWINS[function.attr], ast.Load()), node.args, [])
    if ast.unparse(function) == "zeros_like":
        yield "function", ast.BinOp(node, ast.Add(), ast.Constant(1))
        return
    of_arrays = isinstance(function, ast.Attribute) and ast.unparse(function.value) == "xp"
    if of_arrays and ast.unparse(function).rpartition(".")[2] not in _LIKENESS:
        for argument in node.args:
            yield "omission", argument
    if of_arrays and ast.unparse(function) == "xp.where":
        yield "swap", ast.Call(function, [node.args[0], node.args[2], node.args[1]], [])
    elif not of_arrays and not node.keywords and ast.unparse(function).rpartition(".")[2] not in _UNSWAPPED:
        for i in range(len(node.args) - 1):
            swapped = list(node.args)
            swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
            yield "swap", ast.Call(function, swapped, [])


def _names(node: ast.Name, function: ast.FunctionDef | None) -> Iterator[tuple[str, ast.expr]]:
    if function is None:
        return
    parameters = [a.arg for a in function.args.args if a.annotation and ast.unparse(a.annotation) in _NUMERIC]
    assigned = [
        (target.lineno, target.id)
        for target in ast.walk(function)
        if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store) and target.id != "xp"
    ]
    if node.id == "t":
        yield "step", ast.BinOp(ast.Name("t", ast.Load()), ast.Add(), ast.Constant(1))
        yield "step", ast.BinOp(ast.Name("t", ast.Load()), ast.Sub(), ast.Constant(1))
    if node.id not in {*parameters, *(name for _, name in assigned)}:
        return
    before = [name for line, name in sorted(assigned) if line < node.lineno and name != node.id]
    for other in dict.fromkeys([*(p for p in parameters if p != node.id), *before[-2:]]):
        yield "name", ast.Name(other, ast.Load())


_NUMERIC = {"Array", "Number", "Arrays", "list[Array]"}


def _states(node: ast.Dict, words: Vocabulary) -> Iterator[tuple[str, ast.expr]]:
    keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
    if len(keys) != len(node.values) or not set(keys) <= set(words.state) or not keys:
        return
    for i, j in itertools.combinations(range(len(keys)), 2):
        values = list(node.values)
        values[i], values[j] = values[j], values[i]
        yield "state", ast.Dict(node.keys, values)
    for i, key in enumerate(keys):
        values = list(node.values)
        values[i] = _old_state(str(key))
        yield "state", ast.Dict(node.keys, values)


def _old_state(key: str) -> ast.expr:
    return ast.Subscript(ast.Name("state", ast.Load()), ast.Constant(key), ast.Load())


def _function(tree: ast.Module, path: Path) -> ast.FunctionDef | None:
    for depth in range(len(path), 0, -1):
        node = _at(tree, path[:depth])
        if isinstance(node, ast.FunctionDef):
            return node
    return None


def _at(tree: ast.AST, path: Path) -> ast.AST:
    node = tree
    for name, index in path:
        node = getattr(node, name) if index is None else getattr(node, name)[index]
    return node
