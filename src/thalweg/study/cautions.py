"""What to know before reading a leaderboard: warnings, each a sentence with its numbers and a way to mend it."""

import math
from collections.abc import Iterator

import numpy as np

from thalweg.optimizers import OPTIMIZERS
from thalweg.records import RECORDED, Contender, Dimension, Interval, StudyWarning
from thalweg.study.curves import reaches, steps_to_target
from thalweg.study.evidence import Confirmation, Evidence
from thalweg.study.selection import DEFAULT_TRIAL, TrialTable
from thalweg.study.space import to_unit
from thalweg.study.statistics import counted, interval

__all__ = ["DIVERGED_LIMIT", "FEWEST_SEEDS", "edge_side", "warnings_for"]

DIVERGED_LIMIT = 0.30
FEWEST_SEEDS = 3
TOLD_APART = 3  # entries of one kind of warning that have a sentence each


def warnings_for(evidence: Evidence, tasks: int = 1) -> tuple[StudyWarning, ...]:
    """Return every warning of a study, the gravest kind first.

    Args:
        evidence: The study's outcomes.
        tasks: Number of tasks compared on together; with one, a warning says so.
    """
    checks = (
        _recorded,
        _incomplete,
        _noisy,
        _diverged,
        _inclusion,
        _edge,
        _target,
        _seeds,
        _defaults,
        _nothing_to_tune,
    )
    found = [warning for check in checks for warning in check(evidence)]
    if tasks < 2 and evidence.spec.protocol.effort != RECORDED:
        sentence = (
            f"All of this holds for one task, {evidence.card.name}; compare on several, separated by commas, "
            "before speaking of optimizers in general."
        )
        found.append(StudyWarning("tasks", None, sentence))
    return tuple(found)


