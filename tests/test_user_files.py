"""Objects out of users' files, and a sentence for everything that can be wrong with them."""

import dataclasses
import hashlib
import sys
from pathlib import Path

import pytest

from thalweg.errors import UserFileError
from thalweg.user_files import LoadedObject, is_file_reference, load_object


def load(reference: object, kind: type = int) -> LoadedObject:
    return load_object(
        str(reference), argument="task", accept=lambda value: isinstance(value, kind), what=f"an {kind.__name__}"
    )


def refusal(reference: object, kind: type = int) -> str:
    with pytest.raises(UserFileError) as caught:
        load(reference, kind)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    return sentence


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "mine.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("adam", False),
        ("adam@torch", False),
        ("schedule-free-adamw", False),
        ("mine.py", True),
        ("mine.py:Mine", True),
        ("./mine", True),
        ("folder/mine.py:Mine", True),
        ("C:\\folder\\mine.py", True),
    ],
)
def test_file_references_are_told_from_names(text: str, expected: bool) -> None:
    assert is_file_reference(text) is expected


def test_a_named_object_is_loaded_with_its_fingerprint(write) -> None:
    path = write("first = 1\nsecond = 2\n")
    found = load(f"{path}:second")
    assert (found.value, found.name, found.path) == (2, "second", path.resolve())
    assert found.source_fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()


def test_without_a_name_the_only_acceptable_object_is_taken(write) -> None:
    path = write("from math import pi\nname = 'text'\n_hidden = 3\nif True:\n    answer = 42\nalso = answer\n")
    assert load(path).name == "answer"  # `also` is the same object, `_hidden` private, `pi` imported


def test_an_imported_object_is_not_the_files_own(write) -> None:
    path = write("from sys import maxsize\nfrom os import *\nmine = 'text'\n")
    assert refusal(path) == f"task: {path} must define an int; it defines mine."
    assert load(f"{path}:maxsize").value == sys.maxsize  # unless it is asked for by name


def test_dataclasses_work(write) -> None:
    path = write(
        "from __future__ import annotations\nimport dataclasses\nfrom typing import ClassVar\n\n"
        "@dataclasses.dataclass(frozen=True)\nclass Point:\n    name: ClassVar[str] = 'p'\n    x: int = 1\n\n"
        "point = Point()\n"
    )
    value = load(f"{path}:point", object).value
    assert dataclasses.asdict(value) == {"x": 1}


def test_the_same_text_is_run_once_and_a_changed_text_again(write) -> None:
    path = write("value = object()\n")
    first, again = load(f"{path}:value", object), load(f"{path}:value", object)
    changed = load(f"{write('value = object()  # changed')}:value", object)
    assert first.value is again.value
    assert first.value is not changed.value
    assert first.source_fingerprint == again.source_fingerprint != changed.source_fingerprint


def test_neighbours_are_imported_and_belong_to_the_fingerprint(write) -> None:
    path = write("from neighbour_of_mine import base\nvalue = base + 1\n")
    write("base = 41\n", "neighbour_of_mine.py")
    before = list(sys.path)
    first = load(f"{path}:value")
    assert first.value == 42
    assert sys.path == before
    write("base = 41  # changed\n", "neighbour_of_mine.py")
    assert load(f"{path}:value").source_fingerprint != first.source_fingerprint


def test_packages_beside_the_file_are_imported(write) -> None:
    path = write("from package_of_mine.inner import base\nvalue = base\n")
    write("", "package_of_mine/__init__.py")
    inner = write("base = 7\n", "package_of_mine/inner.py")
    first = load(f"{path}:value")
    inner.write_text("base = 7  # changed\n")
    assert first.value == 7
    assert load(f"{path}:value").source_fingerprint != first.source_fingerprint


def test_like_named_neighbours_of_two_folders_do_not_mix(write) -> None:
    for folder, number in (("a", 1), ("b", 2)):
        write(f"number = {number}\n", f"{folder}/shared_name.py")
        path = write("import shared_name\nvalue = shared_name.number\n", f"{folder}/mine.py")
        assert load(f"{path}:value").value == number


def test_missing_files_are_answered_with_the_nearest(write, tmp_path: Path) -> None:
    write("value = 1\n", "my_task.py")
    assert f"did you mean {str(tmp_path / 'my_task.py')!r}?" in refusal(tmp_path / "my_tusk.py")
    assert "there is no such file; give the path of a Python file." in refusal(tmp_path / "zzz.py")
    assert f"the folder {tmp_path / 'nowhere'} does not exist" in refusal(tmp_path / "nowhere" / "a.py")


def test_what_is_no_python_file_is_refused(write, tmp_path: Path) -> None:
    assert "is not a Python file" in refusal(write("value = 1\n", "task.txt"))
    assert "is a folder" in refusal(tmp_path)
    assert "line 2 is not valid Python (invalid syntax)" in refusal(write("a = 1\nb = = 2\n"))
    assert "is not valid Python" in refusal(write("value = 1\n\0", "null.py"))
    latin = tmp_path / "latin.py"
    latin.write_bytes(b"value = '\xe9'\n")
    assert "is not valid Python" in refusal(latin)


def test_a_file_that_cannot_be_read_is_refused(write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("value = 1\n")

    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert refusal(path) == f"task: {path} cannot be read (Permission denied); check its permissions."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\nb = a / 0\n", "line 2 raises ZeroDivisionError: division by zero"),
        ("import no_such_module_anywhere\n", "line 1 raises ModuleNotFoundError: No module named"),
        ("raise ValueError('two\\nlines')\n", "line 1 raises ValueError: two lines"),
        ("import sys\nsys.exit(3)\n", "line 2 raises SystemExit: 3"),
        ("assert False\n", "line 1 raises AssertionError;"),
    ],
)
def test_a_file_that_raises_is_named_with_line_and_message(write, text: str, expected: str) -> None:
    path = write(text)
    sentence = refusal(path)
    assert f"{path}, {expected}" in sentence
    assert not [name for name in sys.modules if getattr(sys.modules[name], "__file__", None) == str(path)]


def test_an_error_in_a_neighbour_names_the_line_that_imports_it(write) -> None:
    path = write("x = 1\nimport broken_neighbour\n")
    write("1 / 0\n", "broken_neighbour.py")
    assert "line 2 raises ZeroDivisionError" in refusal(path)


def test_ctrl_c_passes_through(write) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(write("raise KeyboardInterrupt\n"))


def test_names_that_are_missing_several_or_of_the_wrong_type(write) -> None:
    path = write("learning = 1\nrate = 2\nword = 'text'\n\nclass Thing:\n    pass\n")
    assert "has no 'learnin'; did you mean 'learning'? It defines learning, rate, word, Thing." in refusal(
        f"{path}:learnin"
    )
    assert f"defines several (learning, rate); name one, as in {path.name}:learning." in refusal(path)
    assert "'word' in" in refusal(f"{path}:word")
    assert "is an object of type str; it must be an int." in refusal(f"{path}:word")
    assert "is the class Thing; it must be an int." in refusal(f"{path}:Thing")
    assert "it defines nothing." in refusal(write("", "empty.py"))
    assert "has no 'x'; it defines nothing." in refusal(f"{write('', 'empty.py')}:x")
