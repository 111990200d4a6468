"""One run: trained once, kept, and the same as the run of a comparison with its settings."""

from pathlib import Path

import numpy as np
import pytest
from tiny_tasks import DATA, PLANE, RULE_FILE, NotedStore, squares, task_with

from thalweg import compare, train
from thalweg.optimizers import Adam
from thalweg.store import open_store


def test_a_run_is_trained_once_and_kept(tmp_path: Path) -> None:
    path, heard = tmp_path / "runs.db", []
    first = train(PLANE, "adam", {"learning_rate": 0.05}, epochs=3, store=path, watcher=heard.append)
    assert not first.from_store
    assert first.seconds["train"] > 0
    assert (heard[-1].phase, heard[-1].runs_done, heard[-1].steps_done) == ("training", 1, 9)
    assert heard[-2].train_loss is not None
    assert first.rule == Adam(learning_rate=0.05)
    assert first.result.curve.step.tolist() == [0, 3, 6, 9]
    heard.clear()
    again = train(PLANE, "adam", {"learning_rate": np.float64(0.05)}, epochs=3, store=path, watcher=heard.append)
    assert again.from_store
    assert set(again.seconds.values()) == {0.0}
    assert (len(heard), heard[0].runs_done) == (1, 1)
    assert again.result.spec == first.result.spec
    for one, other in zip(vars(first.result.curve).values(), vars(again.result.curve).values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_gradient_descent_by_hand(tmp_path: Path) -> None:
    import jax

    run = train(
        PLANE, "sgd", {"learning_rate": 0.1}, epochs=5, batch_size=len(DATA.train["y"]), seed=3, store="sqlite://"
    )
    params = PLANE.init(jax.random.key(3))
    for _ in range(5):
        gradient = jax.grad(squares)(params, DATA.train)
        params = jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient)
    # five steps in float32, summed in another order
    np.testing.assert_allclose(run.result.test_loss, squares(params, DATA.test), rtol=1e-5)
    np.testing.assert_allclose(run.result.validation_loss, squares(params, DATA.validation), rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"seed": 1}, False),
        ({"epochs": 3}, False),
        ({"batch_size": 8}, False),
        ({"hyperparameters": {"learning_rate": 0.2}}, False),
        ({"hyperparameters": {"learning_rate": 1e-3}}, True),
        ({"optimizer": "adam@torch"}, True),
        ({"optimizer": "adam@keras"}, False),
        ({"optimizer": Adam}, True),
        ({"task": task_with(data=lambda: DATA)}, True),
    ],
)
def test_what_makes_two_runs_one(changes: dict, same: bool, noted_base: NotedStore) -> None:
    request = {"task": PLANE, "optimizer": "adam", "epochs": 2, "seed": 0, **changes}
    train(**request, store=noted_base)
    assert (noted_base.trained == []) == same


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("train") / "runs.db"
    train(PLANE, "adam", epochs=2, store=path)
    return path


@pytest.fixture
def noted_base(base: Path):
    with open_store(base) as store:
        yield NotedStore(store)


def test_a_comparison_reuses_the_run_of_its_settings_and_seed(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    study = compare(PLANE, ["sgd"], trials=2, epochs=2, store=path)
    run, expected = next((run, r) for run, r in study.runs() if run.role == "winner")
    found = train(PLANE, "sgd", run.spec.optimizer.hyperparameters, epochs=2, seed=run.spec.seed, store=path)
    assert found.from_store
    assert found.result.test_metric == expected.test_metric


def test_a_users_rule_with_settings(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(RULE_FILE)
    halved = train(PLANE, f"{file}:Halved", {"learning_rate": 0.2}, epochs=2, store="sqlite://")
    whole = train(PLANE, "sgd", {"learning_rate": 0.1}, epochs=2, store="sqlite://")
    # 0.2 · g / 2 and 0.1 · g are rounded differently in float32
    np.testing.assert_allclose(halved.result.validation_loss, whole.result.validation_loss, rtol=1e-5)


def test_a_run_that_diverges_is_an_outcome_not_an_error() -> None:
    run = train(PLANE, "sgd", {"learning_rate": 1e20}, epochs=3, store="sqlite://").result
    assert run.status == "diverged"
    assert run.diverged_at == 2
    assert run.gradient_evaluations == 2
    assert np.isnan(run.validation_loss)
    assert run.test_loss is not None
    assert np.isnan(run.test_loss)


def test_control_c_keeps_nothing_of_a_run_half_done() -> None:
    def stop(progress) -> None:
        if progress.steps_done:
            raise KeyboardInterrupt

    with open_store("sqlite://") as store:
        noted = NotedStore(store)
        with pytest.raises(KeyboardInterrupt):
            train(PLANE, "sgd", epochs=4, store=noted, watcher=stop)
        assert noted.trained == []
        assert not train(PLANE, "sgd", epochs=4, store=noted).from_store
