"""The engine trains what a plain loop trains, and no member touches another."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from thalweg.optimizers import SGD, Adam, Momentum, Nesterov
from thalweg.records import OptimizerSpec, RunSpec
from thalweg.tasks import Data, Metric, Task
from thalweg.training import population
from thalweg.training.batches import batch_rows
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member

STEPS, WINDOW, BATCH = 12, 4, 8


def init(key):
    a, b = jax.random.split(key)
    return {"hidden": jax.random.normal(a, (3, 5)), "out": jax.random.normal(b, (5,)), "bias": jnp.zeros(())}


def predict(params, x):
    return jnp.tanh(x @ params["hidden"]) @ params["out"] + params["bias"]


def loss(params, batch):
    return jnp.mean((predict(params, batch["x"]) - batch["y"]) ** 2)


def make_task(metric=True):
    rng = np.random.default_rng(0)

    def split(n):
        x = rng.normal(size=(n, 3)).astype(np.float32)
        return {"x": x, "y": np.sin(x.sum(1)).astype(np.float32)}

    judge = Metric("RMSE", lambda p, s: jnp.sqrt(loss(p, s)), larger_is_better=False) if metric else None
    return Task("wave", init, loss, Data(split(40), split(20), split(20)), metric=judge)


TASK = make_task()


def member(rule, seed=0, *, read_test=False, batch=BATCH, steps=STEPS):
    spec = RunSpec("wave", "1", OptimizerSpec(rule.name, rule.values()), batch, steps, WINDOW, seed, read_test)
    return Member(spec, rule)


def run(members, rules, plan=None, batch=BATCH, shared=False, **options):
    engine = Engine(TASK, TASK.data, rules, batch, WINDOW, plan or Plan(4, 2, 1), shared)
    results = [result for part in engine.train(members, **options) for result in part]
    return {result.spec.fingerprint: result for result in results}


def plain_loop(transform, seed, batch=BATCH, steps=STEPS):
    """The same training, written as anyone would with optax."""
    params = init(jax.random.key(seed))
    state = transform.init(params)
    losses, train = [], TASK.data.train
    for t in range(steps):
        rows = np.arange(40) if batch >= 40 else batch_rows(seed, 40, batch, t, 1)[0]
        value, gradient = jax.value_and_grad(loss)(params, {k: v[rows] for k, v in train.items()})
        updates, state = transform.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        losses.append(float(value))
    return params, np.array(losses)


@pytest.mark.parametrize(
    ("rule", "transform"),
    [
        (SGD(learning_rate=0.05), optax.sgd(0.05)),
        (Momentum(learning_rate=0.02, momentum=0.8), optax.sgd(0.02, momentum=0.8)),
        (Adam(learning_rate=0.02), optax.adam(0.02)),
    ],
)
@pytest.mark.parametrize("batch", [BATCH, 40])
def test_a_run_is_what_a_plain_loop_gives(rule, transform, batch):
    (result,) = run([member(rule, seed=3, read_test=True, batch=batch)], [rule], batch=batch).values()
    params, losses = plain_loop(transform, 3, batch)
    # float32 over 12 smooth steps; the two sum in different orders
    close = {"rtol": 2e-5, "atol": 2e-6}
    np.testing.assert_allclose(result.curve.train_loss[1:], losses.reshape(-1, WINDOW).mean(1), **close)
    np.testing.assert_allclose(result.validation_loss, loss(params, TASK.data.validation), **close)
    np.testing.assert_allclose(result.test_loss, loss(params, TASK.data.test), **close)
    np.testing.assert_allclose(result.test_metric, np.sqrt(loss(params, TASK.data.test)), **close)
    start = init(jax.random.key(3))
    np.testing.assert_allclose(result.curve.validation_loss[0], loss(start, TASK.data.validation), **close)
    assert list(result.curve.step) == [0, 4, 8, 12]
    assert np.isnan(result.curve.train_loss[0])
    assert (result.status, result.diverged_at, result.gradient_evaluations) == ("finished", None, STEPS)


def test_the_shape_of_the_program_does_not_change_what_is_learned():
    rules = [SGD(), Adam(), Nesterov()]
    members = [member(type(r)(learning_rate=lr), seed) for r in rules for lr in (0.001, 0.01) for seed in (0, 1, 2)]
    reference = run(members, rules, Plan(1, 3, 1))
    both = Plan(4, 3, min(2, len(jax.devices())))
    for plan, shared in ((Plan(6, 1, 1), False), (Plan(8, 2, 1), False), (both, False), (both, True)):
        found = run(members, rules, plan, shared=shared)
        assert found.keys() == reference.keys()
        for key, result in found.items():
            # the same arithmetic in another order of summation, float32, 12 stable steps
            np.testing.assert_allclose(result.curve.validation_loss, reference[key].curve.validation_loss, rtol=1e-5)


def test_a_diverging_member_disturbs_no_other():
    calm = [member(SGD(learning_rate=0.01), seed) for seed in (0, 1)] + [member(SGD(learning_rate=0.02))]
    alone = run([*calm, member(SGD(learning_rate=0.03))], [SGD()])
    wild = run([*calm, member(SGD(learning_rate=1e30))], [SGD()])
    for one in calm:
        a, b = alone[one.spec.fingerprint], wild[one.spec.fingerprint]
        assert a.status == b.status == "finished"
        np.testing.assert_array_equal(a.curve.validation_loss, b.curve.validation_loss)
        np.testing.assert_array_equal(a.curve.train_loss, b.curve.train_loss)
    exploded = next(r for r in wild.values() if r.status == "diverged")
    assert exploded.diverged_at == 2, "the second loss is the first that sees the exploded parameters"
    assert np.isnan(exploded.validation_loss)
    assert np.isnan(exploded.curve.validation_loss[1:]).all()
    assert np.isfinite(exploded.curve.validation_loss[0])
    assert exploded.gradient_evaluations == 2


def test_a_divergence_in_the_last_step_is_seen_by_the_validation_set():
    rule = SGD(learning_rate=1e30)
    (result,) = run([member(rule, read_test=True, steps=4)], [rule], Plan(1, 1, 1)).values()
    assert result.status == "diverged"
    assert np.isnan(result.test_metric)


def test_new_values_and_seeds_do_not_compile_again(monkeypatch):
    traces = []
    original = population.lane_program
    monkeypatch.setattr(population, "lane_program", lambda s: traces.append(s) or original(s))
    engine = Engine(TASK, TASK.data, [SGD(), Adam()], BATCH, WINDOW, Plan(4, 2, 1))
    for seed, rate in enumerate((0.001, 0.01, 0.1)):
        list(engine.train([member(SGD(learning_rate=rate), seed), member(Adam(learning_rate=rate), seed)]))
    assert len(traces) == 1
    assert engine._program is engine._program


def test_the_number_of_steps_does_not_compile_again():
    engine = Engine(TASK, TASK.data, [SGD()], BATCH, WINDOW, Plan(1, 2, 1))
    first = list(engine.train([member(SGD(), steps=8)]))
    program = engine._program
    ((longer,),) = engine.train([member(SGD(), steps=40)])
    assert engine._program is program
    assert len(longer.curve.step) == 11
    np.testing.assert_array_equal(first[0][0].curve.validation_loss, longer.curve.validation_loss[:3])


def test_members_of_one_seed_begin_alike_and_see_the_same_batches():
    results = list(
        run([member(SGD(learning_rate=0.0), 5), member(Adam(learning_rate=0.0), 5)], [SGD(), Adam()]).values()
    )
    np.testing.assert_array_equal(results[0].curve.train_loss, results[1].curve.train_loss)
    np.testing.assert_array_equal(results[0].curve.validation_loss, results[1].curve.validation_loss)


def test_the_same_work_gives_the_same_bits():
    members = [member(Adam(learning_rate=0.05), seed) for seed in range(5)]
    one, two = run(members, [Adam()]), run(members, [Adam()])
    for key in one:
        np.testing.assert_array_equal(one[key].curve.validation_loss, two[key].curve.validation_loss)


def test_the_test_set_is_read_only_where_asked():
    results = run([member(SGD(), 0), member(SGD(), 1, read_test=True)], [SGD()])
    assert sorted(r.test_metric is not None for r in results.values()) == [False, True]


def test_the_watcher_hears_of_everything_and_may_stop_the_work():
    heard = []
    members = [member(SGD(learning_rate=0.01 * (i + 1)), seed) for seed in range(3) for i in range(4)]
    run(members, [SGD()], watcher=heard.append, phase="tuning", already=3, already_diverged=1)
    assert heard[0].phase == "compiling"
    assert (heard[-1].runs_done, heard[-1].runs_total, heard[-1].diverged) == (15, 15, 1)
    assert heard[-1].steps_done == heard[-1].steps_total == 12 * STEPS
    assert all(a.steps_done <= b.steps_done for a, b in itertools.pairwise(heard))

    class StopError(Exception):
        pass

    def stop(progress):
        if progress.runs_done >= 8:
            raise StopError

    engine = Engine(TASK, TASK.data, [SGD()], BATCH, WINDOW, Plan(4, 2, 1))
    finished = []

    def work():
        for part in engine.train(members, watcher=stop):
            finished.extend(part)

    with pytest.raises(StopError):
        work()
    assert len(finished) == 8, "what the watcher was told to be done is not lost"


def test_a_task_without_a_metric_is_judged_by_its_loss():
    task = make_task(metric=False)
    engine = Engine(task, task.data, [SGD()], BATCH, WINDOW, Plan(1, 2, 1))
    ((result,),) = engine.train([member(SGD(), read_test=True)])
    assert result.validation_metric == result.validation_loss
    assert result.test_metric == result.test_loss
