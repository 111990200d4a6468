"""From a study to its runs: how many trials, which seeds, what is trained again.

A plan is a pure function of the study, and no run knows which study it belongs to: going from
``quick`` to ``standard``, or adding a contender, plans the old runs again, and those are
already in the store.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.records import Contender, OptimizerSpec, PlannedRun, Protocol, RunSpec, StudySpec
from thalweg.study.requests import whole
from thalweg.study.selection import Selection
from thalweg.study.space import sample

__all__ = [
    "CONFIRMATION_SEEDS",
    "EFFORTS",
    "confirmation_runs",
    "confirmation_seeds",
    "optimizer_spec",
    "protocol_for",
    "tuning_runs",
    "tuning_seeds",
]

EFFORTS: Mapping[str, tuple[int, int]] = {"quick": (16, 1), "standard": (32, 3), "thorough": (100, 5)}
CONFIRMATION_SEEDS = 10
MOST = {"trials": 100_000, "tuning_seeds": 1000, "confirmation_seeds": 1000, "resamples": 10_000_000}


def protocol_for(effort: str, batch_size: int, steps: int, evaluate_every: int, **overrides: Any) -> Protocol:
    """Return the rules of a comparison.

    Args:
        effort: ``quick`` (16 trials × 1 seed), ``standard`` (32 × 3) or ``thorough`` (100 × 5).
        batch_size: Examples per step, 1 or more.
        steps: Updates per run, 1 or more.
        evaluate_every: Updates between two points of a curve; divides ``steps``.
        **overrides: Other fields of :class:`~thalweg.records.Protocol`. Other numbers of trials or
            seeds than the effort's make the effort ``custom``.

    Raises:
        UnknownNameError: No such effort, or no such field.
        InvalidValueError: A number is outside its range.

    Example:
        >>> protocol = protocol_for("standard", batch_size=32, steps=900, evaluate_every=30)
        >>> protocol.trials, protocol.tuning_seeds, protocol.confirmation_seeds
        (32, 3, 10)
        >>> protocol_for("quick", 32, 900, 30, trials=4).effort
        'custom'
    """
    if not isinstance(effort, str) or effort not in EFFORTS:
        raise UnknownNameError("effort", effort, EFFORTS)
    known = set(Protocol.__dataclass_fields__) - {"effort", "batch_size", "steps", "evaluate_every"}
    for name in overrides:
        if name not in known:
            raise UnknownNameError("setting of the protocol", name, known)
    trials, seeds = EFFORTS[effort]
    size: dict[str, Any] = {"trials": trials, "tuning_seeds": seeds, "confirmation_seeds": CONFIRMATION_SEEDS}
    changed = any(overrides.get(name, value) != value for name, value in size.items())
    protocol = Protocol(
        effort="custom" if changed else effort,
        batch_size=batch_size,
        steps=steps,
        evaluate_every=evaluate_every,
        **{**size, **overrides},
    )
    _check(protocol)
    return protocol


def tuning_seeds(study_seed: int, count: int) -> tuple[int, ...]:
    """Return the seeds of the tuning runs: even, all different, the same for every contender.

    Fewer seeds are the beginning of more, and none is ever a confirmation seed.

    Example:
        >>> tuning_seeds(0, 5)[:3] == tuning_seeds(0, 3)
        True
    """
    return tuple(2 * index for index in _indices(study_seed, "tuning", count))


def confirmation_seeds(study_seed: int, count: int) -> tuple[int, ...]:
    """Return the fresh seeds: odd, all different, the same for every contender and effort."""
    return tuple(2 * index + 1 for index in _indices(study_seed, "confirmation", count))


def tuning_runs(spec: StudySpec) -> list[PlannedRun]:
    """Return the runs from which each contender's settings are chosen.

    Per contender the defaults (trial −1) and then the sampled configurations, each on every
    tuning seed. A contender with nothing to search has only its defaults.
    """
    runs = []
    seeds = tuning_seeds(spec.seed, spec.protocol.tuning_seeds)
    for contender in spec.contenders:
        points = sample(contender.space, spec.protocol.trials, _hashed(spec.seed, "space"))
        for trial, point in enumerate([{}, *points], start=-1):
            optimizer = optimizer_spec(contender, {**contender.defaults, **point})
            role = "trial" if trial >= 0 else "default-trial"
            runs += [
                PlannedRun(contender.label, role, trial, _run(spec, contender, optimizer, seed, False))
                for seed in seeds
            ]
    return runs


def confirmation_runs(spec: StudySpec, selections: Mapping[str, Selection]) -> list[PlannedRun]:
    """Return the runs that are reported: winner and defaults on fresh seeds, the test set read.

    Where the winner is the defaults both are planned with equal fingerprints, so they are
    trained once.

    Args:
        spec: The study.
        selections: What :func:`~thalweg.study.selection.select_winners` chose, by label; contenders
            missing in it get no runs.
    """
    runs = []
    seeds = confirmation_seeds(spec.seed, spec.protocol.confirmation_seeds)
    for contender in spec.contenders:
        if contender.label not in selections:
            continue
        selection = selections[contender.label]
        winner = optimizer_spec(contender, selection.hyperparameters)
        default = optimizer_spec(contender, contender.defaults)
        label, trial = contender.label, selection.trial
        runs += [PlannedRun(label, "winner", trial, _run(spec, contender, winner, seed, True)) for seed in seeds]
        runs += [PlannedRun(label, "default", -1, _run(spec, contender, default, seed, True)) for seed in seeds]
    return runs


def optimizer_spec(contender: Contender, hyperparameters: Mapping[str, float]) -> OptimizerSpec:
    """Return the contender's optimizer with the hyperparameters given."""
    return OptimizerSpec(contender.optimizer, dict(hyperparameters), dict(contender.structure), contender.source)


