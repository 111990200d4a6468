"""Requests that cannot be met: one sentence that names the argument and the value, and nothing is left in the store."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_tasks import DATA, PLANE, RULE_FILE, TASK_FILE, task_with

import thalweg
from thalweg import compare, open_study, race, train
from thalweg.errors import (
    InvalidValueError,
    StoreUsageError,
    TaskError,
    UnknownNameError,
    UsageError,
    UserFileError,
)
from thalweg.optimizers import Adam
from thalweg.store import open_store
from thalweg.study import compare_many
from thalweg.study.requests import whole

WORK = {
    "compare": (compare, {"task": PLANE, "optimizers": ["sgd"], "trials": 1, "epochs": 1}),
    "train": (train, {"task": PLANE, "optimizer": "adam", "epochs": 1}),
    "race": (race, {"landscape": "bowl", "optimizers": ["sgd"], "steps": 3}),
}
BOTH = ("compare", "train")
VALUE, NAME, FILE = InvalidValueError, UnknownNameError, UserFileError

# work, argument, value, error, words of the sentence
REQUESTS: list[tuple[str | tuple[str, ...], str, Any, type[Exception], str]] = [
    (BOTH, "task", "dgits", NAME, "task 'dgits' is not known: did you mean 'digits'? Allowed: ackley, "),
    (BOTH, "task", "", NAME, "task '' is not known"),
    (BOTH, "task", 5, VALUE, "task = 5 is not allowed; give a name"),
    (BOTH, "task", None, VALUE, "task = None is not allowed"),
    (BOTH, "task", thalweg.Task, VALUE, "task = <class 'thalweg.tasks.base.Task'> is not allowed"),
    (BOTH, "task", "{tmp}/none.py", FILE, "there is no such file"),
    (BOTH, "task", "{tmp}/raises.py", FILE, "line 2 raises RuntimeError: no luck; mend it"),
    (BOTH, "task", "{tmp}/task.py:lin", FILE, "did you mean 'line'?"),
    (BOTH, "task", "{tmp}/rule.py", FILE, "must define a thalweg.Task"),
    ("compare", "optimizers", [], VALUE, "optimizers is empty; name at least one"),
    ("compare", "optimizers", "adam", VALUE, "optimizers = 'adam' is not allowed; give a list, e.g. ['sgd', 'adam']"),
    ("compare", "optimizers", 5, VALUE, "optimizers = 5 is not allowed; give a list"),
    ("compare", "optimizers", [5], VALUE, "optimizer 5 is not allowed; give a name"),
    ("compare", "optimizers", ["adm"], NAME, "optimizer 'adm' is not known: did you mean 'adam'?"),
    ("compare", "optimizers", ["al"], NAME, "optimizer 'al' is not known: did you mean 'all'?"),
    ("compare", "optimizers", ["adam@kerass"], NAME, "preset of adam 'kerass' is not known: did you mean 'keras'?"),
    ("compare", "optimizers", ["sgd", " sgd"], VALUE, "optimizers: 'sgd' is given twice"),
    ("compare", "optimizers", ["adam", Adam], VALUE, "optimizers: 'adam' is given twice"),
    ("compare", "optimizers", [Adam(learning_rate=0.1)], VALUE, "optimizer Adam(learning_rate=0.1, "),
    ("compare", "optimizers", ["{tmp}/rule.py:Halvd"], FILE, "did you mean 'Halved'?"),
    ("compare", "optimizers", ["{tmp}/raises.py:Rule"], FILE, "line 2 raises RuntimeError: no luck; mend it"),
    ("compare", "effort", "quik", NAME, "effort 'quik' is not known: did you mean 'quick'?"),
    ("compare", "effort", 1, NAME, "effort 1 is not known: Allowed: quick, standard, thorough"),
    ("compare", "effort", ["quick"], NAME, "effort ['quick'] is not known"),
    ("compare", "tune", "everything", VALUE, "tune = 'everything' is not allowed; give one of all, learning-rate"),
    ("compare", "trials", 0, VALUE, "trials = 0 is not allowed; give a whole number of 1 or more"),
    ("compare", "trials", 2.5, VALUE, "trials = 2.5 is not allowed; give a whole number"),
    ("compare", "trials", 10**12, VALUE, "trials = 1000000000000 is not allowed; give a whole number from 1 to 100000"),
    ("compare", "tuning_seeds", 0, VALUE, "tuning_seeds = 0 is not allowed"),
    ("compare", "tuning_seeds", "3", VALUE, "tuning_seeds = '3' is not allowed"),
    (BOTH, "epochs", 0, VALUE, "epochs = 0 is not allowed; give a whole number"),
    (BOTH, "epochs", 2.0, VALUE, "epochs = 2.0 is not allowed"),
    (BOTH, "epochs", True, VALUE, "epochs = True is not allowed"),
    (BOTH, "epochs", 10**12, VALUE, "epochs = 1000000000000 is not allowed; give a whole number from 1 to 5592405"),
    (BOTH, "batch_size", 0, VALUE, "batch_size = 0 is not allowed"),
    (BOTH, "batch_size", -3, VALUE, "batch_size = -3 is not allowed"),
    (BOTH, "batch_size", [16], VALUE, "batch_size = [16] is not allowed"),
    (BOTH, "seed", -1, VALUE, "seed = -1 is not allowed; give a whole number from 0 to 2147483647"),
    (BOTH, "seed", 2**31, VALUE, "seed = 2147483648 is not allowed"),
    (BOTH, "seed", 1.0, VALUE, "seed = 1.0 is not allowed"),
    (BOTH, "seed", None, VALUE, "seed = None is not allowed"),
    (BOTH, "store", 5, StoreUsageError, "store 5 is not allowed; give a path, a URL, an open store, or None"),
    (BOTH, "store", b"runs.db", StoreUsageError, "store b'runs.db' is not allowed"),
    (BOTH, "store", "{tmp}/none/runs.db", StoreUsageError, "its folder '{tmp}/none' does not exist"),
    (BOTH, "store", "{tmp}/rule.py", StoreUsageError, "is not a Thalweg store but a file of another kind"),
    (BOTH, "store", "mysql://host/runs", StoreUsageError, "unsupported scheme 'mysql'"),
    (BOTH, "watcher", 5, VALUE, "watcher = 5 is not allowed; give a function"),
    ("train", "optimizer", "adm", NAME, "optimizer 'adm' is not known: did you mean 'adam'?"),
    ("train", "optimizer", ["adam"], VALUE, "optimizer ['adam'] is not allowed"),
    ("train", "hyperparameters", 5, VALUE, "hyperparameters = 5 is not allowed; give a dictionary"),
    ("train", "hyperparameters", {1: 2}, VALUE, "hyperparameters = {1: 2} is not allowed"),
    ("train", "hyperparameters", {"learning_rat": 1}, NAME, "is not known: did you mean 'learning_rate'"),
    ("train", "hyperparameters", {"cls": 1}, NAME, "hyperparameter of adam 'cls' is not known"),
    ("train", "hyperparameters", {"learning_rate": -1}, VALUE, "adam: learning_rate = -1 is not allowed; give a"),
    ("train", "hyperparameters", {"beta1": 1.0}, VALUE, "beta1 = 1.0 is not allowed; give a number in [0, 1)"),
    ("train", "hyperparameters", {"learning_rate": float("nan")}, VALUE, "learning_rate = nan is not allowed"),
    ("train", "hyperparameters", {"learning_rate": "x"}, VALUE, "learning_rate = 'x' is not allowed"),
    ("train", "hyperparameters", {"learning_rate": 10**400}, VALUE, "learning_rate = 1000"),
    ("train", "hyperparameters", {"learning_rate": 1e39}, VALUE, "learning_rate = 1e+39 is not allowed, as it is inf"),
    ("train", "hyperparameters", {"epsilon": 1e-60}, VALUE, "epsilon = 1e-60 is not allowed, as it is 0 in float32"),
    ("train", "hyperparameters", {"beta1": 1 - 1e-12}, VALUE, "as it is 1 in float32"),
    ("train", "hyperparameters", {"epsilon_place": "no"}, VALUE, "epsilon_place = 'no' is not allowed; give one of"),
    ("race", "landscape", "bwl", NAME, "landscape 'bwl' is not known: did you mean 'bowl'?"),
    ("race", "landscape", 5, VALUE, "landscape = 5 is not allowed; give a name"),
    ("race", "start", 5, VALUE, "start = 5 is not allowed; give two finite numbers"),
    ("race", "start", (1,), VALUE, "start = (1,) is not allowed"),
    ("race", "start", (1, 2, 3), VALUE, "start = (1, 2, 3) is not allowed"),
    ("race", "start", "12", VALUE, "start = '12' is not allowed"),
    ("race", "start", ("a", 1), VALUE, "start = ('a', 1) is not allowed"),
    ("race", "start", (np.nan, 1), VALUE, "start = (nan, 1) is not allowed"),
    ("race", "start", (10**400, 1), VALUE, "give two finite numbers"),
    ("race", "start", (1e300, 1), VALUE, "as bowl is inf there; give a point nearer its map"),
    ("race", "steps", 0, VALUE, "steps = 0 is not allowed; give a whole number from 1 to 100000"),
    ("race", "steps", 1.5, VALUE, "steps = 1.5 is not allowed"),
    ("race", "steps", 10**9, VALUE, "steps = 1000000000 is not allowed"),
    ("race", "optimizers", [], VALUE, "optimizers is empty"),
    ("race", "optimizers", "sgd", VALUE, "optimizers = 'sgd' is not allowed; give a list"),
    ("race", "optimizers", ["sgd", "sgd"], VALUE, "optimizers: 'sgd' is given twice"),
    ("race", "settings", 5, VALUE, "settings = 5 is not allowed; give a dictionary by optimizer"),
    ("race", "settings", {"sgdd": {}}, VALUE, "settings are given for 'sgdd', which does not race; racing: sgd"),
    ("race", "settings", {"sgd": 5}, VALUE, "settings of sgd = 5 is not allowed"),
    ("race", "settings", {"sgd": {"lr": 1}}, NAME, "hyperparameter of sgd 'lr' is not known"),
    ("race", "watcher", "x", VALUE, "watcher = 'x' is not allowed"),
]  # fmt: skip
CASES = [
    pytest.param(name, *rest, id=f"{name}-{rest[0]}-{i}")
    for i, (names, *rest) in enumerate(REQUESTS)
    for name in ((names,) if isinstance(names, str) else names)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("requests")
    (path / "rule.py").write_text(RULE_FILE)
    (path / "task.py").write_text(TASK_FILE)
    (path / "raises.py").write_text("x = 1\nraise RuntimeError('no luck')\n")
    return path


def placed(value: Any, folder: Path) -> Any:
    if isinstance(value, str):
        return value.replace("{tmp}", str(folder))
    return [placed(item, folder) for item in value] if isinstance(value, list) else value


def check_sentence(error: BaseException) -> None:
    text = str(error)
    assert re.search(r"[.?]$", text), text
    assert "\n" not in text
    assert not re.search(r"Traceback|<function|0x[0-9a-f]{6}", text)


@pytest.mark.parametrize(("work", "argument", "value", "kind", "words"), CASES)
def test_a_request_that_cannot_be_met(
    work: str, argument: str, value: Any, kind: type[Exception], words: str, folder: Path
) -> None:
    function, request = WORK[work]
    with open_store("sqlite://") as store:
        extra = {} if work == "race" else {"store": store}
        with pytest.raises(UsageError) as raised:
            function(**{**request, **extra, argument: placed(value, folder)})
        assert store.list_studies() == []
    assert type(raised.value) is kind
    assert words.replace("{tmp}", str(folder)) in str(raised.value)
    check_sentence(raised.value)


def test_no_file_is_made_for_a_store_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for store in (5, True, 1.5):
        with pytest.raises(StoreUsageError):
            train(PLANE, "sgd", epochs=1, store=store)
        with pytest.raises(StoreUsageError):
            open_study("last", store)
    assert list(tmp_path.iterdir()) == []


def test_nan_in_data_says_where() -> None:
    x = DATA.train["x"].copy()
    x[5, 1] = np.nan
    with pytest.raises(TaskError, match=r"array 'x' of its train split holds nan \(first in row 5; 1 of 48") as raised:
        train(
            task_with(data=thalweg.Data({**DATA.train, "x": x}, DATA.validation, DATA.test)), "sgd", store="sqlite://"
        )
    check_sentence(raised.value)


@pytest.mark.parametrize("tasks", [[], "digits", None])
def test_several_tasks_are_a_list(tasks: Any) -> None:
    with pytest.raises(InvalidValueError, match="tasks") as raised:
        compare_many(tasks, ["sgd"])
    check_sentence(raised.value)


@pytest.mark.parametrize("name", ["nothing", "", "0" * 12])
def test_an_unknown_study(name: str) -> None:
    with open_store("sqlite://") as store, pytest.raises(UnknownNameError) as raised:
        open_study(name, store)
    check_sentence(raised.value)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_of_any_kind(value: Any) -> None:
    assert whole("n", value, 1) == 3
    assert type(whole("n", value, 1)) is int


@pytest.mark.parametrize(
    "value", [np.float64(3), np.bool_(True), "3", b"3", None, [3], 3j, pytest.param(10**5000, id="huge")]
)
def test_what_is_no_whole_number(value: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"^n = .{1,90} is not allowed; give a whole number from 1 to 9\.$"):
        whole("n", value, 1, 9)
