"""Rules that act on whole matrices, one array at a time; see :mod:`oracles` for what an oracle is."""

import math
from collections.abc import Generator
from typing import TypeAlias

import numpy as np

ArraySteps: TypeAlias = Generator[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]

JIACHENG = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)


def muon(
    array: np.ndarray,
    rates: list[float],
    learning_rate: float = 0.02,
    momentum: float = 0.95,
    weight_decay: float = 0.0,
    epsilon: float = 1e-7,
    linear: float = 3.4445,
    cubic: float = -4.7750,
    quintic: float = 2.0315,
    rms: float = 0.2,
    momentum_form: str = "average",
    nesterov: bool = True,
    steps: int = 5,
    coefficients: str = "constant",
    norm_form: str = "added",
    scale: str = "width",
    layout: str = "in-out",
    adam_rate: float = 0.015,
    adam_beta1: float = 0.9,
    adam_beta2: float = 0.95,
    adam_epsilon: float = 1e-10,
    adam_weight_decay: float = 0.0,
    companion: str = "adamw",
) -> ArraySteps:
    """Jordan et al. (2024), the published code; the Newton–Schulz steps act on the singular values alone."""
    x = array
    if x.ndim < 2:
        of_adam = (adam_beta1, adam_beta2, adam_epsilon, adam_weight_decay, companion)
        return (yield from _adamw(x, [adam_rate * rate for rate in rates], *of_adam))
    polynomials = [(linear, cubic, quintic)] * steps
    if coefficients == "fitted":
        polynomials = [JIACHENG[min(4, max(0, 5 - steps) + k)] for k in range(steps)]
    inputs, outputs = (math.prod(x.shape[:-1]), x.shape[-1]) if layout == "in-out" else (
        math.prod(x.shape[1:]), x.shape[0])  # fmt: skip
    factor = {
        "none": 1.0,
        "width": max(1.0, outputs / inputs) ** 0.5,
        "rms": rms * max(outputs, inputs) ** 0.5,
    }[scale]
    history: list[np.ndarray] = []
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        history.append(g)
        total = sum(momentum ** (t - k) * past for k, past in enumerate(history, start=1))  # m as one sum
        if momentum_form == "sum":
            n = g + momentum * total if nesterov else total
        else:
            m, later = (1 - momentum) * total, t + 1 if nesterov else t
            of_m, of_g = (1 - momentum**later, 1 - momentum**t) if momentum_form == "corrected" else (1.0, 1.0)
            n = momentum * m / of_m + (1 - momentum) * g / of_g if nesterov else m / of_m
        rows = (inputs, outputs) if layout == "in-out" else (outputs, inputs)
        step = _orthogonal(n.reshape(rows), polynomials, epsilon, norm_form).reshape(x.shape)
        x = (1 - rate * weight_decay) * x - rate * factor * step
    return x


def _orthogonal(
    n: np.ndarray, polynomials: list[tuple[float, float, float]], epsilon: float, norm_form: str
) -> np.ndarray:
    """Apply odd polynomials to the singular values of n / ‖n‖, which is what products of matrices do to it."""
    left, values, right = np.linalg.svd(n, full_matrices=False)
    norm = math.sqrt(sum(float(value) ** 2 for value in values))
    values = values / (norm + epsilon if norm_form == "added" else max(norm, epsilon))
    for a, b, c in polynomials:
        values = a * values + b * values**3 + c * values**5
    return (left * values) @ right


