"""The short comparisons of ``technique_effects.py``, each of one technique or a few of a kind."""

from dataclasses import dataclass

__all__ = ["CASES", "PRETRAINED", "Case"]

PRETRAINED = "start=run:PRETRAINED"  # the word stands for the fingerprint of a run trained before


@dataclass(frozen=True)
class Case:
    """A comparison of one optimizer without and with techniques.

    Attributes:
        name: Word for ``--only``.
        title: Heading of its section.
        expected: What theory or its authors say, in a sentence or two.
        task: Name of the task.
        optimizer: Name of the optimizer.
        vary: Alternatives; every other one is held against the first.
        common: Techniques of all.
        epochs: Passes over the training data; the task's own if None.
        trials: Learning rates sampled per alternative.
        batch_size: Examples per step; the task's own if None.
    """

    name: str
    title: str
    expected: str
    task: str
    optimizer: str
    vary: tuple[str, ...]
    common: tuple[str, ...] = ()
    epochs: int | None = 8
    trials: int = 16
    batch_size: int | None = None

    @property
    def command(self) -> str:
        """The same on the command line."""
        shared = [("--model", one[6:]) if one.startswith("model.") else ("--with", one) for one in self.common]
        words = [f"thalweg compare {self.task} --optimizers {self.optimizer} --tune learning-rate"]
        words += [f"--trials {self.trials}"] + ([f"--epochs {self.epochs}"] if self.epochs else [])
        words += [f"--batch-size {self.batch_size}"] if self.batch_size else []
        words += [f"{option} {value}" for option, value in shared] + [f"--vary {','.join(self.vary)}"]
        return " ".join(words)


