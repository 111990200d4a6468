"""What a rule asks for beside the gradient, inside a population, against float64 loops and whole Hessians."""

# ruff: noqa: RUF009
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from thalweg import race, train
from thalweg.errors import InvalidValueError
from thalweg.optimizers import SGD, Adam, fields
from thalweg.optimizers.base import Number, Rule
from thalweg.records import OptimizerSpec, RunSpec
from thalweg.tasks import classification, regression
from thalweg.tasks.base import Data, Task
from thalweg.training.batches import batch_rows
from thalweg.training.devices import prepare_jax
from thalweg.training.inputs import Problem, rule_inputs
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member
from thalweg.training.program import lane_program
from thalweg.training.recipe import recipe_of

STEPS, WINDOW, BATCH, SEED = 12, 4, 8, 3
RATE = 0.05

prepare_jax()


class Probe:
    """What all probes share: they step along what they ask for, or remember it."""

    elementwise: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = ("θ ← θ − η·(what is asked for)",)

    def init(self, x: Any) -> Any:
        return {"before": x + 0.0}


@dataclass(frozen=True)
class LossProbe(Probe, Rule):
    name: ClassVar[str] = "loss-probe"
    needs: ClassVar[frozenset[str]] = frozenset({"loss"})
    learning_rate: Number = fields.learning_rate(RATE, search=(1e-3, 1.0))

    def update(self, x: Any, g: Any, state: Any, t: Any, *, loss: Any) -> Any:
        return x - self.learning_rate * loss * g, {"before": x}


@dataclass(frozen=True)
class ProductProbe(Probe, Rule):
    name: ClassVar[str] = "product-probe"
    needs: ClassVar[frozenset[str]] = frozenset({"hessian_product"})
    learning_rate: Number = fields.learning_rate(RATE, search=(1e-3, 1.0))

    def update(self, x: Any, g: Any, state: Any, t: Any, *, hessian_product: Any) -> Any:
        return x - self.learning_rate * (g + hessian_product), {"before": x}

    def direction(self, x: Any, g: Any, state: Any) -> Any:
        return g + 0.5 * x


@dataclass(frozen=True)
class SecondProbe(Probe, Rule):
    name: ClassVar[str] = "second-probe"
    needs: ClassVar[frozenset[str]] = frozenset({"second_gradient"})
    learning_rate: Number = fields.learning_rate(RATE, search=(1e-3, 1.0))

    def update(self, x: Any, g: Any, state: Any, t: Any, *, second_gradient: Any) -> Any:
        return x - self.learning_rate * (2 * g - second_gradient), {"before": x}

    def second_point(self, x: Any, g: Any, state: Any) -> Any:
        return state["before"]


@dataclass(frozen=True)
class SeldomProbe(Probe, Rule):
    name: ClassVar[str] = "seldom-probe"
    needs: ClassVar[frozenset[str]] = frozenset({"hessian_product"})
    learning_rate: Number = fields.learning_rate(RATE, search=(1e-3, 1.0))

    def asks(self, t: Any) -> Any:
        return t % 3 == 1

    def update(self, x: Any, g: Any, state: Any, t: Any, *, hessian_product: Any) -> Any:
        return x - self.learning_rate * (g + hessian_product), {"before": x}


@dataclass(frozen=True)
class DiagonalProbe(Probe, Rule):
    name: ClassVar[str] = "diagonal-probe"
    needs: ClassVar[frozenset[str]] = frozenset({"hessian_diagonal", "gauss_newton_diagonal"})
    learning_rate: Number = fields.learning_rate(RATE, search=(1e-3, 1.0))

    def update(self, x: Any, g: Any, state: Any, t: Any, *, hessian_diagonal: Any, gauss_newton_diagonal: Any) -> Any:
        return x - self.learning_rate * (g + hessian_diagonal + gauss_newton_diagonal), {"before": x}


def _data(kinds: int = 0) -> Data:
    rng = np.random.default_rng(0)

    def split(n: int) -> dict[str, np.ndarray]:
        x = rng.normal(size=(n, 5)).astype(np.float32)
        y = x[:, 0] * 2 - x[:, 1] + 0.3 * rng.normal(size=n)
        return {"x": x, "y": (np.digitize(y, [-1, 1]) if kinds else y).astype(np.int32 if kinds else np.float32)}

    return Data(split(64), split(32), split(32))


def _init(key: Any, outputs: int = 1) -> Any:
    a, b = jax.random.split(key)
    return {
        "layer1": {"weight": jax.random.normal(a, (5, 7), jnp.float32) * 0.5, "bias": jnp.zeros(7, jnp.float32)},
        "layer2": {"weight": jax.random.normal(b, (7, outputs), jnp.float32) * 0.5, "bias": jnp.zeros(outputs)},
    }


