"""Penalties against automatic differentiation, torch, optax and Keras' definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

from thalweg.techniques import decayed, penalized, penalty

SHAPES = [(5, 3), (3,), (2, 2, 3, 4), ()]


def arrays(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=shape)) for shape in SHAPES]


def test_gradients_are_those_of_the_penalty() -> None:
    with jax.enable_x64(True):
        parameters = [jnp.asarray(x) for x in arrays(0)]
        value, slopes = jax.value_and_grad(lambda xs: penalty(xs, 0.3, 0.7))(parameters)
    zeros = [np.zeros(x.shape) for x in arrays(0)]
    for got, slope in zip(penalized(zeros, arrays(0), 0.3, 0.7), slopes, strict=True):
        np.testing.assert_allclose(got, slope, rtol=1e-13)
    weights = [arrays(0)[0], arrays(0)[2]]
    literal = sum(0.3 * abs(x).sum() + 0.35 * (x * x).sum() for x in weights)
    np.testing.assert_allclose(value, literal, rtol=1e-13)
    assert penalty([np.ones(3)], 0.3, 0.7) == 0.0


def test_l2_is_the_coupled_decay_of_torch_and_optax() -> None:
    x, g = arrays(1)[0], arrays(2)[0]
    parameter = torch.nn.Parameter(torch.from_numpy(x.copy()))
    parameter.grad = torch.from_numpy(g.copy())
    torch.optim.SGD([parameter], lr=1.0, weight_decay=0.2).step()
    (got,) = penalized([g], [x], 0.0, 0.2)
    np.testing.assert_allclose(x - got, parameter.detach().numpy(), rtol=1e-12)
    with jax.enable_x64(True):
        transform = optax.add_decayed_weights(0.2)
        theirs, _ = transform.update(jnp.asarray(g), transform.init(jnp.asarray(x)), jnp.asarray(x))
    np.testing.assert_allclose(got, theirs, rtol=1e-14)


def test_l1_has_no_slope_at_zero() -> None:
    (got,) = penalized([np.zeros((1, 3))], [np.array([[-2.0, 0.0, 3.0]])], 0.5, 0.0)
    np.testing.assert_array_equal(got, [[-0.5, 0.0, 0.5]])


def test_vectors_are_left_alone() -> None:
    parameters, gradients = arrays(3), arrays(4)
    for changed in (penalized(gradients, parameters, 0.1, 0.1), decayed(gradients, parameters, 0.1, 0.1)):
        for new, old in zip(changed, gradients, strict=True):
            assert np.array_equal(new, old) == (old.ndim < 2)


def test_decay_beside_adam_is_torch_adamw() -> None:
    x = arrays(5)[0]
    ours, theirs = (torch.nn.Parameter(torch.from_numpy(x.copy())) for _ in range(2))
    adam = torch.optim.Adam([ours], lr=0.1)
    adamw = torch.optim.AdamW([theirs], lr=0.1, weight_decay=0.3)
    for seed in range(6):
        g = np.random.default_rng(seed).normal(size=x.shape)
        before = ours.detach().clone()
        ours.grad, theirs.grad = torch.from_numpy(g.copy()), torch.from_numpy(g.copy())
        adam.step()
        adamw.step()
        (new,) = decayed([ours.detach()], [before], 0.1, 0.3)
        ours.data.copy_(new)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)


def test_strength_zero_changes_no_bit() -> None:
    odd = [np.array([[-0.0, np.nan, np.inf, 1e-300]])]
    others = [np.array([[np.inf, 1.0, np.nan, -1.0]])]
    with np.errstate(invalid="ignore"):
        assert penalized(odd, others, 0.0, 0.0)[0].tobytes() == odd[0].tobytes()
        assert decayed(odd, others, 0.1, 0.0)[0].tobytes() == odd[0].tobytes()


def test_members_of_a_population_have_their_own_strengths() -> None:
    x, g = arrays(6)[0].astype(np.float32), arrays(7)[0].astype(np.float32)

    def one(x: jax.Array, g: jax.Array, strength: jax.Array) -> jax.Array:
        return decayed(penalized([g], [x], strength, strength), [x], 0.5, strength)[0]

    got = jax.jit(jax.vmap(one))(jnp.stack([x, x]), jnp.stack([g, g]), jnp.array([0.0, 0.2]))
    np.testing.assert_array_equal(got[0], g)
    np.testing.assert_allclose(got[1], g + 0.2 * np.sign(x) + 0.2 * x - 0.1 * x, rtol=1e-5, atol=1e-6)
