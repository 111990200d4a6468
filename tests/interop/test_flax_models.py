"""Flax models train as a loop written by hand with Flax itself does: batch norm, dropout, attention, recurrence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from literal_models import BATCH, by_hand, cross_entropy, key_of_step, some_digits, trained

import thalweg as tw
from thalweg.errors import InvalidValueError, TaskError, UnknownNameError
from thalweg.interop import task_from_flax
from thalweg.tasks.base import Context
from thalweg.tasks.definition import definition_digest
from thalweg.training.calibration import has_convolution

STEPS = 12


class Convolutional(linen.Module):
    """A convolution, batch norm and dropout, as Linen's own examples have them."""

    @linen.compact
    def __call__(self, x, train: bool):
        x = linen.Conv(4, (3, 3), strides=2)(x.reshape(-1, 8, 8, 1))
        x = linen.relu(linen.BatchNorm(use_running_average=not train, momentum=0.9)(x))
        x = linen.Dropout(0.3, deterministic=not train)(x.reshape(x.shape[0], -1))
        return linen.Dense(10)(x)


class Attentive(linen.Module):
    """The rows of an image attend to each other, then a recurrent cell reads them."""

    @linen.compact
    def __call__(self, x, deterministic: bool = True):
        rows = x.reshape(-1, 8, 8)
        rows += linen.MultiHeadDotProductAttention(num_heads=2, dropout_rate=0.1)(rows, deterministic=deterministic)
        rows = linen.RNN(linen.SimpleCell(8))(linen.LayerNorm()(rows))
        return linen.Dense(10)(rows[:, -1])


class Net(nnx.Module):
    """The NNX form of a perceptron with batch norm and dropout."""

    def __init__(self, width: int = 12, *, rngs: nnx.Rngs):
        self.inner = nnx.Linear(64, width, rngs=rngs)
        self.norm = nnx.BatchNorm(width, rngs=rngs)
        self.drop = nnx.Dropout(0.2, rngs=rngs)
        self.outer = nnx.Linear(width, 10, rngs=rngs)

    def __call__(self, x):
        return self.outer(self.drop(nnx.relu(self.norm(self.inner(x)))))


def test_linen_with_batch_norm_and_dropout_trains_as_by_hand() -> None:
    data, net = some_digits(), Convolutional()
    task = task_from_flax("net", net, data, batch_size=BATCH)
    run = trained(task)
    start = jax.tree.map(jnp.asarray, task.init(jax.random.key(3)))
    stats = start.pop("state")["batch_stats"]

    def loss(params, stats, x, y, number):
        rngs = {"dropout": jax.random.split(key_of_step(number), 1)[0]}
        variables = {"params": params, "batch_stats": stats}
        logits, new = net.apply(variables, x, train=True, rngs=rngs, mutable=["batch_stats"])
        return cross_entropy(logits, y), new["batch_stats"]

    params, stats = by_hand(loss, start, stats, data, STEPS)
    logits = net.apply({"params": params, "batch_stats": stats}, data.validation["x"], train=False)
    assert run.result.validation_loss == pytest.approx(float(cross_entropy(logits, data.validation["y"])), rel=1e-4)
    assert run.result.validation_metric == np.mean(np.argmax(logits, -1) == data.validation["y"])
    kept = run.parameters["state.batch_stats.BatchNorm_0.mean"]
    np.testing.assert_allclose(kept, stats["BatchNorm_0"]["mean"], rtol=1e-4, atol=1e-6)


def test_nnx_with_batch_norm_and_dropout_trains_and_repeats() -> None:
    data = some_digits()
    task = task_from_flax("net", Net, data, batch_size=BATCH)
    run = trained(task, epochs=4)
    assert run.result.validation_loss < 0.8 * run.result.curve.validation_loss[0]
    assert trained(task, epochs=4).result.validation_loss == run.result.validation_loss
    # The statistics are those of the training batches, and evaluation uses them: the module itself agrees.
    net = Net(rngs=nnx.Rngs(0))
    net.eval()
    values = {path: jnp.asarray(value) for path, value in run.parameters.items()}
    for layer, names in (("inner", ("kernel", "bias")), ("outer", ("kernel", "bias")), ("norm", ("scale", "bias"))):
        for name in names:
            getattr(getattr(net, layer), name)[...] = values[f"{layer}.{name}"]
    net.norm.mean[...], net.norm.var[...] = values["state.norm.mean"], values["state.norm.var"]
    loss = float(cross_entropy(net(data.validation["x"]), data.validation["y"]))
    assert run.result.validation_loss == pytest.approx(loss, rel=1e-5)


def test_nnx_without_dropout_trains_as_by_hand() -> None:
    class Plain(nnx.Module):
        def __init__(self, rngs):
            self.layers = nnx.List([nnx.Linear(64, 12, rngs=rngs), nnx.Linear(12, 10, rngs=rngs)])
            self.norm = nnx.BatchNorm(12, rngs=rngs, momentum=0.8)

        def __call__(self, x):
            return self.layers[1](nnx.tanh(self.norm(self.layers[0](x))))

    data = some_digits()
    run = trained(task_from_flax("net", Plain, data, batch_size=BATCH))
    net = Plain(nnx.Rngs(jax.random.key(3)))
    graph, params, rest = nnx.split(net, nnx.Param, ...)

    def loss(params, rest, x, y, number):
        module = nnx.merge(graph, params, jax.tree.map(lambda a: a, rest))
        value = cross_entropy(module(x), y)
        return value, nnx.split(module, nnx.Param, ...)[2]

    params, rest = by_hand(loss, params, rest, data, STEPS)
    module = nnx.merge(graph, params, jax.tree.map(lambda a: a, rest))
    module.eval()
    expected = float(cross_entropy(module(data.validation["x"]), data.validation["y"]))
    assert run.result.validation_loss == pytest.approx(expected, rel=1e-4)


