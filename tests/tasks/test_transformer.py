"""The transformer against torch, written out with torch's own functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.tasks.transformer import causal_attention, transformer

torch = pytest.importorskip("torch")
ROWS, LENGTH, WIDTH, HEADS, CLASSES = 3, 6, 8, 2, 11


def tensor(array):
    return torch.tensor(np.array(array))


def test_attention_and_its_gradient_equal_torch():
    drawn = np.random.default_rng(0).normal(size=(3, 5, LENGTH, 4)) * 3
    with jax.enable_x64(True):
        found = jax.jit(causal_attention)(*drawn)
        slopes = jax.jit(jax.grad(lambda *a: jnp.sum(causal_attention(*a) ** 2), (0, 1, 2)))(*drawn)
    inputs = [torch.tensor(one, requires_grad=True) for one in drawn]
    expected = torch.nn.functional.scaled_dot_product_attention(*inputs, is_causal=True)
    (expected**2).sum().backward()
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-13)
    for slope, one in zip(slopes, inputs, strict=True):
        np.testing.assert_allclose(slope, one.grad.numpy(), atol=1e-12)


def test_attention_bears_scores_that_no_exponential_can():
    drawn = np.random.default_rng(0).normal(size=(3, 2, LENGTH, 4)).astype(np.float32) * 100
    drawn[1, :, -1] *= 100  # the last position's scores are far above all others', which must not matter before it
    found = np.asarray(jax.jit(causal_attention)(*drawn))
    expected = torch.nn.functional.scaled_dot_product_attention(*map(tensor, drawn), is_causal=True).numpy()
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)  # float32 scores of order 10⁴


def literal(params, x, layers, skip, normalize):
    functional = torch.nn.functional

    def linear(name, x):
        return x @ tensor(params[name]["weight"]) + tensor(params[name]["bias"])

    def norm(number, x):
        if not normalize:
            return x
        found = params[f"norm{number}"]
        return functional.layer_norm(x, (WIDTH,), tensor(found["scale"]), tensor(found["offset"]))

    def heads(x):
        return x.reshape(ROWS, -1, HEADS, WIDTH // HEADS).transpose(1, 2)

    h = tensor(params["characters"]["embedding"])[x] + tensor(params["positions"]["embedding"])[: x.shape[1]]
    for number in range(1, layers + 1):
        z = norm(2 * number - 1, h)
        parts = [heads(linear(f"{part}{number}", z)) for part in ("query", "key", "value")]
        z = functional.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2).reshape(h.shape)
        z = linear(f"mix{number}", z)
        h = h + z if skip else z
        z = linear(f"narrow{number}", functional.gelu(linear(f"widen{number}", norm(2 * number, h))))
        h = h + z if skip else z
    return linear("output", norm(2 * layers + 1, h))


@pytest.mark.parametrize(
    ("layers", "skip", "normalization"), [(1, True, "layer"), (2, True, "layer"), (2, False, "none")]
)
@pytest.mark.parametrize("length", [LENGTH, LENGTH - 2])
def test_logits_equal_torch(layers, skip, normalization, length):
    made = transformer(CLASSES, LENGTH, width=WIDTH, layers=layers, heads=HEADS, skip=skip, normalization=normalization)
    rng = np.random.default_rng(0)
    x = rng.integers(CLASSES, size=(ROWS, length))
    with jax.enable_x64(True):
        shapes = jax.eval_shape(made.init, jax.random.key(0))
        params = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape)), shapes)
        found = jax.jit(made.apply)(params, jnp.asarray(x))
    expected = literal(params, x, layers, skip, normalization == "layer").numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_a_later_character_changes_no_earlier_logit():
    made = transformer(CLASSES, LENGTH, width=WIDTH, heads=HEADS)
    rng, apply = np.random.default_rng(0), jax.jit(made.apply)
    shapes = jax.eval_shape(made.init, jax.random.key(0))
    params = jax.tree.map(lambda a: jnp.asarray(0.5 * rng.normal(size=a.shape), jnp.float32), shapes)
    x = rng.integers(CLASSES, size=(ROWS, LENGTH))
    before = np.asarray(apply(params, x))
    for place in range(1, LENGTH):
        other = x.copy()
        other[:, place] = (other[:, place] + 1) % CLASSES
        after = np.asarray(apply(params, other))
        np.testing.assert_array_equal(after[:, :place], before[:, :place])
        assert (np.abs(after[:, place:] - before[:, place:]).max(axis=(0, 2)) > 1e-4).all()


def test_initial_weights_end_their_parts_smaller():
    params = jax.jit(transformer(65, 32, width=64, layers=3).init)(jax.random.key(0))
    assert float(params["query2"]["weight"].std()) == pytest.approx(1 / 8, rel=0.03)
    assert float(params["mix2"]["weight"].std()) == pytest.approx(1 / 8 / 6**0.5, rel=0.03)
    assert float(params["narrow1"]["weight"].std()) == pytest.approx(1 / 16 / 6**0.5, rel=0.03)
    assert float(params["characters"]["embedding"].std()) == pytest.approx(0.02, rel=0.03)