def _apply(params: Any, x: Any) -> Any:
    hidden = jnp.tanh(x @ params["layer1"]["weight"] + params["layer1"]["bias"])
    return hidden @ params["layer2"]["weight"] + params["layer2"]["bias"]


VALUES = regression("values", _init, _apply, _data())
CLASSES = classification("classes", lambda key: _init(key, 3), _apply, _data(3))


def _member(rule: Any, techniques: Mapping[str, str] | None = None, seed: int = SEED) -> Member:
    optimizer = OptimizerSpec(rule.name, rule.values())
    return Member(RunSpec("small", "", optimizer, BATCH, STEPS, WINDOW, seed, False, techniques or {}), rule)


def _engine(task: Task, members: list[Member]) -> Engine:
    features = frozenset().union(*(recipe_of(m.spec.techniques).features for m in members))
    return Engine(task, task.data, [m.rule for m in members], BATCH, WINDOW, Plan(2, 3, 1), features=features)


TREATED = {"l2": "l2:0.3", "clip-value": "clip-value:0.2"}


@lru_cache
def _curves() -> dict[str, np.ndarray]:
    """Return the validation losses of all probes, plain and treated, which share one program with Adam."""
    rules = [*(probe() for probe, _ in PROBES.values()), Adam()]
    members = [_member(rule, techniques) for rule in rules for techniques in ({}, TREATED)]
    results = [result for part in _engine(VALUES, members).train(members) for result in part]
    return {result.spec.fingerprint: result.curve.validation_loss for result in results}


def _literal(task: Task, move: Any, l2: float = 0.0, most: float = np.inf) -> np.ndarray:
    """Return the validation losses of plain float64 steps ``x ← x − RATE·move(…)``, on the vector of all parameters."""
    with jax.enable_x64(True):
        params = jax.tree.map(lambda a: jnp.asarray(np.asarray(a, np.float32), jnp.float64), task.init(_key()))
        x, back = ravel_pytree(params)
        weights, _ = ravel_pytree(jax.tree.map(lambda a: jnp.full(a.shape, a.ndim > 1), params))
        wide = {part: {k: _wide(v) for k, v in getattr(task.data, part).items()} for part in ("train", "validation")}

        def loss(x: Any, rows: Any) -> Any:
            some = {k: jnp.asarray(v)[rows] for k, v in wide["train"].items()}
            return task.loss(back(x), some) + l2 / 2 * jnp.sum(jnp.where(weights, x, 0) ** 2)

        def clipped(g: Any) -> Any:
            return jnp.clip(g, -most, most)

        losses, before = [], x
        value, slope = jax.jit(loss), jax.jit(lambda x, rows: clipped(jax.grad(loss)(x, rows)))
        product = jax.jit(lambda x, rows, d: jax.hessian(loss)(x, rows) @ d)
        judged = jax.jit(lambda x: task.loss(back(x), wide["validation"]))
        for t in range(1, STEPS + 1):
            rows = jnp.asarray(batch_rows(SEED, 64, BATCH, t - 1, 1)[0])
            g = slope(x, rows)
            new = x - RATE * move(
                t, x, g, before, lambda x=x, r=rows: value(x, r), lambda x, r=rows: slope(x, r),
                lambda d, x=x, r=rows: product(x, r, d),
            )  # fmt: skip
            losses.append(float(judged(x)))
            x, before = new, x
        return np.array([*losses, float(judged(x))][::WINDOW])


def _key() -> Any:
    return jax.random.key(np.int32(SEED))


def _wide(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float64) if array.dtype.kind == "f" else np.asarray(array)


PROBES = {
    "loss": (LossProbe, lambda t, x, g, before, loss, at, product: loss() * g),
    "product": (ProductProbe, lambda t, x, g, before, loss, at, product: g + product(g + 0.5 * x)),
    "second": (SecondProbe, lambda t, x, g, before, loss, at, product: 2 * g - at(before)),
    "seldom": (SeldomProbe, lambda t, x, g, before, loss, at, product: g + (product(g) if t % 3 == 1 else 0)),
}


@pytest.mark.parametrize("name", PROBES)
def test_inputs_are_those_of_a_plain_loop(name: str) -> None:
    probe, move = PROBES[name]
    np.testing.assert_allclose(_curves()[_member(probe()).spec.fingerprint], _literal(VALUES, move), rtol=5e-5)


