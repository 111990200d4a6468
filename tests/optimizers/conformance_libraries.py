"""The same scenarios through torch.optim, Optax and Keras: independent implementations, run as they are.

A :class:`Library` entry is data: which constructor, and which of its arguments means which of our hyperparameters.
Settings that a scenario does not name stay at the *library's* defaults, so a wrong default of a preset shows.
"""

import functools
import inspect
import json
import operator
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from conformance_scenarios import Scenario, Trajectory


@dataclass(frozen=True)
class Library:
    """One constructor of another library.

    Attributes:
        package: ``torch``, ``optax`` or ``keras``.
        constructor: Its name, with dots for a name in a module of the package.
        arguments: Our hyperparameter → its argument, or (argument, index) within a tuple.
        fixed: Arguments always given.
        undefaulted: Arguments that it demands, with what to give when a scenario names none.
        rate_as_number: Whether Optax is given each step's rate as a number, not as a schedule.
        averaged: Whether what counts is the average that Schedule-Free keeps, not the point where it looks.
    """

    package: str
    constructor: str
    arguments: Mapping[str, str | tuple[str, int]]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    undefaulted: Mapping[str, float] = field(default_factory=dict)
    rate_as_number: bool = False
    averaged: bool = False

    def signature(self) -> Mapping[str, inspect.Parameter]:
        """Return the constructor's parameters."""
        return inspect.signature(_constructor(self.package, self.constructor)).parameters

    def default(self, hyperparameter: str) -> Any:
        """Return the library's own default for one of our hyperparameters, or None if it has none."""
        key = (self.package, self.constructor, hyperparameter, json.dumps(dict(self.fixed)))
        if key not in KNOWN_DEFAULTS:
            KNOWN_DEFAULTS[key] = self._default(hyperparameter)
        return KNOWN_DEFAULTS[key]

    def _default(self, hyperparameter: str) -> Any:
        where = self.arguments[hyperparameter]
        name, index = where if isinstance(where, tuple) else (where, None)
        value = self.fixed[name] if name in self.fixed else self.signature()[name].default
        if value is inspect.Parameter.empty or value is None:
            return None
        return value if index is None else value[index]

    def keywords(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the constructor's keyword arguments for a scenario's settings."""
        keywords: dict[str, Any] = {**self.undefaulted, **self.fixed}
        for ours, value in settings.items():
            where = self.arguments[ours]
            if isinstance(where, tuple):
                name, index = where
                current = list(keywords.get(name) or self.signature()[name].default)
                current[index] = value
                keywords[name] = tuple(current)
            else:
                keywords[where] = value
        return keywords

    def run(self, settings: Mapping[str, Any], scenario: Scenario) -> Trajectory:
        """Return the parameters after every step."""
        runner = {"torch": _run_torch, "optax": _run_optax, "keras": _run_keras}[self.package]
        return runner(self, settings, scenario)


KNOWN_DEFAULTS: dict[tuple[str, ...], Any] = {}  # a mutation campaign hands it to its processes


def _constructor(package: str, name: str) -> Any:
    if package == "torch":
        import torch

        return getattr(torch.optim, name)
    if package == "optax":
        import optax

        return operator.attrgetter(name)(optax)  # the name may be dotted, as contrib.muon
    return _KerasSignature(name)


def _run_torch(library: Library, settings: Mapping[str, Any], scenario: Scenario) -> Trajectory:
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # NAdam keeps its product of momenta in the default dtype
    try:
        leaves = [torch.tensor(x) for x in scenario.starts]
        optimizer = _constructor("torch", library.constructor)(leaves, **library.keywords(settings))
        base = optimizer.param_groups[0]["lr"]
        done: Trajectory = []
        for step, factor in enumerate(scenario.rates, start=1):
            optimizer.param_groups[0]["lr"] = base * factor
            for x, g in zip(leaves, scenario.gradient(step, [x.numpy() for x in leaves]), strict=True):
                x.grad = torch.tensor(g)
            optimizer.step()
            done.append([x.numpy().copy() for x in leaves])
        return done
    finally:
        torch.set_default_dtype(before)


def _run_optax(library: Library, settings: Mapping[str, Any], scenario: Scenario) -> Trajectory:
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        keywords = library.keywords(settings)
        rates = jnp.asarray(scenario.rates) * keywords.pop("learning_rate")
        numbers = {key: jnp.float64(value) for key, value in keywords.items() if isinstance(value, float)}
        words = {key: value for key, value in keywords.items() if key not in numbers}
        init, step_on = _optax_program(library.constructor, json.dumps(words), library.rate_as_number)
        leaves = [jnp.asarray(x) for x in scenario.starts]
        state = init(leaves, rates[0] if library.rate_as_number else rates, numbers)
        done: Trajectory = []
        for step in range(1, len(scenario.rates) + 1):
            g = [jnp.asarray(a) for a in scenario.gradient(step, [np.asarray(x) for x in leaves])]
            given = rates[step - 1] if library.rate_as_number else rates
            leaves, state = step_on(leaves, state, g, given, numbers)
            done.append([np.asarray(x) for x in _optax_result(library, leaves, state)])
        return done


def _optax_result(library: Library, leaves: Any, state: Any) -> Any:
    """Return the points that Optax counts as the result."""
    import optax

    return optax.contrib.schedule_free_eval_params(state, leaves) if library.averaged else leaves


@functools.cache
def _optax_program(constructor: str, words: str, rate_as_number: bool) -> tuple[Any, Any]:
    """Return init and compiled step of an Optax rule: its numbers are traced, its rate a schedule over given rates."""
    import jax

    make = functools.partial(_constructor("optax", constructor), **json.loads(words))

    def scheduled(rates: Any) -> Any:
        return rates if rate_as_number else lambda count: rates[count]

    def init(leaves: Any, rates: Any, numbers: Any) -> Any:
        return make(learning_rate=scheduled(rates), **numbers).init(leaves)

    @jax.jit
    def step_on(leaves: Any, state: Any, g: Any, rates: Any, numbers: Any) -> Any:
        rule = make(learning_rate=scheduled(rates), **numbers)
        changes, state = rule.update(g, state, leaves)
        return [x + change for x, change in zip(leaves, changes, strict=True)], state

    return init, step_on


class KerasWorker:
    """One process that runs Keras on JAX in float64; started once, asked in lines of JSON."""

    def __init__(self) -> None:
        environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("conformance_keras.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, question: Mapping[str, Any]) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the Keras process ended"
        return json.loads(line)

    def close(self) -> None:
        self.process.communicate()


@functools.cache
def keras_worker() -> KerasWorker:
    """Return the Keras process; the fixture or script that used it closes it."""
    return KerasWorker()


def close_keras() -> None:
    """End the Keras process if one was started."""
    if keras_worker.cache_info().currsize:
        keras_worker().close()
        keras_worker.cache_clear()


class _KerasSignature:
    """The signature of a Keras optimizer, asked of the other process."""

    def __init__(self, name: str) -> None:
        defaults = _keras_defaults(name)
        self.__signature__ = inspect.Signature(
            [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=value) for key, value in defaults]
        )

    def __call__(self) -> None:  # inspect.signature wants a callable
        raise NotImplementedError


@functools.cache
def _keras_defaults(name: str) -> tuple[tuple[str, Any], ...]:
    return tuple((key, value) for key, value in keras_worker().ask({"defaults": name}))


def _run_keras(library: Library, settings: Mapping[str, Any], scenario: Scenario) -> Trajectory:
    keywords = library.keywords(settings)
    base = keywords.pop("learning_rate", None)
    question = {
        "constructor": library.constructor,
        "keywords": keywords,
        "learning_rate": base,
        "starts": [x.tolist() for x in scenario.starts],
        "gradients": [[g.tolist() for g in step] for step in scenario.gradients],
        "curvature": scenario.curvature,
        "rates": list(scenario.rates),
        "averaged": library.averaged,
    }
    answer = keras_worker().ask(question)
    return [[np.asarray(x, dtype=np.float64) for x in leaves] for leaves in answer]


def torch(constructor: str, arguments: Mapping[str, Any], **fixed: Any) -> Library:
    """Return an entry for ``torch.optim``."""
    return Library("torch", constructor, arguments, fixed)


def keras(constructor: str, arguments: Mapping[str, Any], **fixed: Any) -> Library:
    """Return an entry for ``keras.optimizers``."""
    return Library("keras", constructor, arguments, fixed)


def optax(
    constructor: str, arguments: Mapping[str, Any], undefaulted: Mapping[str, float] | None = None, **fixed: Any
) -> Library:
    """Return an entry for ``optax``, most of whose rules demand a learning rate."""
    return Library("optax", constructor, arguments, fixed, undefaulted or {})