class SownLinen(linen.Module):
    @linen.compact
    def __call__(self, x):
        x = linen.Dense(10)(x)
        self.sow("intermediates", "seen", x)
        return x


class SownNNX(nnx.Module):
    def __init__(self, rngs):
        self.inner = nnx.Linear(64, 10, rngs=rngs)
        self.sow(nnx.Intermediate, "began", jnp.ones(3))

    def __call__(self, x):
        x = self.inner(x)
        self.sow(nnx.Intermediate, "seen", x)
        return x


@pytest.mark.parametrize("module", [SownLinen(), SownNNX])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # newer Flax captures what is sown
def test_what_a_module_sows_to_be_looked_at_is_no_state(module) -> None:
    data = some_digits()
    task = task_from_flax("sown", module, data, batch_size=BATCH)
    params = jax.eval_shape(task.init, jax.random.key(0))
    assert set(params) in ({"Dense_0"}, {"inner.kernel", "inner.bias"})

    def loss(params):
        assert task.training_loss is not None
        return task.training_loss(params, data.validation, Context(jax.random.key(0), *jnp.zeros(3)))

    assert jax.eval_shape(loss, params)[1] == {}


def test_attention_and_recurrence_train() -> None:
    task = task_from_flax("attentive", Attentive(), some_digits(), batch_size=BATCH)
    run = tw.train(task, "adam", {"learning_rate": 0.02}, epochs=6, store="sqlite://")
    assert run.result.validation_loss < 0.9 * run.result.curve.validation_loss[0]


def test_convolutions_are_seen_so_that_members_go_one_by_one() -> None:
    data = some_digits()
    assert has_convolution(task_from_flax("net", Convolutional(), data), data)
    assert not has_convolution(task_from_flax("net", linen.Dense(10), data), data)


def test_values_losses_and_metrics_of_ones_own() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    part = {"left": x, "right": x[:, :1], "value": x.sum(1)}

    class Two(linen.Module):
        @linen.compact
        def __call__(self, left, right):
            return linen.Dense(1)(left) + right

    def absolute(outputs, targets):
        return jnp.mean(jnp.abs(outputs[:, 0] - targets))

    metric = tw.Metric("absolute error", absolute, larger_is_better=False)
    fields = {"inputs": ("left", "right"), "target": "value", "batch_size": 8, "epochs": 20}
    tasks = [
        task_from_flax("two", Two(), tw.Data(part, part, part), loss="squared", **fields),
        task_from_flax("two", Two(), tw.Data(part, part, part), loss=absolute, metric=metric, **fields),
    ]
    for task in tasks:
        found = tw.train(task, "adam", {"learning_rate": 0.05}, store="sqlite://").result
        assert found.validation_loss < 0.1
        assert found.validation_metric < 0.2


def test_binary_cross_entropy_is_that_of_its_formula() -> None:
    x = np.array([[1.0], [2.0], [-1.0], [0.5]], np.float32)
    y = np.array([0, 1, 0, 1], np.int32)
    part = {"x": x, "y": y}
    dense = linen.Dense(1, kernel_init=linen.initializers.constant(2.0))
    task = task_from_flax("one", dense, tw.Data(part, part, part), loss="binary cross-entropy")
    params = task.init(jax.random.key(0))
    chance = 1 / (1 + np.exp(-2.0 * x[:, 0].astype(float)))
    expected = -np.mean(np.where(y, np.log(chance), np.log(1 - chance)))
    assert float(task.loss(params, part)) == pytest.approx(expected, rel=1e-6)
    assert float(task.metric.function(params, part)) == 0.75


def test_another_formula_is_another_task() -> None:
    def task(activation):
        class Made(linen.Module):
            @linen.compact
            def __call__(self, x):
                return linen.Dense(10)(activation(linen.Dense(4)(x)))

        return task_from_flax("made", Made(), some_digits)

    assert definition_digest(task(linen.relu)) == definition_digest(task(linen.relu))
    assert definition_digest(task(linen.relu)) != definition_digest(task(linen.tanh))


class Tuple(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.Dense(10)(x), x


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda d: task_from_flax("t", Tuple(), d), TaskError, "its model returns a tuple, not one array"),
        (
            lambda d: task_from_flax("t", linen.Dense(10), d, loss="crossentropy"),
            UnknownNameError,
            "did you mean 'cross",
        ),
        (lambda d: task_from_flax("t", linen.Dense(10), d, loss=3), InvalidValueError, "loss is int; give one of"),
        (lambda d: task_from_flax("t", linen.Dense(10), d, metric="f1"), UnknownNameError, "metric 'f1' is not known"),
        (lambda d: task_from_flax("t", linen.Dense(10), d, inputs="image"), TaskError, "have no array 'image'"),
        (lambda d: task_from_flax("t", linen.Dense(10), d, loss="squared"), TaskError, "for targets of shape"),
        (lambda d: task_from_flax("t", Net(rngs=nnx.Rngs(0)), d), InvalidValueError, "a function of nnx.Rngs"),
        (lambda d: task_from_flax("t", lambda rngs: 3, d), TaskError, "its module function returned a int"),
    ],
)
def test_mistakes_are_told_in_a_sentence(make, error, said: str) -> None:
    with pytest.raises(error) as told:
        tw.train(make(some_digits()), "sgd", store="sqlite://")
    assert said in str(told.value)
    assert "\n" not in str(told.value)