@pytest.mark.parametrize("name", PROBES)
def test_inputs_are_of_the_penalized_loss_and_gradients_are_clipped_alike(name: str) -> None:
    probe, move = PROBES[name]
    expected = _literal(VALUES, move, l2=0.3, most=0.2)
    found = _curves()[_member(probe(), TREATED).spec.fingerprint]
    np.testing.assert_allclose(found, expected, rtol=5e-5)


def _asked(rule: Rule, problem: Problem, t: int = 1) -> Any:
    return rule_inputs(rule, problem, problem.at, problem.at, (), jnp.asarray(float(t)))


def test_the_estimates_of_the_diagonals_are_unbiased_and_new_in_every_step() -> None:
    with jax.enable_x64(True):
        params = CLASSES.init(_key())
        leaves, treedef = jax.tree.flatten(jax.tree.map(lambda a: a.astype(jnp.float64), params))
        batch = {name: jnp.asarray(array[:BATCH]) for name, array in CLASSES.data.train.items()}
        flat, back = ravel_pytree(leaves)

        def loss(leaves: Any) -> Any:
            return CLASSES.loss(jax.tree.unflatten(treedef, leaves), batch)

        def sampled(leaves: Any, key: Any) -> Any:
            return CLASSES.sampled_loss(jax.tree.unflatten(treedef, leaves), batch, key)

        def estimates(step: Any) -> Any:
            key = jax.random.fold_in(_key(), step)
            problem = Problem(loss, jax.grad(loss), sampled, tuple(leaves), loss(leaves), key)
            found = _asked(DiagonalProbe(), problem)
            return tuple(ravel_pytree(found[name])[0] for name in sorted(DiagonalProbe.needs))

        count = 1000
        newton, hessian = (np.asarray(a) for a in jax.jit(jax.vmap(estimates))(jnp.arange(count)))
        exact = np.diag(jax.jit(jax.hessian(lambda x: loss(back(x))))(flat))
        jacobian = np.asarray(jax.jacobian(lambda x: _apply(jax.tree.unflatten(treedef, back(x)), batch["x"]))(flat))
        p = np.asarray(jax.nn.softmax(_apply(jax.tree.unflatten(treedef, leaves), batch["x"])))
        inner = p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :]
        fisher = np.einsum("nap,nab,nbp->p", jacobian, inner, jacobian) / BATCH
    for found, wanted in ((hessian, exact), (newton, fisher)):
        error = found.std(0) / np.sqrt(count)
        assert np.all(np.abs(found.mean(0) - wanted) <= 5 * error + 1e-12)  # 5 standard errors for 73 numbers
        assert np.all(found[0] != found[1])
    assert np.all(newton >= 0)


def test_members_of_one_seed_draw_the_same_numbers_and_others_their_own() -> None:
    one, other = DiagonalProbe(learning_rate=0.01), DiagonalProbe(learning_rate=0.02)
    members = [_member(one), _member(other), _member(one, seed=4), _member(Adam())]
    together = {r.spec.fingerprint: r for part in _engine(CLASSES, members).train(members) for r in part}
    for member in members[1:3]:
        (alone,) = [r for part in _engine(CLASSES, [member]).train([member]) for r in part]
        curve = together[member.spec.fingerprint].curve.validation_loss
        np.testing.assert_allclose(curve, alone.curve.validation_loss, rtol=2e-5)


def test_uphill_the_loss_is_that_of_where_the_gradient_is_taken() -> None:
    """On w², w a matrix of one number, the way uphill is ρ·sign(w); the penalty is that of w itself."""

    def bowl(params: Any, batch: Any) -> Any:
        return jnp.sum(params["w"] ** 2) + jnp.mean(batch["x"])

    data = Data(*({"x": np.zeros(16, np.float32)} for _ in range(3)))
    task = Task("bowl", lambda key: {"w": jnp.ones((1, 1))}, bowl, data, batch_size=BATCH, epochs=6)
    member = _member(LossProbe(), {"sam": "sam:0.5", "l2": "l2:0.2"})
    (result,) = [r for part in _engine(task, [member]).train([member]) for r in part]
    w, losses = 1.0, [1.0]
    for _ in range(STEPS):
        above = w + 0.5 * np.sign(w)
        w = w - RATE * (above**2 + 0.1 * w**2) * (2 * above + 0.2 * w)
        losses.append(w**2)
    np.testing.assert_allclose(result.curve.validation_loss, losses[::WINDOW], rtol=1e-5)


def _conditionals(jaxpr: Any) -> list[Any]:
    found = []
    for equation in jaxpr.eqns:
        found += [equation] if equation.primitive.name == "cond" else []
        for value in equation.params.values():
            for inner in value if isinstance(value, list | tuple) else [value]:
                core = getattr(inner, "jaxpr", inner)
                found += _conditionals(core) if hasattr(core, "eqns") else []
    return found