def _run(spec: StudySpec, contender: Contender, optimizer: OptimizerSpec, seed: int, read_test: bool) -> RunSpec:
    """Return one run of the study."""
    protocol = spec.protocol
    return RunSpec(
        task=spec.task,
        task_version=spec.task_version,
        optimizer=optimizer,
        batch_size=protocol.batch_size,
        steps=protocol.steps,
        evaluate_every=protocol.evaluate_every,
        seed=seed,
        read_test=read_test,
        techniques=dict(contender.techniques),
    )


def _indices(study_seed: int, purpose: str, count: int) -> list[int]:
    """Return ``count`` consecutive numbers below 2³⁰ from a start that hashes seed and purpose.

    Consecutive, so that they differ by construction; hashed, so that neighbouring studies
    do not share them.
    """
    start = _hashed(study_seed, purpose)
    return [(start + i) % 2**30 for i in range(count)]


def _hashed(study_seed: int, purpose: str) -> int:
    """Return 32 bits that depend on the study's seed and on what they are for."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{study_seed}".encode()).digest()[:4], "big")


def _check(protocol: Protocol) -> None:
    """Refuse numbers that make no comparison."""
    for name in ("trials", "tuning_seeds", "confirmation_seeds", "batch_size", "steps", "evaluate_every", "resamples"):
        value = getattr(protocol, name)
        whole(name, value, 1, MOST.get(name))
    if protocol.steps % protocol.evaluate_every:
        raise InvalidValueError(
            f"evaluate_every = {protocol.evaluate_every} is not allowed; give a divisor of steps = {protocol.steps}."
        )
    if not 0 < protocol.confidence < 1:
        raise InvalidValueError(f"confidence = {protocol.confidence!r} is not allowed; give a number in (0, 1).")
    if not 0.5 <= protocol.win_probability <= 1:
        raise InvalidValueError(
            f"win_probability = {protocol.win_probability!r} is not allowed; give a number in [0.5, 1]."
        )