def edge_side(position: float, positions: np.ndarray, losses: np.ndarray) -> str | None:
    """Return the end of a dimension at which the optimum seems to lie, ``lower`` or ``upper``, or None.

    It does if fewer than an eighth of the trials lie further out than the winner *and* the best
    quarter of the trials has its median in the outer quarter of the range. Being the
    outermost trial alone is no sign: with 16 trials it happens to one in eight dimensions that do
    not matter at all, and misses half of the optima outside the range when several
    dimensions are searched, because the outermost trial has other settings as well.

    Args:
        position: The winner's, 0 at the lower end and 1 at the upper.
        positions: The sampled trials', shape (N,).
        losses: Their mean validation losses, shape (N,).
    """
    count = len(positions)
    few = max(1, count // 8)
    best = np.argsort(losses, kind="stable")[: max(3, count // 4)]
    centre = float(np.median(positions[best]))
    if (positions < position).sum() < few and centre < 0.25:
        return "lower"
    if (positions > position).sum() < few and centre > 0.75:
        return "upper"
    return None


def _incomplete(evidence: Evidence) -> Iterator[StudyWarning]:
    """Runs of the plan are missing, or the winners have not been trained again."""
    missing = evidence.planned - evidence.found
    waiting = [c.label for c in evidence.spec.contenders if c.label not in evidence.confirmations]
    if not missing and not waiting:
        return
    what = f"{missing} of {evidence.planned} planned runs are missing" if missing else "No run planned is missing"
    who = f"{', '.join(waiting)} cannot be ranked yet" if waiting else "every winner has been trained again"
    yield StudyWarning(
        "incomplete",
        None,
        f"The study is not finished: {what} and {who}; run the same command again and it goes on where it stopped.",
    )


def _noisy(evidence: Evidence) -> Iterator[StudyWarning]:
    """A method that presumes exact gradients was given those of minibatches."""
    size, examples = evidence.spec.protocol.batch_size, evidence.card.examples.get("train", 0)
    for contender in evidence.spec.contenders:
        rule = OPTIMIZERS.get(contender.optimizer)
        if rule is not None and rule.full_batch and size < examples:
            yield StudyWarning(
                "minibatches",
                contender.label,
                f"{contender.label} presumes the same loss at every step, and here each is of {size} of {examples:,} "
                "examples; compare it with a batch size of the whole training set.",
            )


def _diverged(evidence: Evidence) -> Iterator[StudyWarning]:
    """Many tuning runs, all of them, or runs on fresh seeds diverged."""
    for contender in evidence.spec.contenders:
        table = evidence.tables[contender.label]
        runs, lost = table.diverged.size, int(table.diverged.sum())
        if runs and lost == runs:
            yield StudyWarning(
                "all diverged",
                contender.label,
                f"{contender.label}: all {runs} tuning runs diverged, so its defaults stand in for a winner; "
                "try smaller learning rates or another initialization.",
            )
        elif runs and lost / runs > DIVERGED_LIMIT:
            yield StudyWarning(
                "diverged",
                contender.label,
                f"{contender.label}: {lost} of {runs} tuning runs diverged ({lost / runs:.0%}), so it was tuned with "
                f"fewer trials than planned{_below(table)}; raise the effort or narrow its search range.",
            )
        confirmation = evidence.confirmations.get(contender.label)
        fresh = sum(run.status == "diverged" for run in confirmation.winner) if confirmation else 0
        if confirmation and fresh:
            yield StudyWarning(
                "diverged",
                contender.label,
                f"{contender.label}: its winner diverged on {fresh} of {len(confirmation.winner)} fresh seeds, each "
                "counted as the worst result of the study; a smaller learning rate or a higher effort may cure it.",
            )


def _below(table: TrialTable) -> str:
    """Return from which learning rate on every run diverged, as a part of a sentence, if there is such a rate."""
    rates = [h.get("learning_rate", math.nan) for h in table.hyperparameters]
    safe = [rate for rate, lost in zip(rates, table.diverged, strict=True) if not lost.all()]
    above = [rate for rate in rates if rate > max(safe, default=math.inf)]
    return f" (every one with a learning rate of {min(above):.3g} or more)" if above else ""


def _inclusion(evidence: Evidence) -> Iterator[StudyWarning]:
    """A general rule came out worse than a rule that it contains."""
    for general in evidence.spec.contenders:
        for special in evidence.spec.contenders:
            if general.label == special.label or not _contains(general, special):
                continue
            both = [evidence.confirmations.get(c.label) for c in (general, special)]
            if both[0] is None or both[1] is None:
                continue
            excess = _excess(evidence, both[0], both[1])
            if excess.mean is None or excess.low is None or excess.high is None or excess.low <= 0:
                continue
            yield StudyWarning(
                "inclusion",
                general.label,
                f"{general.label} came out worse than {special.label}, which it contains: validation loss higher by "
                f"{excess.mean:.3g} [{excess.low:.3g}, {excess.high:.3g}] on the same fresh seeds; its search range or "
                f"its {evidence.spec.protocol.trials} trials are too small, so raise the effort.",
            )


def _contains(general: Contender, special: Contender) -> bool:
    """Return whether one entry can become the other: another rule, or itself with less tuned."""
    if general.techniques != special.techniques:
        return False
    if special.optimizer in general.special_cases:
        return True
    if (general.optimizer, general.structure) != (special.optimizer, special.structure):
        return False  # another rule's settings mean nothing here
    extra = {d.name: d for d in general.space if d.name not in {s.name for s in special.space}}
    inside = all(d.low <= special.defaults[name] <= d.high for name, d in extra.items())
    return bool(extra) and len(general.space) > len(special.space) and inside


def _excess(evidence: Evidence, general: Confirmation, special: Confirmation) -> Interval:
    """Return by how much the validation loss of one winner exceeds the other's, paired by fresh seed."""
    losses = [evidence.fresh(c.winner, "validation_loss") for c in (general, special)]
    return interval(losses[0] - losses[1], evidence.resamples)


def _edge(evidence: Evidence) -> Iterator[StudyWarning]:
    """The best setting lies at the end of a searched range."""
    for contender in evidence.spec.contenders:
        table, selection = evidence.tables[contender.label], evidence.selections.get(contender.label)
        sampled = np.array(table.trials, dtype=int) >= 0
        if selection is None or selection.reason != "best" or sampled.sum() < 3:
            continue
        losses = counted(table.loss, evidence.worst_loss).mean(axis=1)[sampled]
        for dimension in contender.space:
            values = [h[dimension.name] for h, own in zip(table.hyperparameters, sampled, strict=True) if own]
            best = selection.hyperparameters[dimension.name]
            positions = np.array([to_unit(dimension, value) for value in values])
            side = edge_side(to_unit(dimension, best), positions, losses)
            if side:
                yield StudyWarning("edge", contender.label, _edge_sentence(contender.label, dimension, best, side))


def _edge_sentence(label: str, dimension: Dimension, best: float, side: str) -> str:
    """Return the warning about a range that seems too narrow."""
    return (
        f"{label}: the best {dimension.name}, {best:.6g}, lies at the {side} edge of the searched range from "
        f"{dimension.low:g} to {dimension.high:g}, as do most of its best trials; a better value may lie beyond, so "
        f"widen the range {'downwards' if side == 'lower' else 'upwards'} or raise the effort."
    )


def _target(evidence: Evidence) -> Iterator[StudyWarning]:
    """The task's target was reached by nobody, or not by everybody."""
    card, confirmations = evidence.card, evidence.confirmations
    if card.target_quantity is None or card.target_value is None or not confirmations:
        return
    missed = [
        label for label, c in confirmations.items() if all(steps_to_target(r.curve, card) is None for r in c.winner)
    ]
    relation = "at least" if reaches(np.array([math.inf]), card).any() else "at most"
    steps = evidence.spec.protocol.steps
    target = f"the target ({card.target_quantity.replace('_', ' ')} {relation} {card.target_value:g})"
    mend = "train for more epochs, or read nothing into their steps to the target"
    if len(missed) == len(confirmations):
        yield StudyWarning("target", None, f"Nobody reached {target} within {steps} steps; {mend}.")
    elif missed:
        contender = missed[0] if len(missed) == 1 else None
        who = f"{', '.join(missed)} never reached {target} within {steps} steps on any fresh seed"
        yield StudyWarning("target", contender, f"{who}; train for more epochs to learn whether they would.")


def _seeds(evidence: Evidence) -> Iterator[StudyWarning]:
    """Too few seeds."""
    protocol = evidence.spec.protocol
    if protocol.tuning_seeds < FEWEST_SEEDS:
        seeds = f"{protocol.tuning_seeds} seed{'s' if protocol.tuning_seeds > 1 else ''}"
        yield StudyWarning(
            "seeds",
            None,
            f"Settings were chosen on {seeds}, fewer than {FEWEST_SEEDS}, so luck has a say in which trial won; "
            "use the effort standard (3 seeds) or thorough (5).",
        )
    if protocol.confirmation_seeds < FEWEST_SEEDS:
        yield StudyWarning(
            "seeds",
            None,
            f"Winners were trained again on {protocol.confirmation_seeds} fresh seeds, fewer than {FEWEST_SEEDS}: the "
            "intervals say little; use 10 confirmation seeds.",
        )


def _defaults(evidence: Evidence) -> Iterator[StudyWarning]:
    """No sampled setting was better than the defaults; many such entries share a sentence."""
    found: dict[str, str] = {}
    for contender in evidence.spec.contenders:
        selection = evidence.selections.get(contender.label)
        if selection is None or not contender.space or selection.reason != "best":
            continue
        if selection.trial == DEFAULT_TRIAL and selection.mean_validation_loss is not None:
            found[contender.label] = f"{selection.mean_validation_loss:.4g}"
    if len(found) > TOLD_APART:
        sentence = (
            f"{len(found)} of {len(evidence.spec.contenders)} contenders have no sampled setting better than their "
            f"defaults ({', '.join(found)}), so tuning has gained them nothing yet; raise the effort if it should."
        )
        yield StudyWarning("default", None, sentence)
        return
    for label, loss in found.items():
        yield StudyWarning(
            "default",
            label,
            f"{label}: none of {len(evidence.tables[label].trials) - 1} sampled settings was better than its defaults "
            f"(validation loss {loss}), so tuning has gained nothing yet; raise the effort if it should.",
        )


def _recorded(evidence: Evidence) -> Iterator[StudyWarning]:
    """The runs were not trained here."""
    if evidence.spec.protocol.effort == RECORDED:
        yield StudyWarning(
            "recorded",
            None,
            "These curves were recorded from training loops of your own: nothing was tuned here and nothing of how "
            "they were trained was checked.",
        )


def _nothing_to_tune(evidence: Evidence) -> Iterator[StudyWarning]:
    """A contender has no searched dimension."""
    if evidence.spec.protocol.effort == RECORDED:
        return
    fixed = [contender for contender in evidence.spec.contenders if not contender.space]
    if len(fixed) > TOLD_APART:
        names = ", ".join(contender.label for contender in fixed)
        sentence = (
            f"{len(fixed)} of {len(evidence.spec.contenders)} contenders have nothing to search and take part with "
            f"their defaults only ({names}); declare ranges (search=(low, high)) in their rules to have them tuned."
        )
        yield StudyWarning("space", None, sentence)
        return
    for contender in fixed:
        what = "learning rate to search" if contender.tuned == "learning-rate" else "hyperparameter to search"
        yield StudyWarning(
            "space",
            contender.label,
            f"{contender.label} has no {what} and takes part with its defaults only; declare a range "
            "(search=(low, high)) in the rule to have it tuned.",
        )
