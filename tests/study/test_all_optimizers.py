"""``all`` means every optimizer that suits the task and its batches."""

import pytest

import thalweg as tw
from thalweg.optimizers import OPTIMIZERS
from thalweg.study.rules import suiting
from thalweg.study.workbench import ready_task

LINE_SEARCHES = {"lbfgs", "nonlinear-cg", "newton-cg"}


@pytest.mark.parametrize(
    ("task", "batch", "without"),
    [
        ("digits", 32, LINE_SEARCHES),
        ("digits", 10_000, set()),
        ("diabetes", 32, LINE_SEARCHES | {"sophia-g"}),
        ("rosenbrock", 1, {"sophia-g"}),
    ],
)
def test_all_leaves_out_what_does_not_suit(task: str, batch: int, without: set[str]) -> None:
    ready = ready_task(task)
    assert suiting("all", ready, batch) == [name for name in OPTIMIZERS if name not in without]
    assert suiting(["all", "adam@keras", "adam"], ready, batch)[-1] == "adam@keras"


def test_without_all_nothing_changes() -> None:
    ready = ready_task("digits")
    assert suiting(["lbfgs", "adam"], ready, 32) == ["lbfgs", "adam"]
    assert suiting("adam", ready, 32) == "adam"  # refused by the next check, in a sentence


def test_a_line_search_on_minibatches_is_warned_of() -> None:
    small = {"trials": 1, "epochs": 1, "store": "sqlite://"}
    noisy = tw.compare("digits-logistic", ["nonlinear-cg"], **small)
    (found,) = [w for w in noisy.summary.warnings if w.kind == "minibatches"]
    assert "presumes the same loss at every step" in found.sentence
    whole = tw.compare("digits-logistic", ["nonlinear-cg"], batch_size=1079, **small)
    assert "minibatches" not in {w.kind for w in whole.summary.warnings}
