"""Optax' optimizers in studies and runs, and winners handed over to Optax and PyTorch."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import thalweg as tw
from thalweg.cli import main
from thalweg.errors import InvalidValueError, UsageError
from thalweg.interop.optax import RuleState
from thalweg.interop.optax_rules import rule_from, rule_named
from thalweg.optimizers import Adam, Nesterov, lift
from thalweg.schedules import Cosine
from thalweg.store import open_store
from thalweg.study.best import Best
from thalweg.study.study import Study, open_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("optax")


def clipped(learning_rate: float = 0.1, threshold: float = 1.0) -> Any:
    return optax.chain(optax.clip_by_global_norm(threshold), optax.sgd(learning_rate))


def plane() -> tw.Task:
    """A task that compiles in a moment."""

    def split(examples: int, seed: int) -> dict[str, np.ndarray]:
        x = np.random.default_rng(seed).normal(size=(examples, 3)).astype(np.float32)
        return {"x": x, "y": (x @ np.array([1.0, -2.0, 3.0])).astype(np.float32)}

    def init(key: Any) -> Any:
        return {"w": jax.random.normal(key, (3,)) * 0.1, "b": jnp.zeros(())}

    def loss(params: Any, batch: Any) -> Any:
        return jnp.mean((batch["x"] @ params["w"] + params["b"] - batch["y"]) ** 2)

    return tw.Task("plane", init, loss, tw.Data(split(48, 1), split(24, 2), split(24, 3)), batch_size=16)


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    return tw.compare(
        plane(),
        ["adam@optax", "optax:adam", "optax:contrib.momo", clipped],
        epochs=2,
        trials=2,
        store=str(folder / "runs.db"),
    )


def test_the_same_optimizer_gives_the_same_runs(study: Study) -> None:
    """Both searches draw the same points, so every run of one has a twin of the other."""
    found: dict[str, list[Any]] = {"adam@optax": [], "optax:adam": []}
    for planned, result in study.runs():
        if planned.contender in found:
            found[planned.contender].append((planned.role, planned.trial, result))
    twins = list(zip(found["adam@optax"], found["optax:adam"], strict=True))
    assert len(twins) > 10
    for (*place, ours), (*other, theirs) in twins:
        assert place == other
        assert theirs.validation_loss == pytest.approx(ours.validation_loss, rel=2e-3)
        assert theirs.curve.train_loss[1] == pytest.approx(ours.curve.train_loss[1], rel=1e-3)
    rows = {row["optimizer"]: row for row in study.to_dict()["leaderboard"]}
    assert set(rows) == {"adam@optax", "optax:adam", "optax:contrib.momo", "clipped"}
    assert all(row["diverged_share"] < 1 for row in rows.values())
    contenders = {c.label: c for c in study.record.spec.contenders}
    assert contenders["optax:adam"].optimizer == "optax:adam"
    assert contenders["optax:adam"].source == f"optax {optax.__version__}"
    assert [d.name for d in contenders["clipped"].space] == ["learning_rate"]


def test_a_stored_study_finds_its_optimizers_again(study: Study, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(str(folder / "runs.db")) as store:
        again = open_study(study.id, store)
    record = again.record
    only = replace(record.spec, contenders=tuple(c for c in record.spec.contenders if c.label == "optax:adam"))
    winner = replace(again, record=replace(record, spec=only)).best()
    assert type(winner.rule) is rule_named("optax:adam")
    older = replace(only, contenders=(replace(only.contenders[0], source="optax 0.1"),))
    with pytest.raises(UsageError, match="has changed since the study"):
        replace(again, record=replace(record, spec=older)).best()


def test_a_sweep_compiles_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = []
    made = rule_named("optax:lion")
    plain = made.make
    monkeypatch.setattr(made, "make", staticmethod(lambda **numbers: calls.append(1) or plain(**numbers)))
    counts = []
    for trials in (1, 6):
        calls.clear()
        store = str(tmp_path / f"{trials}.db")
        tw.compare(plane(), ["optax:lion"], epochs=1, trials=trials, store=store)
        counts.append(len(calls))
    assert counts[1] <= counts[0] + 8, counts  # tracings of a further shape of population, none per trial


def test_train_and_explain(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    line = (
        "train digits-logistic --optimizer optax:rmsprop --set decay=0.5 --set centered=true --epochs 1 --json --quiet"
    )
    assert main([*line.split(), "--store", str(folder / "runs.db")]) == 0
    run = json.loads(capsys.readouterr().out)
    assert (run["optimizer"], run["hyperparameters"]["decay"], run["structure"]["centered"]) == (
        "optax:rmsprop",
        0.5,
        True,
    )
    assert main(["explain", "optax:contrib.prodigy"]) == 0
    assert "estim_lr0" in capsys.readouterr().out
    assert main(["explain", "optax:prodgy"]) == 2
    assert "did you mean" in capsys.readouterr().err
    assert main(["train", "digits-logistic", "--optimizer", "optax:lbfgs", "--epochs", "1"]) == 2
    assert "needs more than gradient, loss and numbers" in capsys.readouterr().err


def moved(transformation: Any, steps: int = 4) -> np.ndarray:
    params = jnp.array([1.0, -2.0])
    state = transformation.init(params)
    for _ in range(steps):
        updates, state = transformation.update(params, state, params)
        params = optax.apply_updates(params, updates)
    return np.asarray(params)


def test_best_as_optax(study: Study) -> None:
    best = study.best()
    assert best.steps == study.record.spec.protocol.steps
    plain = Best("adam", Adam(learning_rate=0.1), {}, 4)
    assert isinstance(plain.optax().init(jnp.ones(2)), RuleState)
    np.testing.assert_allclose(moved(plain.optax()), moved(optax.adam(0.1)), rtol=1e-4)
    techniques = {"schedule.learning_rate": "cosine", "schedule.beta1": "polynomial"}
    rates = optax.cosine_decay_schedule(0.1, 4)
    np.testing.assert_allclose(
        moved(Best("adam", Adam(learning_rate=0.1, beta1=0.0), techniques, 4).optax()),
        moved(optax.adam(rates, b1=0.0)),
        rtol=1e-4,
    )
    long = Best("adam", Adam(learning_rate=0.1), {"schedule.learning_rate": "cosine"}, 4).optax(steps=400)
    np.testing.assert_allclose(moved(long), moved(optax.adam(0.1)), rtol=1e-3)
    native = Best("optax:adam", rule_named("optax:adam")(learning_rate=0.1), {"schedule.learning_rate": "cosine"}, 4)
    np.testing.assert_allclose(moved(native.optax()), moved(optax.adam(rates)), rtol=1e-5)


def negated(learning_rate: float = 0.1) -> Any:
    return optax.chain(optax.trace(0.5), optax.scale(-learning_rate))


@pytest.mark.parametrize("made", [rule_named("optax:sm3"), rule_from(negated)], ids=["sm3", "negated"])
def test_best_as_optax_where_the_constructor_takes_no_schedule(made: Any) -> None:
    rule = made(learning_rate=0.1)
    best = Best(rule.name, rule, {"schedule.learning_rate": "polynomial"}, 4)
    params: Any = (jnp.array([1.0, -2.0]),)
    state = lift.init_state(rule, params)
    for step, factor in enumerate((1.0, 0.75, 0.5, 0.25), start=1):
        params, state = lift.update(made(learning_rate=0.1 * factor), params, params, state, step)
    np.testing.assert_allclose(moved(best.optax()), params[0], rtol=1e-6)


def test_best_as_torch() -> None:
    torch = pytest.importorskip("torch")
    best = Best("adam", Adam(learning_rate=0.1), {"schedule.learning_rate": "cosine"}, 4)
    params = [torch.nn.Parameter(torch.tensor([1.0, -2.0]))]
    with pytest.warns(UserWarning, match=r"the schedule of 'adam' is not part of a PyTorch optimizer; torch_schedule"):
        optimizer = best.torch(params)
    assert isinstance(optimizer, torch.optim.Optimizer)
    schedule = best.torch_schedule(optimizer)
    for _ in range(4):
        params[0].grad = params[0].detach().clone()
        optimizer.step()
        schedule.step()
    np.testing.assert_allclose(params[0].detach().numpy(), moved(best.optax()), rtol=1e-5)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * float(Cosine().factor(5, 4)), abs=1e-12)
    with pytest.raises(InvalidValueError, match=r"is one of Optax, which PyTorch cannot run; call best\(\)\.optax\(\)"):
        Best("optax:adam", rule_named("optax:adam")()).torch(params)


def test_what_is_left_behind_is_named() -> None:
    techniques = {"clip-norm": "clip-norm", "schedule.learning_rate": "plateau", "source.initializer": "3f"}
    left = Best("nesterov", Nesterov(), techniques, 9)
    words = r"clip-norm, schedule\.learning_rate of 'nesterov' are not part of an Optax transformation\."
    with pytest.warns(UserWarning, match=words):
        left.optax()
    with pytest.warns(UserWarning, match=r"clip-norm, schedule\.learning_rate of 'nesterov' are not part of a PyTorch"):
        left.torch([pytest.importorskip("torch").nn.Parameter(pytest.importorskip("torch").ones(1))])
    with pytest.raises(InvalidValueError, match="steps = 0 is not allowed"):
        Best("adam", Adam(), {}, 9).optax(steps=0)
    assert jax.tree.leaves(Best("adam", Adam(), {}, 9).optax().init(jnp.ones(1)))
