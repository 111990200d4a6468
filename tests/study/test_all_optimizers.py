"""``all`` means every optimizer that suits the task and its batches."""

from typing import Any

import pytest

import thalweg as tw
from thalweg.errors import InvalidValueError
from thalweg.optimizers import LBFGS, OPTIMIZERS
from thalweg.study.recipes import check_recipe, techniques_from
from thalweg.study.rules import suiting
from thalweg.study.workbench import Schedule, ready_task

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


@pytest.mark.parametrize(
    ("techniques", "without"),
    [(["sam", "l2"], LINE_SEARCHES), (["l1", "l2", "label-smoothing", "ema", "schedule.learning_rate"], set())],
)
def test_all_leaves_out_what_techniques_would_mislead(techniques: list[str], without: set[str]) -> None:
    ready = ready_task("digits")
    assert suiting("all", ready, 10_000, techniques) == [name for name in OPTIMIZERS if name not in without]


@pytest.mark.parametrize("way", [{"techniques": ["cautious"]}, {"vary": ["none", "cautious"]}])
def test_who_asks_for_such_an_optimizer_by_name_is_told(way: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"^optimizer newton-cg searches along lines, which cautious would"):
        tw.compare("bowl", ["all", "newton-cg"], store="sqlite://", **way)  # all leaves out lbfgs, which comes first


def test_a_line_search_is_not_misled_without_a_word() -> None:
    with pytest.raises(InvalidValueError) as raised:
        tw.train("bowl", "lbfgs", techniques=["weight-decay:0.1", "clip-norm:1"], store="sqlite://")
    assert str(raised.value) == (
        "optimizer lbfgs searches along lines, which clip-norm and weight-decay would mislead by another gradient, "
        "point or function than its own; leave that out (l2 is allowed, being part of the loss), or choose another "
        "optimizer."
    )
    allowed = techniques_from(["l1:0.1", "l2:0.1", "label-smoothing:0.1", "ema:0.9", "schedule=cosine"])
    assert check_recipe(allowed, [LBFGS()], ready_task("digits-logistic"), Schedule(2000, 10, 10)).named.keys() >= {
        "l2"
    }


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
