"""Methods with a line search on functions without noise: against torch and SciPy, and at the edges."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import oracles_minimizers
import pytest
import scipy.optimize
import torch

from thalweg.optimizers import Rule, lift, make_optimizer


@dataclass(frozen=True)
class Problem:
    """A function of one vector, written for any array library, and where to begin."""

    name: str
    value: Callable[[Any], Any]
    start: np.ndarray
    least: float

    def at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return loss and gradient."""
        point = torch.tensor(x, requires_grad=True)
        loss = self.value(point)
        loss.backward()
        assert point.grad is not None
        return float(loss.detach()), point.grad.numpy()

    def product(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the product of the Hessian with a vector."""
        return torch.autograd.functional.hvp(self.value, torch.tensor(x), torch.tensor(v))[1].numpy()


def rosenbrock(x: Any) -> Any:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def quadratic(x: Any) -> Any:
    curvatures = torch.logspace(0.2, 2.3, 6, dtype=torch.float64)
    return 0.5 * (curvatures * (x - 1.0) ** 2).sum()


def logistic(x: Any) -> Any:
    random = np.random.default_rng(5)
    features, labels = torch.tensor(random.normal(size=(40, 4))), torch.tensor(random.choice([-1.0, 1.0], size=40))
    return torch.log1p(torch.exp(-labels * (features @ x))).mean() + 0.01 * (x * x).sum()


PROBLEMS = (
    Problem("rosenbrock", rosenbrock, np.array([-1.2, 1.0, -0.5, 2.0]), 0.0),
    Problem("quadratic", quadratic, np.array([0.0, 2.0, -1.0, 3.0, 0.5, -2.0]), 0.0),
    Problem("logistic", logistic, np.array([3.0, -3.0, 2.0, 1.0]), 0.642395978487563),
)


def minimize(rule: Rule, problem: Problem, updates: int) -> list[tuple[float, np.ndarray]]:
    """Return loss at the trial point and the accepted point after every evaluation."""
    leaves: tuple[Any, ...] = (problem.start,)
    state, done = lift.init_state(rule, leaves), []
    for step in range(1, updates + 1):
        (look,) = lift.lookahead(rule, leaves, state)
        loss, g = problem.at(look)
        inputs: dict[str, Any] = {"loss": np.asarray(loss)}
        if "hessian_product" in rule.needs:
            (v,) = lift.directions(rule, leaves, [g], state)
            inputs["hessian_product"] = [problem.product(look, v)]
        leaves, state = lift.update(rule, leaves, [g], state, step, **inputs)
        done.append((loss, leaves[0]))
    return done


def torch_lbfgs(problem: Problem, evaluations: int) -> list[np.ndarray]:
    """Return torch's accepted points, each as often as evaluations passed until the next."""
    x = torch.tensor(problem.start, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [x], line_search_fn="strong_wolfe", max_iter=1, max_eval=26, tolerance_grad=0.0, tolerance_change=0.0
    )
    asked, done = 0, []

    def closure() -> Any:
        nonlocal asked
        asked += 1
        optimizer.zero_grad()
        loss = problem.value(x)
        loss.backward()
        return loss

    for _ in range(evaluations):
        here, before = x.detach().numpy().copy(), asked
        optimizer.step(closure)
        done += [here] * (asked - before - 1)  # its first only repeats, but for that of the start
    return done


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_lbfgs_takes_torchs_steps(problem: Problem) -> None:
    ours = minimize(make_optimizer("lbfgs@torch"), problem, 60)
    theirs = torch_lbfgs(problem, 60)
    for (_, mine), theirs_here in zip(ours, theirs, strict=False):
        _, g = problem.at(mine)
        if np.max(np.abs(g)) < 1e-5:  # beyond it the losses differ by rounding alone, and so do the searches
            break
        np.testing.assert_allclose(mine, theirs_here, rtol=1e-8, atol=1e-8)
    else:
        raise AssertionError("it did not converge")


def evaluations_until(done: list[tuple[float, np.ndarray]], problem: Problem, excess: float) -> int:
    """Return after how many evaluations the accepted point's loss is that near the least."""
    for count, (_, x) in enumerate(done, start=1):
        if problem.at(x)[0] <= problem.least + excess:
            return count
    raise AssertionError(f"still {problem.at(done[-1][1])[0] - problem.least:.3g} above the least")


def scipys(method: str, problem: Problem, excess: float) -> int:
    """Return after how many evaluations SciPy is that near the least, its best point counting."""
    losses = []

    def value(x: np.ndarray) -> tuple[float, np.ndarray]:
        loss, g = problem.at(x)
        losses.append(loss)
        return loss, g

    def product(x: np.ndarray, v: np.ndarray) -> np.ndarray:
        losses.append(np.inf)  # it counts as an evaluation
        return problem.product(x, v)

    more: dict[str, Any] = {"hessp": product} if method == "Newton-CG" else {}
    scipy.optimize.minimize(value, problem.start, jac=True, method=method, tol=1e-12, **more)
    return next(count for count, loss in enumerate(losses, start=1) if loss <= problem.least + excess)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_lbfgs_needs_about_as_many_evaluations_as_scipys(problem: Problem) -> None:
    ours = evaluations_until(minimize(make_optimizer("lbfgs"), problem, 100), problem, 1e-9)
    assert ours <= 1.5 * scipys("L-BFGS-B", problem, 1e-9) + 3  # another line search, and the first length differs


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
@pytest.mark.parametrize("form", ["polak_ribiere", "hestenes_stiefel"])
def test_nonlinear_cg_needs_about_as_many_evaluations_as_scipys(problem: Problem, form: str) -> None:
    rule = make_optimizer("nonlinear-cg@scipy", form=form)
    ours = evaluations_until(minimize(rule, problem, 300), problem, 1e-9)
    assert ours <= 1.5 * scipys("CG", problem, 1e-9) + 3  # another line search


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_newton_cg_needs_about_as_many_updates_as_scipy_evaluations_and_products(problem: Problem) -> None:
    ours = evaluations_until(minimize(make_optimizer("newton-cg"), problem, 300), problem, 1e-9)
    assert ours <= 1.5 * scipys("Newton-CG", problem, 1e-9) + 3


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_newton_cg_is_its_oracle_where_solutions_take_many_iterations(problem: Problem) -> None:
    found = minimize(make_optimizer("newton-cg", precision=0.01), problem, 40)
    oracle = oracles_minimizers.newton_cg([problem.start], [1.0], precision=0.01)
    (look,), _ = next(oracle)
    for loss, x in found:
        at, g = problem.at(look)
        assert loss == pytest.approx(at, rel=1e-6, abs=1e-9)
        if np.max(np.abs(g)) < 1e-4:  # near the minimum the losses differ by rounding alone, and so do the searches
            break

        def ask(name: str, points: Any = None, at: float = at, look: np.ndarray = look) -> Any:
            return at if name == "loss" else [problem.product(look, points[0])]

        (look,), (here,) = oracle.send(([g], ask))
        np.testing.assert_allclose(x, here, rtol=1e-7, atol=1e-9)


RULES = ("lbfgs", "nonlinear-cg", "newton-cg")


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("start", [1e-3, 30.0])
def test_a_loss_that_is_not_finite_shortens_the_step(name: str, start: float) -> None:
    def barrier(x: Any) -> Any:
        return (100.0 * x - torch.log(x)).sum()  # not a number beyond zero

    problem = Problem("barrier", barrier, np.array([start, 2.0]), 2 * (1 + np.log(100.0)))
    assert evaluations_until(minimize(make_optimizer(name), problem, 120), problem, 1e-6) < 120


@pytest.mark.parametrize("name", RULES)
def test_nothing_moves_at_a_minimum(name: str) -> None:
    done = minimize(make_optimizer(name), Problem("bowl", lambda x: (x * x).sum(), np.zeros(3), 0.0), 12)
    assert all(np.array_equal(x, np.zeros(3)) for _, x in done)


@pytest.mark.parametrize("name", RULES)
def test_the_loss_never_rises_and_a_constant_one_is_left_alone(name: str) -> None:
    for problem in PROBLEMS:
        losses = [problem.at(x)[0] for _, x in minimize(make_optimizer(name), problem, 40)]
        assert all(after <= before for before, after in itertools.pairwise(losses))
    done = minimize(make_optimizer(name), Problem("flat", lambda x: 0.0 * x.sum(), np.ones(2), 0.0), 6)
    assert all(np.array_equal(x, np.ones(2)) for _, x in done)


@pytest.mark.parametrize("name", RULES)
def test_a_population_in_float32_comes_near_the_minimum(name: str) -> None:
    rule = make_optimizer(name)

    def value(x: Any) -> Any:
        return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2

    def step(carry: Any, t: Any) -> Any:
        leaves, state = carry
        (look,) = lift.lookahead(rule, leaves, state)
        loss, g = jax.value_and_grad(value)(look)
        inputs: dict[str, Any] = {"loss": loss}
        if "hessian_product" in rule.needs:
            directions = lift.directions(rule, leaves, [g], state)
            inputs["hessian_product"] = jax.jvp(jax.grad(value), (look,), directions)[1:]
        return lift.update(rule, leaves, [g], state, t, **inputs), None

    @jax.jit
    @jax.vmap
    def run(start: Any) -> Any:
        (leaves, _), _ = jax.lax.scan(step, ((start,), lift.init_state(rule, [start])), jnp.arange(1, 161))
        return leaves[0]

    starts = jnp.asarray([[-1.2, 1.0], [2.0, -1.0], [0.0, 3.0]], dtype=jnp.float32)
    ends = run(starts)
    assert ends.dtype == jnp.float32
    np.testing.assert_allclose(ends, np.ones((3, 2)), atol=2e-2)
