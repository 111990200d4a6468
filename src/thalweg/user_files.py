"""Take one object out of a Python file of the user's; if that fails, say in a sentence what is wrong with it."""

import ast
import difflib
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from thalweg.errors import UserFileError

__all__ = ["LoadedObject", "is_file_reference", "line_in_file", "load_object", "split_reference"]


@dataclass(frozen=True)
class LoadedObject:
    """An object out of a user's file.

    Attributes:
        value: The object.
        name: Its name in the file.
        path: The file, absolute.
        source_fingerprint: SHA-256 of the file's text, 64 hexadecimal digits. If the file imports neighbours
            from its own folder, their texts are hashed with it, so that a change in them is a change.
    """

    value: Any
    name: str
    path: Path
    source_fingerprint: str


def is_file_reference(text: str) -> bool:
    """Return whether ``text`` means a file (``path/to/file.py`` or ``path/to/file.py:name``), not a catalogue name.

    Example:
        >>> [is_file_reference(text) for text in ("adam", "adam@torch", "rule.py", "./rule.py:Mine", "lib/rule")]
        [False, False, True, True, True]
    """
    path, _ = split_reference(text)
    return path.endswith(".py") or "/" in path or "\\" in path


def split_reference(reference: str) -> tuple[str, str | None]:
    r"""Return the path and the name of ``path/to/file.py:name``; the name is None if there is no colon.

    Example:
        >>> split_reference("rules/mine.py:Mine"), split_reference("C:\\rules\\mine.py")
        (('rules/mine.py', 'Mine'), ('C:\\rules\\mine.py', None))
    """
    path, colon, name = reference.rpartition(":")
    if not colon or "/" in name or "\\" in name or name.endswith(".py"):
        return reference, None
    return path, name


def load_object(reference: str, *, argument: str, accept: Callable[[object], bool], what: str) -> LoadedObject:
    """Return an object from a Python file of the user's.

    The file runs as a module of its own, with its folder first on the import path meanwhile, so it may import
    files that lie beside it. The same text at the same path is run once per process.

    Args:
        reference: ``path/to/file.py:name``; without a name the file must define exactly one acceptable object.
        argument: What the reference was given for, e.g. ``"optimizer"``.
        accept: Says whether an object is of the kind wanted.
        what: The kind wanted, in words with an article, e.g. ``"a subclass of thalweg.Rule"``.

    Raises:
        UserFileError: The file is missing, is no Python, raises when run, or holds no such object.
    """
    text, name = split_reference(reference)
    path = _existing_file(text, argument)
    source = _read(path, argument)
    neighbours = _neighbours(path, source, argument)
    digest = _fingerprint(source, neighbours)
    module = _run(path, source, digest, argument, {module for module, _ in neighbours})
    own = _own_names(source)
    chosen = _only_acceptable(module, own, accept, path, argument, what) if name is None else name
    if chosen not in vars(module):
        near = difflib.get_close_matches(chosen, own, n=1, cutoff=0.5)
        known = ", ".join(own) if own else "nothing"
        guess = f"did you mean {near[0]!r}? It" if near else "it"
        raise UserFileError(f"{argument} {reference!r}: {path} has no {chosen!r}; {guess} defines {known}.")
    value = vars(module)[chosen]
    if not accept(value):
        kind = f"the class {value.__name__}" if isinstance(value, type) else f"an object of type {type(value).__name__}"
        raise UserFileError(f"{argument} {reference!r}: {chosen!r} in {path} is {kind}; it must be {what}.")
    return LoadedObject(value, chosen, path, digest)


