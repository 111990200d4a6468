"""A run's techniques, read from its record into what the engine is given.

``RunSpec.techniques`` maps what a technique acts on to its notation; nothing in it means plain training::

    schedule.learning_rate   cosine:warmup=0.1      a factor per step on a hyperparameter
    initializer              he                     where the weights start
    bias                     marginal+open-gates    where the biases start
    start                    run:3f2a…              the parameters of another run
    sampling                 replacement            how minibatches are drawn
    growth                   step:at=0.5:decay=0.5 the batch grows as this rate would decay
    clip-norm                clip-norm:1.0          any technique by its own name
    model.activation         tanh                   the model's structure
    source.initializer       9b1e…                  fingerprint of a user's file that something came from
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from thalweg.compression import FORMATS
from thalweg.optimizers.base import Rule
from thalweg.schedules import Plateau, Schedule, parse_schedule, plateau_of
from thalweg.techniques import (
    Technique,
    accumulation,
    averaging_weights,
    continuation_widths,
    growth_multipliers,
    lookahead_shares,
    parse_technique,
)
from thalweg.training.structure import TREATMENTS

__all__ = ["Recipe", "recipe_of"]

AVERAGES = ("ema", "swa", "polyak")
NOT_NAMED = ("initializer", "bias", "start", "sampling", "growth")
PLAIN_PLATEAU = (1.0, 0.0, 0.0, 0.0, 0.0)  # a factor of one never reduces anything
NEVER_STOPPING = (np.inf, -np.inf)  # every evaluation counts as the best


@dataclass(frozen=True)
class Recipe:
    """The techniques of a run.

    Attributes:
        items: What each acts on, with its notation, sorted.
    """

    items: tuple[tuple[str, str], ...] = ()

    @cached_property
    def schedules(self) -> dict[str, Schedule]:
        """Schedules by hyperparameter, with what of them is known ahead."""
        start = "schedule."
        return {key.removeprefix(start): parse_schedule(text) for key, text in self.items if key.startswith(start)}

    @cached_property
    def plateau(self) -> Plateau | None:
        """The schedule of the learning rate that hears the validation loss, if that is asked for."""
        rate = self.schedules.get("learning_rate")
        return plateau_of(rate) if rate is not None and rate.adaptive else None

    @cached_property
    def named(self) -> dict[str, Technique]:
        """Techniques by their own names."""
        apart = ("schedule.", "model.", "source.")
        return {
            key: parse_technique(text) for key, text in self.items if key not in NOT_NAMED and not key.startswith(apart)
        }

    @cached_property
    def growth(self) -> Schedule | None:
        """The decay that the batch grows instead of, or None."""
        text = dict(self.items).get("growth")
        return parse_schedule(text) if text else None

    @property
    def grouped(self) -> bool:
        """Whether one update may take several minibatches."""
        return self.growth is not None or "accumulate" in self.named

    @property
    def sampling(self) -> str:
        """How minibatches are drawn."""
        return dict(self.items).get("sampling", "shuffled")

    @cached_property
    def order(self) -> tuple[str, str]:
        """What the minibatches depend on beside the seed."""
        return self.sampling, dict(self.items).get("curriculum", "")

    @cached_property
    def beginning(self) -> tuple[str, str, str]:
        """What the start depends on beside the seed: initializer, biases, another run."""
        chosen = dict(self.items)
        return chosen.get("initializer", ""), chosen.get("bias", ""), chosen.get("start", "")

    @cached_property
    def features(self) -> frozenset[str]:
        """Names of what must be compiled in for it."""
        found = {name for name in self.named if name in {*TREATMENTS, "sam", "cautious", "lookahead"}}
        found |= {self._format} - {""}
        found |= {"schedule"} if self.schedules else set()
        found |= {"plateau"} if self.plateau else set()
        found |= {"accumulate"} if self.grouped else set()
        found |= {"context"} if {"dropout", "label-smoothing"} & set(self.named) else set()
        found |= {"average"} if set(AVERAGES) & set(self.named) else set()
        found |= {"stopping"} if "early-stopping" in self.named else set()
        found |= {"diffusion"} if "diffusion" in self.named else set()
        found |= {"smoothing"} if "gaussian-smoothing" in self.named else set()
        return frozenset(found)

    def number(self, technique: str, otherwise: float) -> float:
        """Return the first setting of a technique, or ``otherwise`` if the run is without it."""
        made = self.named.get(technique)
        return otherwise if made is None else float(next(iter(made.values().values())))

    def extras(
        self, rule: Rule, features: frozenset[str], run: tuple[int, int, int], first: int, count: int, most: int
    ) -> dict[str, Any]:
        """Return what a member is given for steps ``first`` … ``first + count − 1``, by name.

        Args:
            rule: Its optimizer.
            features: What the program has compiled in.
            run: Its seed, its steps in all, and how many batches make the whole training set.
            first: Steps already taken.
            count: Steps of the call, of which those beyond the run are not taken.
            most: Hyperparameters of the widest rule.
        """
        seed, total, most_batches = run
        given: dict[str, Any] = {}
        if "schedule" in features:
            given["factors"] = _window(_factors(self, type(rule), total), first, count, (most,), 1.0)
        if "plateau" in features:
            given["plateau"] = np.array(self._plateau_numbers(), np.float32)
        if "accumulate" in features:
            fires, share = self._accumulation(total, most_batches)
            given["fires"] = _window(fires, first, count, (), True)
            given["share"] = _window(share.astype(np.float32), first, count, (), 1.0)
        if "context" in features:
            given["context"] = np.array([self.number("dropout", 0.0), self.number("label-smoothing", 0.0)], np.float32)
        if "diffusion" in features:
            given["diffusion"] = _window(self._widths("diffusion", total), first, count, (), 0.0)
        if "smoothing" in features:
            given["width"] = _window(self._widths("gaussian-smoothing", total), first, count, (), 0.0)
        if features & {"context", "diffusion", "smoothing", "estimates", *FORMATS}:
            given["seed"] = np.int32(seed)
        if features & set(TREATMENTS):
            numbers = [self.number(*item) for item in TREATMENTS.items()]
            given["treatment"] = np.array([*numbers, self._clip_epsilon], np.float32)
        if "sam" in features:
            given["sam"] = np.array(self._sam_numbers, np.float32)
        if "cautious" in features:
            given["cautious"] = np.array(["cautious" in self.named, self.number("cautious", 1.0)], np.float32)
        if "lookahead" in features:
            given["slow"] = _window(self._slow(total, most_batches), first, count, (), 1.0)
        if features & set(FORMATS):
            form = 1 + FORMATS.index(self._format) if self._format else 0
            given["state"] = np.array([form, self.number("state", 1.0)], np.float32)
        if "average" in features:
            given["average"] = _window(self._averaging(total, most_batches), first, count, (), 1.0)
        if "stopping" in features:
            made = self.named.get("early-stopping")
            numbers = NEVER_STOPPING if made is None else tuple(made.values().values())
            given["stopping"] = np.array(numbers, np.float32)
        return given

    def updates(self, total: int, most_batches: int) -> int:
        """Return how often the parameters are updated in ``total`` steps."""
        return int(self._accumulation(total, most_batches)[0].sum())

    @property
    def _format(self) -> str:
        """How the optimizer's state is stored; empty if as it is."""
        made = self.named.get("state")
        return "" if made is None else str(made.structure()["format"])

    @property
    def _clip_epsilon(self) -> float:
        made = self.named.get("clip-adaptive")
        return 1e-3 if made is None else float(made.values()["epsilon"])

    @property
    def gradients_per_step(self) -> int:
        """Gradients that each step takes: a second one uphill where minimization is sharpness-aware."""
        return 2 if self._sam_numbers[0] > 0 else 1

    @property
    def _sam_numbers(self) -> tuple[float, ...]:
        made = self.named.get("sam")
        if made is None:
            return 0.0, 0.0, 0.0
        return (
            float(made.values()["radius"]),
            float(made.structure()["adaptive"] == "on"),
            float(made.values()["floor"]),
        )

    def _plateau_numbers(self) -> tuple[float, ...]:
        return PLAIN_PLATEAU if self.plateau is None else tuple(self.plateau.values().values())

    def _accumulation(self, total: int, most: int) -> tuple[np.ndarray, np.ndarray]:
        if not self.grouped:
            return np.ones(total, bool), np.ones(total)
        together = int(self.number("accumulate", 1))
        multipliers = np.full(total, together)
        if self.growth is not None:
            factors = self.growth.factor(np.arange(1, total + 1), total)
            multipliers = together * growth_multipliers(factors, max(1, most // together))
        return accumulation(multipliers, total)

    def _averaging(self, total: int, most: int) -> np.ndarray:
        """Return the share of each step's weights in the average; only steps that update the weights have any."""
        made = next((self.named[name] for name in AVERAGES if name in self.named), None)
        if made is None:
            return np.ones(total)
        fires, _ = self._accumulation(total, most)
        shares = np.zeros(total)
        shares[fires] = averaging_weights(made, int(fires.sum()))
        return shares

    def _slow(self, total: int, most: int) -> np.ndarray:
        """Return the share of its way that the slow weights go at each step: all of it if there are none apart."""
        made = self.named.get("lookahead")
        if made is None:
            return np.ones(total)
        fires, _ = self._accumulation(total, most)
        shares = np.zeros(total)
        shares[fires] = lookahead_shares(made, int(fires.sum()))  # type: ignore[arg-type]
        return shares

    def _widths(self, technique: str, total: int) -> np.ndarray:
        made = self.named.get(technique)
        return np.zeros(total) if made is None else continuation_widths(made, total)  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def _recipe(items: tuple[tuple[str, str], ...]) -> Recipe:
    return Recipe(items)


def recipe_of(techniques: Mapping[str, Any]) -> Recipe:
    """Return the techniques of a run's record; equal ones are one object."""
    return _recipe(tuple(sorted((str(key), str(value)) for key, value in techniques.items())))


@lru_cache(maxsize=512)
def _factors(recipe: Recipe, rule_class: type[Rule], total: int) -> np.ndarray:
    """Return the factors of all hyperparameters, shape (total, hyperparameters), float32."""
    steps = np.arange(1, total + 1)
    columns = [
        recipe.schedules[name].factor(steps, total) if name in recipe.schedules else np.ones(total)
        for name in rule_class.hyperparameters()
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _window(table: np.ndarray, first: int, count: int, rest: tuple[int, ...], fill: Any) -> np.ndarray:
    """Return rows ``first`` … of a table, filled up to (count, …)."""
    kind = table.dtype if table.dtype == bool else np.float32
    out = np.full((count, *rest), fill, kind)
    part = table[first : first + count]
    out[(slice(len(part)), *(slice(n) for n in part.shape[1:]))] = part
    return out
