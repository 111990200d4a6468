"""``all`` means every optimizer that suits the task and its batches."""

from typing import Any

import numpy as np
import pytest
import torch

import thalweg as tw
from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.interop import task_from_torch
from thalweg.optimizers import LBFGS, OPTIMIZERS
from thalweg.study.recipes import check_recipe, techniques_from
from thalweg.study.suiting import suiting
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
    ready, lengths = ready_task(task), Schedule(batch, 10, 10)
    assert suiting("all", [{}], ready, lengths) == [name for name in OPTIMIZERS if name not in without]
    assert suiting(["all", "adam@keras", "adam"], [{}], ready, lengths)[-1] == "adam@keras"


@pytest.mark.parametrize(
    ("techniques", "batch", "without"),
    [
        (["sam:0.1", "l2:0.1"], 10_000, LINE_SEARCHES),
        (["l1:0.1", "l2:0.1", "label-smoothing:0.1", "ema:0.9", "schedule=cosine"], 10_000, set()),
        (["accumulate:4"], 32, {name for name, rule in OPTIMIZERS.items() if rule.needs}),
    ],
)
def test_all_leaves_out_what_techniques_do_not_suit(techniques: list[str], batch: int, without: set[str]) -> None:
    ready, recipe = ready_task("digits"), techniques_from(techniques)
    found = suiting("all", [{}, recipe], ready, Schedule(batch, 10, 10))
    assert found == [name for name in OPTIMIZERS if name not in without | (LINE_SEARCHES if batch == 32 else set())]


def test_all_leaves_out_what_has_nothing_to_store() -> None:
    found = suiting("all", [techniques_from(["state:1:format=int8"])], ready_task("digits"), Schedule(32, 10, 10))
    assert "adam" in found
    assert not {"sgd", "rprop"} & set(found)


def test_all_leaves_out_hessians_where_pytorch_is_called() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    split = {"x": x, "y": (x[:, 0] > 0).astype(np.int32)}
    task = task_from_torch("called", lambda: torch.nn.Linear(3, 2), tw.Data(split, split, split), engine="torch")
    found = suiting("all", [{}], ready_task(task), Schedule(8, 10, 10))
    assert "adam" in found
    assert not {"adahessian", "sophia-h"} & set(found)


def test_techniques_that_suit_nobody_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="hyperparameter 'beta9' is not known"):
        tw.compare("digits", "all", techniques=["schedule.beta9=cosine"], store="sqlite://")


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
    ready, lengths = ready_task("digits"), Schedule(32, 10, 10)
    assert suiting(["lbfgs", "adam"], [{}], ready, lengths) == ["lbfgs", "adam"]
    assert suiting("adam", [{}], ready, lengths) == "adam"  # refused by the next check, in a sentence


def test_a_line_search_on_minibatches_is_warned_of() -> None:
    small = {"trials": 1, "epochs": 1, "store": "sqlite://"}
    noisy = tw.compare("digits-logistic", ["nonlinear-cg"], **small)
    (found,) = [w for w in noisy.summary.warnings if w.kind == "minibatches"]
    assert "presumes the same loss at every step" in found.sentence
    whole = tw.compare("digits-logistic", ["nonlinear-cg"], batch_size=1079, **small)
    assert "minibatches" not in {w.kind for w in whole.summary.warnings}