@pytest.mark.parametrize(("probe", "count"), [(ProductProbe, 0), (SeldomProbe, 1)])
def test_what_is_not_asked_for_is_a_branch_not_taken(probe: type[Rule], count: int) -> None:
    engine = _engine(VALUES, [_member(probe())])
    program, shapes = lane_program(engine._structure), engine._feeding.shapes()
    lane = shapes[0]._replace(**{name: jax.ShapeDtypeStruct((), np.int32) for name in ("rule", "first", "windows")})
    data = (dict(VALUES.data.train), dict(VALUES.data.validation))
    conditionals = _conditionals(jax.make_jaxpr(program)(lane, shapes[1], *data).jaxpr)
    assert len(conditionals) == count
    assert all(equation.invars[0].aval.shape == () for equation in conditionals), "one choice for all members"


def test_the_way_uphill_is_a_branch_too() -> None:
    engine = _engine(VALUES, [_member(SGD(), {"sam": "sam"})])
    lane, carry = engine._feeding.shapes()
    lane = lane._replace(**{name: jax.ShapeDtypeStruct((), np.int32) for name in ("rule", "first", "windows")})
    data = (dict(VALUES.data.train), dict(VALUES.data.validation))
    found = _conditionals(jax.make_jaxpr(lane_program(engine._structure))(lane, carry, *data).jaxpr)
    assert [equation.invars[0].aval.shape for equation in found] == [()]


def test_a_race_has_no_labels_to_draw() -> None:
    with pytest.raises(InvalidValueError, match=r"sophia-g draws labels .* a function of two variables has no"):
        race("bowl", optimizers=["sophia-g"], steps=5)


def test_a_race_gives_rules_what_they_ask_for() -> None:
    """On the bowl the Hessian is diagonal, so signs give it exactly and AdaHessian takes Newton's steps."""
    settings = {"adahessian": {"learning_rate": 1.0, "beta1": 0.0, "beta2": 0.0, "epsilon": 1e-12}}
    result = race("bowl", (2.0, 1.0), ["adahessian", "polyak-step"], steps=60, settings=settings)
    newton, polyak = result.entries
    assert newton.value[1] < 1e-12
    assert polyak.value[-1] < 1e-6


def test_a_task_without_a_model_to_draw_labels_from_is_refused() -> None:
    member = _member(DiagonalProbe())
    with pytest.raises(InvalidValueError, match=r"diagonal-probe draws labels .* task 'values' has no sampled_loss"):
        list(_engine(VALUES, [member]).train([member]))


def test_a_growing_batch_is_refused_and_disturbs_no_other_member() -> None:
    grown, plain = _member(LossProbe(), {"growth": "step:at=0.5"}), _member(LossProbe())
    with pytest.raises(InvalidValueError, match="loss-probe needs loss of one minibatch"):
        list(_engine(VALUES, [grown]).train([grown]))
    beside = [plain, _member(SGD(), {"growth": "step:at=0.5"})]
    results = {r.spec.fingerprint: r for part in _engine(VALUES, beside).train(beside) for r in part}
    expected = _literal(VALUES, PROBES["loss"][1])
    np.testing.assert_allclose(results[plain.spec.fingerprint].curve.validation_loss, expected, rtol=5e-5)


def test_a_line_search_may_look_where_the_loss_is_enormous() -> None:
    def steep(params: Any, batch: Any) -> Any:
        return jnp.mean(jnp.expm1(10.0 * (params["w"] - batch["x"]) ** 2))

    row = {"x": np.array([1.0, 1.1], np.float32)}
    task = Task("steep", lambda key: {"w": jnp.zeros(())}, steep, Data(row, row, row), batch_size=2, epochs=60)
    run = train(task, "lbfgs", {"learning_rate": 30.0}, store="sqlite://")
    assert run.result.status == "finished"
    assert run.result.validation_loss < 0.2


@pytest.mark.parametrize(
    ("optimizer", "techniques", "each"),
    [
        ("adam", (), 1.0),
        ("adam", ("sam:0.05",), 2.0),
        ("adahessian", (), 3.0),
        ("sophia-h", (), 1.2),
        ("sophia-g", (), 1.1),
    ],
)
def test_a_run_says_how_many_gradients_it_took(optimizer: str, techniques: tuple[str, ...], each: float) -> None:
    found = train("digits", optimizer, epochs=1, techniques=techniques, store="sqlite://").result
    assert found.gradient_evaluations == pytest.approx(each * int(found.curve.step[-1]), abs=2)
