"""The architecture holds: the floors, what reaches JAX, the size of files, one docstring and ``__all__`` per module."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "thalweg"
MODULES = sorted(p for p in SOURCE.rglob("*.py") if "versions" not in p.parts and p.name != "env.py")
LONGEST_FILE = 500  # lines
LONGEST_FUNCTION = 40  # lines of code, docstring and comments apart
HEAVY = ("jax", "torch", "sklearn", "matplotlib", "pandas", "sqlalchemy", "scipy", "pyarrow")


def loaded_after(program: str, names: tuple[str, ...] = HEAVY) -> list[str]:
    """Return those of ``names`` that are imported once a program has run in a fresh interpreter."""
    report = f"\nimport sys; print('LOADED', *[n for n in {names!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program + report], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.rsplit("LOADED", 1)[1].split()


def test_floors_hold() -> None:
    from importlinter.cli import lint_imports

    assert lint_imports(config_filename=str(SOURCE.parents[1] / "pyproject.toml"), no_cache=True) == 0


def test_importing_thalweg_loads_none_of_its_parts() -> None:
    assert loaded_after("import thalweg", (*HEAVY, "numpy", "click", "rich", "thalweg.optimizers")) == []


@pytest.mark.parametrize("package", ["optimizers", "handcoded", "landscapes", "records", "store", "report"])
def test_package_is_light(package: str) -> None:
    assert loaded_after(f"import thalweg.{package}", ("jax", "torch")) == []


LIGHT = (
    "--help", "compare --help", "list optimizers", "list tasks --json", "list landscapes", "explain adam",
    "explain rosenbrock", "list schedules", "list initializers", "list techniques", "explain cosine", "explain he",
    "explain clip-norm",
)  # fmt: skip


@pytest.mark.parametrize("line", LIGHT)
def test_looking_things_up_loads_nothing_heavy(line: str) -> None:
    assert loaded_after(f"from thalweg.cli import main; assert main({line.split()!r}) == 0") == []


def test_help_needs_neither_numpy_nor_rich() -> None:
    assert loaded_after("from thalweg.cli import main; main(['--help'])", ("numpy", "rich")) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_module_is_in_order(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "no docstring"
    assert len(text.splitlines()) <= LONGEST_FILE
    has_all = any(isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__" for n in tree.body)
    only_docstring = len(tree.body) == 1
    assert has_all or only_docstring or path.name == "__main__.py", "no __all__"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert code_lines(node, lines) <= LONGEST_FUNCTION, f"{node.name} is too long"


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Return how many lines of code a function's body has; docstring, comments and blank lines do not count."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    if not body or node.end_lineno is None:
        return 0
    inside = lines[body[0].lineno - 1 : node.end_lineno]
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in inside)


@pytest.mark.parametrize("package", sorted({p.parent for p in MODULES}), ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_package_of_catch_alls(package: Path) -> None:
    names = {p.stem for p in package.glob("*.py")}
    assert not names & {"utils", "util", "helpers", "misc", "common"}


def test_every_test_file_has_a_name_of_its_own() -> None:
    # pytest imports them by their bare names, as tests/ holds no packages.
    names = [path.name for path in Path(__file__).parent.rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