def line_in_file(error: BaseException, path: Path) -> int | None:
    """Return the line of ``path`` at which an error arose or through which it passed last, or None."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return lines[-1] if lines else None


def _existing_file(text: str, argument: str) -> Path:
    path = Path(text).expanduser()
    if path.is_dir():
        raise UserFileError(f"{argument} {text!r} is a folder; give a Python file, such as {Path(text) / 'file.py'}.")
    if path.is_file():
        if path.suffix != ".py":
            raise UserFileError(f"{argument} {text!r} is not a Python file; give one whose name ends in .py.")
        return path.resolve()
    folder = path.parent
    if not folder.is_dir():
        raise UserFileError(f"{argument} {text!r}: the folder {folder} does not exist; check the path.")
    near = difflib.get_close_matches(path.name, [f.name for f in folder.glob("*.py")], n=1, cutoff=0.5)
    guess = f"did you mean {str(folder / near[0])!r}?" if near else "give the path of a Python file."
    raise UserFileError(f"{argument} {text!r}: there is no such file; {guess}")


def _read(path: Path, argument: str) -> bytes:
    try:
        source = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserFileError(f"{argument}: {path} cannot be read ({reason}); check its permissions.") from error
    try:
        ast.parse(source, filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise UserFileError(_not_python(path, error, argument)) from error
    return source


def _not_python(path: Path, error: SyntaxError | ValueError, argument: str) -> str:
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
    return f"{argument}: {path}{line} is not valid Python ({reason}); mend the line."


def _neighbours(path: Path, source: bytes, argument: str) -> list[tuple[str, bytes]]:
    """Return name and source of every module in the file's own folder that it imports, directly or through another."""
    found: dict[str, bytes] = {}
    waiting = [source]
    while waiting:
        for name in _imported_names(waiting.pop()) - found.keys():
            files = [file for file in _module_files(path.parent, name) if file != path]
            if files:
                texts = [_read(file, argument) for file in files]
                found[name] = b"\0".join(texts)
                waiting += texts
    return sorted(found.items())


def _module_files(folder: Path, name: str) -> list[Path]:
    if (folder / name / "__init__.py").is_file():
        return sorted((folder / name).rglob("*.py"))
    return [file for file in (folder / f"{name}.py",) if file.is_file()]


def _imported_names(source: bytes) -> set[str]:
    names = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def _fingerprint(source: bytes, neighbours: list[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256(source)
    for name, text in neighbours:
        digest.update(f"\0{name}\0{len(text)}\0".encode() + text)
    return digest.hexdigest()


def _run(path: Path, source: bytes, digest: str, argument: str, neighbours: set[str]) -> ModuleType:
    place = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"thalweg_user_file_{place}_{digest[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise UserFileError(f"{argument}: {path} cannot be imported as Python; check its name.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their own module up while they are made
    try:
        with _folder_first(path.parent, neighbours):
            exec(compile(source, str(path), "exec"), vars(module))
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception | SystemExit):
            raise  # Ctrl-C is not the file's fault
        raise UserFileError(_raised(path, error, argument)) from error
    return module


def _raised(path: Path, error: BaseException, argument: str) -> str:
    line = line_in_file(error, path)
    message = " ".join(str(error).split())
    what = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return (
        f"{argument}: {path}{f', line {line}' if line else ''} raises {what}; mend it so that the file can be imported."
    )


@contextmanager
def _folder_first(folder: Path, neighbours: set[str]) -> Iterator[None]:
    """Put ``folder`` first on the import path; a like-named module from elsewhere stands aside meanwhile."""

    def elsewhere(name: str) -> bool:
        file = getattr(sys.modules.get(name), "__file__", None)
        return file is None or not Path(file).is_relative_to(folder)

    aside = {
        name: module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in neighbours and elsewhere(name.partition(".")[0])
    }
    for name in aside:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        if aside:
            for name in [n for n in sys.modules if n.partition(".")[0] in neighbours]:
                del sys.modules[name]
            sys.modules.update(aside)


def _own_names(source: bytes) -> list[str]:
    """Return the public names that the file itself binds, in order; what it merely imports is not its own."""
    names: list[str] = []
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
        elif not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            waiting = list(ast.iter_child_nodes(node)) + waiting
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


def _only_acceptable(
    module: ModuleType, own: list[str], accept: Callable[[object], bool], path: Path, argument: str, what: str
) -> str:
    found: dict[int, str] = {}
    for name in own:
        if name in vars(module) and accept(vars(module)[name]):
            found.setdefault(id(vars(module)[name]), name)
    names = list(found.values())
    if len(names) == 1:
        return names[0]
    if names:
        listed = ", ".join(names)
        raise UserFileError(f"{argument}: {path} defines several ({listed}); name one, as in {path.name}:{names[0]}.")
    listed = ", ".join(own) if own else "nothing"
    raise UserFileError(f"{argument}: {path} must define {what}; it defines {listed}.")