def _adamw(
    x: np.ndarray,
    rates: list[float],
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
    companion: str,
) -> ArraySteps:
    """Loshchilov and Hutter (2019), algorithm 2; its Nesterov form; ε̂ of Kingma and Ba."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        if companion == "nadamw":
            m_hat = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
        weight = math.sqrt(1 - beta2**t)
        root = np.sqrt(v) / weight + epsilon
        if companion == "adamw_uncorrected":
            root = (np.sqrt(v) + epsilon) / weight
        x = x - rate * (weight_decay * x + m_hat / root)
    return x


def shampoo(
    array: np.ndarray,
    rates: list[float],
    learning_rate: float = 0.1,
    momentum: float = 0.9,
    decay: float = 0.95,
    epsilon: float = 1e-4,
    weight_decay: float = 0.0,
    accumulation: str = "sum",
    exponent: str = "half",
    interval: int = 1,
    grafting: str = "none",
    largest: int = 1024,
    sides: str = "all",
) -> ArraySteps:
    """Gupta et al. (2018), algorithms 1 and 2; powers of matrices through their singular values."""
    x, v = array, np.zeros_like(array)
    axes = list(range(x.ndim)) if x.ndim > 1 and max(x.shape) <= largest else []
    if sides == "shortest" and axes:
        axes = [int(np.argmin(x.shape))]
    history: list[np.ndarray] = []
    roots: list[np.ndarray] = []
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        history.append(g)
        weights = [1.0 if accumulation == "sum" else (1 - decay) * decay ** (t - k) for k in range(1, t + 1)]
        adagrad = g / np.sqrt(sum(w * past**2 for w, past in zip(weights, history, strict=True)) + epsilon)
        step = g if axes else adagrad
        for position, axis in enumerate(axes):
            if (t - 1) % interval == 0:
                others = [i for i in range(x.ndim) if i != axis]
                products = [np.tensordot(past, past, (others, others)) for past in history]
                total = sum(w * p for w, p in zip(weights, products, strict=True)) + epsilon * np.eye(x.shape[axis])
                u, values, _ = np.linalg.svd(total)
                power = -0.5 / len(axes) if exponent == "half" else -1.0 / len(axes)
                roots[position : position + 1] = [u @ np.diag(values**power) @ u.T]
            step = np.moveaxis(np.tensordot(roots[position], step, (1, axis)), 0, axis)
        if axes and grafting != "none" and np.any(step):
            step = step * np.linalg.norm(g if grafting == "sgd" else adagrad) / np.linalg.norm(step)
        v = momentum * v + step
        x = x - rate * weight_decay * x - rate * v
    return x


def soap(
    array: np.ndarray,
    rates: list[float],
    learning_rate: float = 3e-3,
    beta1: float = 0.95,
    beta2: float = 0.95,
    basis_decay: float = 0.95,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
    interval: int = 10,
    first_step: str = "skipped",
    order: str = "sorted",
    epsilon_place: str = "uncorrected",
    largest: int = 1024,
    sides: str = "shortest",
) -> ArraySteps:
    """Vyas et al. (2024), algorithms 3 and 4, with the published code's first step, order and ε; at most two axes."""
    w = array
    shape = (w.shape[0], w.shape[1]) if w.ndim == 2 else (1, w.size)
    left, right = w.ndim == 2, w.ndim == 2
    if sides == "shortest" and w.ndim == 2:
        left, right = shape[0] <= shape[1], shape[0] > shape[1]
    m, v = np.zeros(shape), np.zeros(shape)
    l_sum, r_sum = np.zeros((shape[0],) * 2), np.zeros((shape[1],) * 2)
    u, q = np.eye(shape[0]), np.eye(shape[1])
    step = 0
    for t, rate in enumerate(rates, start=1):
        sent = yield w, w
        g = sent.reshape(shape)
        l_sum = basis_decay * l_sum + (1 - basis_decay) * (g @ g.T)
        r_sum = basis_decay * r_sum + (1 - basis_decay) * (g.T @ g)
        if t == 1:
            u = np.linalg.eigh(l_sum)[1][:, ::-1] if left else u
            q = np.linalg.eigh(r_sum)[1][:, ::-1] if right else q
            if first_step == "skipped":
                continue
        step += 1
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * (u.T @ g @ q) ** 2
        weight = 1 - beta2**step
        root = {
            "corrected": np.sqrt(v / weight) + epsilon,
            "uncorrected": (np.sqrt(v) + epsilon) / np.sqrt(weight),
            "inside": np.sqrt(v / weight + epsilon),
            "floor": np.maximum(np.sqrt(v / weight), epsilon),
        }[epsilon_place]
        change = u @ ((u.T @ m @ q) / (1 - beta1**step) / root) @ q.T
        w = (1 - rate * weight_decay) * (w - rate * change.reshape(w.shape))
        if step % interval == 0:
            if left and order == "sorted":
                best = np.argsort(np.diag(u.T @ l_sum @ u))[::-1]
                u, v = u[:, best], v[best, :]
            if right and order == "sorted":
                best = np.argsort(np.diag(q.T @ r_sum @ q))[::-1]
                q, v = q[:, best], v[:, best]
            u = np.linalg.qr(l_sum @ u)[0] if left else u
            q = np.linalg.qr(r_sum @ q)[0] if right else q
    return w