SCHEDULES = (
    "none",
    "schedule=cosine",
    "schedule=step:at=0.5/0.75",
    "schedule=one-cycle",
    "schedule=warmup:0.1",
    "schedule=cosine:warmup=0.1",
)
LAWS = ("none", *(f"initializer={law}" for law in ("zero", "gaussian:0.01", "glorot", "he", "orthogonal", "sparse")))
NORMALIZATIONS = ("none", "model.normalization=batch", "model.normalization=layer")
AVERAGES = ("none", "ema:0.95", "swa:0.5", "polyak:0.5")
NOISY = ((), 4, 16, 20)  # nothing in common, 4 epochs, 16 trials, 20 examples per step
CASES = (
    Case(
        "schedules-sgd",
        "Schedules, with SGD",
        "A decaying rate lets noise settle at the end; a warm-up protects the first updates where they are fragile.",
        "digits",
        "sgd",
        SCHEDULES,
    ),
    Case("schedules-adam", "Schedules, with Adam", "The same.", "digits", "adam", SCHEDULES),
    Case(
        "schedules-noise",
        "Schedules, where minibatches are small and the task is hard",
        "The same; the noise of a minibatch is larger here, and with it what a decay can gain.",
        "mnist1d",
        "momentum",
        SCHEDULES,
        *NOISY,
    ),
    Case(
        "clip-recurrent",
        "Clipping, in a vanilla recurrent network of tanh",
        "The gradient of a recurrent network now and then explodes; cut to a length, it no longer throws the weights "
        "far away, and larger rates may be used.",
        "adding-rnn",
        "sgd",
        ("none", "clip-norm:1", "clip-value:0.1"),
        ("model.length=10", "model.hidden=16"),
        4,
    ),
    Case(
        "clip-recurrent-relu",
        "Clipping, in a vanilla recurrent network of ReLUs",
        "States that are not bounded let gradients explode far sooner than those of tanh.",
        "adding-rnn",
        "sgd",
        ("none", "clip-norm:1", "clip-value:0.1"),
        ("model.length=10", "model.hidden=16", "model.activation=relu"),
        4,
    ),
    Case(
        "clip-perceptron",
        "Clipping, in a perceptron",
        "Where gradients do not explode, a threshold has little to do.",
        "digits",
        "sgd",
        ("none", "clip-norm:1", "clip-adaptive:0.1"),
    ),
    Case(
        "initializers-deep",
        "Initializers, ten layers of ReLU",
        "Signals must neither fade nor grow from layer to layer: He's law and orthogonal weights keep them for ReLU, "
        "Glorot's is a factor √2 short per layer, σ = 0.01 fades at once, and from zero nothing can be learnt. The "
        "task's own law, the baseline, is He's but for the last layer, where it is Glorot's.",
        "digits",
        "sgd",
        LAWS,
        ("model.depth=10",),
    ),
    Case(
        "initializers-shallow",
        "Initializers, two layers",
        "With one hidden layer the scale matters far less, but units that begin alike stay alike.",
        "digits",
        "sgd",
        LAWS,
    ),
    Case(
        "bias",
        "Bias from the classes' frequencies",
        "Where classes are uneven the first loss is lower; the digits' classes are even, so there nothing can come of "
        "it.",
        "text-gru",
        "adam",
        ("none", "bias=marginal"),
        (),
        1,
        4,
    ),
    Case("bias-even", "The same bias, even classes", "Nothing.", "digits", "sgd", ("none", "bias=marginal"), (), 4),
    Case(
        "normalization",
        "Normalization, ten layers",
        "Deep plain networks train at larger rates and from worse starts.",
        "digits",
        "sgd",
        NORMALIZATIONS,
        ("model.depth=10",),
        4,
    ),
    Case(
        "normalization-start",
        "Normalization, ten layers from σ = 0.01",
        "Normalization undoes a scale that is wrong in every layer.",
        "digits",
        "sgd",
        NORMALIZATIONS,
        ("model.depth=10", "initializer=gaussian:0.01"),
        4,
    ),
    Case(
        "regularization",
        "Against overfitting",
        "All but the last keep the network from fitting the training set too closely. Label smoothing aims at "
        "accuracy: the test loss is that of the labels as they are.",
        "mnist1d",
        "adam",
        (
            "none",
            "dropout:0.2",
            "label-smoothing:0.1",
            "l1:0.0001",
            "l2:0.001",
            "weight-decay:0.1",
            "early-stopping:2",
            "centralize",
        ),
        (),
        12,
    ),
    Case(
        "averages",
        "Averages of the weights",
        "An average over the last part of the run takes out the noise that a constant rate leaves.",
        "digits",
        "sgd",
        AVERAGES,
    ),
    Case(
        "averages-noise",
        "Averages of the weights, where minibatches are small and the task is hard",
        "The same; the noise is larger here.",
        "mnist1d",
        "momentum",
        AVERAGES,
        *NOISY,
    ),
    Case(
        "growth",
        "A growing batch instead of a decaying rate",
        "Smith et al.: doubling the batch does what halving the rate does, in fewer updates. Held against the decay, a "
        "growing batch should show no difference.",
        "mnist1d",
        "momentum",
        ("schedule=step:at=0.5/0.75:decay=0.5", "growth=step:at=0.5/0.75:decay=0.5", "none"),
        *NOISY,
    ),
    Case(
        "sampling",
        "How minibatches are drawn",
        "Drawing without replacement has less noise over an epoch than with it; a fixed order has bias of its own.",
        "digits",
        "sgd",
        ("none", "sampling=replacement", "sampling=sequential"),
    ),
    Case(
        "curriculum",
        "Curricula",
        "Wu et al.: on clean data with enough time neither order nor its reverse does better than the random control.",
        "digits",
        "sgd",
        ("none", "curriculum:order=increasing", "curriculum:order=decreasing", "curriculum:order=random"),
        (),
        4,
    ),
    Case(
        "smoothing",
        "Gaussian continuation, on Rastrigin's hills",
        "A landscape of many small basins in a wide bowl, the case it was made for.",
        "rastrigin",
        "sgd",
        ("none", "gaussian-smoothing:1"),
        (),
        None,
    ),
    Case(
        "smoothing-ackley",
        "Gaussian continuation, on Ackley's",
        "The same, in a landscape that is flat far from its minimum.",
        "ackley",
        "sgd",
        ("none", "gaussian-smoothing:1"),
        (),
        None,
    ),
    Case(
        "diffusion",
        "Diffused activations",
        "Made for recurrent networks on long inputs. A network that trains well without has little to gain.",
        "digits",
        "sgd",
        ("none", "diffusion:1"),
        ("model.depth=6", "model.activation=tanh"),
        4,
    ),
    Case(
        "skip",
        "Skip connections, 14 layers without normalization",
        "Each block adds to what goes past it, so gradients reach the first layer however deep the network.",
        "digits-resnet",
        "sgd",
        ("model.skip=off", "model.skip=on"),
        ("model.depth=14", "model.width=4", "model.normalization=none"),
        2,
        3,
    ),
    Case(
        "pretraining",
        "A start from an autoencoder, SGD, two epochs",
        "The first layer has learnt strokes from the same images without labels; with few updates that may save some.",
        "digits",
        "sgd",
        ("none", PRETRAINED),
        (),
        2,
    ),
    Case("pretraining-adam", "The same start, Adam", "The same.", "digits", "adam", ("none", PRETRAINED), (), 2),
)
