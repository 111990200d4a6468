"""The Gaussian averages of landscapes against a quadrature fine enough for any of them, and their use in training."""

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import InvalidValueError
from thalweg.landscapes import LANDSCAPES, gaussian_average, has_gaussian_average

AVERAGED = [name for name in LANDSCAPES if has_gaussian_average(LANDSCAPES[name])]
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)


def by_quadrature(name: str, x: float, y: float, sigma: float) -> float:
    values = LANDSCAPES[name].value(x + sigma * NODES[:, None], y + sigma * NODES[None, :] + 0 * NODES[:, None])
    return float(WEIGHTS @ values @ WEIGHTS) / float(np.sum(WEIGHTS)) ** 2


def test_what_has_no_closed_form_says_so() -> None:
    assert set(LANDSCAPES) - set(AVERAGED) == {"ackley", "cliff", "plateau"}


@pytest.mark.parametrize("name", AVERAGED)
def test_average_is_that_of_a_fine_quadrature(name: str) -> None:
    random = np.random.default_rng(0)
    low, high = np.reshape(LANDSCAPES[name].domain, (2, 2)).T
    for sigma in (0.0, 0.3, 1.0):
        for _ in range(5):
            x, y = random.uniform(low, high)
            expected = by_quadrature(name, x, y, sigma)
            found = float(gaussian_average(LANDSCAPES[name], np.asarray(x), np.asarray(y), sigma))
            assert found == pytest.approx(expected, rel=1e-11, abs=1e-9)


def test_continuation_in_closed_form_escapes_the_dents() -> None:
    def height(**more: object) -> float:
        store = "sqlite://"
        return tw.train(
            "rastrigin", "sgd", {"learning_rate": 0.004}, epochs=2000, store=store, **more
        ).result.validation_loss

    assert height() > 3
    assert height(techniques=["diffusion:width=1:levels=10"]) < 1e-3


def test_a_landscape_without_one_refuses_it() -> None:
    with pytest.raises(InvalidValueError, match="diffusion: task 'ackley' has no training loss that heeds it"):
        tw.train("ackley", "sgd", epochs=5, techniques=["diffusion:1"], store="sqlite://")
