"""Measure what each technique does in a short example, and write docs/effects.md from the figures.

Every case is one comparison under the protocol: the same optimizer with and without a technique, the learning rate
of each tuned alike, both trained again on ten fresh seeds that they share. The effect is the mean difference in test
loss; its interval holds the luck of the seeds and that of the search (see docs/protocol.md).

    python scripts/technique_effects.py                      all cases: about four minutes on one core
    python scripts/technique_effects.py --only schedules clip --json out.json
    python scripts/technique_effects.py --page               only write the page again, from the figures kept
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import thalweg as tw
from effect_cases import CASES, PRETRAINED, Case
from thalweg.records import Comparison, Interval
from thalweg.study.evidence import Evidence, gather
from thalweg.study.ranking import rank_contenders
from thalweg.study.statistics import counted, search_shifts, worst_of
from thalweg.study.study import Study
from thalweg.study.workbench import ready_task
from thalweg.training.recipe import recipe_of

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "benchmarks" / "results" / "effects.json"
PAGE = ROOT / "docs" / "effects.md"
PRETRAINING = {"task": "digits-autoencoder", "optimizer": "adam", "learning_rate": 0.003, "epochs": 20}
WORDS = {"variant": "helps", "baseline": "hurts"}
VERDICTS = ("helps", "helps at these rates", "hurts", "hurts at these rates", "not separable")


def measure(case: Case, store: str) -> dict[str, Any]:
    """Run a case and return its figures."""
    began, cpu = time.perf_counter(), time.process_time()
    vary = [one.replace("PRETRAINED", pretrained(store)) if one == PRETRAINED else one for one in case.vary]
    study = tw.compare(
        case.task,
        [case.optimizer],
        tune="learning-rate",
        trials=case.trials,
        epochs=case.epochs,
        batch_size=case.batch_size,
        techniques=list(case.common),
        vary=vary,
        store=store,
    )
    evidence = gather(study.record, study.planned, study.results)
    labels = [contender.label for contender in study.record.spec.contenders]
    entries = {label: entry(evidence, label) for label in labels}
    effects = [
        {"technique": words, **effect(study, evidence, labels[0], label)}
        for label, words in zip(labels[1:], case.vary[1:], strict=True)
    ]
    return {
        **asdict(case),
        "command": case.command,
        "metric": evidence.card.metric,
        "steps": study.record.spec.protocol.steps,
        "seconds": round(time.perf_counter() - began, 1),
        "processor seconds": round(time.process_time() - cpu, 1),
        "baseline": entries[labels[0]],
        "entries": list(entries.values()),
        "effects": effects,
    }


def pretrained(store: str) -> str:
    """Return the beginning of the fingerprint of the run that others start from, trained once per store."""
    rate = {"learning_rate": PRETRAINING["learning_rate"]}
    task, optimizer, epochs = (PRETRAINING[key] for key in ("task", "optimizer", "epochs"))
    return tw.train(task, optimizer, rate, epochs=epochs, store=store).result.spec.fingerprint[:12]


def entry(evidence: Evidence, label: str) -> dict[str, Any]:
    """Return an alternative's own figures over the fresh seeds."""
    confirmation = evidence.confirmations[label]
    runs, spec = confirmation.winner, confirmation.winner[0].spec
    batches = ready_task(spec.task).examples // spec.batch_size
    recipe = recipe_of(spec.techniques)
    updates = recipe.updates(spec.steps, max(1, batches)) if recipe.growth else None
    return {
        "label": label,
        "learning rate": confirmation.hyperparameters["learning_rate"],
        "test loss": float(np.mean(fresh(evidence, label))),
        "loss at the start": float(np.mean([run.curve.validation_loss[0] for run in runs])),
        "steps taken": float(np.mean([run.gradient_evaluations for run in runs])),
        "updates": updates if updates is not None else float(np.mean([run.gradient_evaluations for run in runs])),
        "diverged": sum(run.status == "diverged" for run in runs),
    }


def fresh(evidence: Evidence, label: str) -> np.ndarray:
    """Return the test loss per fresh seed, a diverged run as the worst of the study."""
    worst = worst_of(np.concatenate([losses(evidence, one) for one in evidence.confirmations]), False)
    return counted(losses(evidence, label), worst)


def losses(evidence: Evidence, label: str) -> np.ndarray:
    """Return the test loss per fresh seed, NaN where a run diverged."""
    runs = evidence.confirmations[label].winner
    return np.array([run.test_loss if run.status == "finished" else np.nan for run in runs], dtype=float)


def effect(study: Study, evidence: Evidence, baseline: str, label: str) -> dict[str, Any]:
    """Return what a technique changes: variant minus baseline."""
    values = np.stack([fresh(evidence, one) for one in (baseline, label)])
    shifts = np.stack([loss_shifts(evidence, one) for one in (baseline, label)])
    found = held_against(evidence, values, shifts)
    settings = held_against(evidence, values, np.zeros_like(shifts))
    pair = next(c for c in study.summary.comparisons if {c.first, c.second} == {baseline, label})
    chance = found.probability_first_better
    return {
        "label": label,
        "verdict": verdict(found, settings),
        "loss": listed(turned(found.difference, found.first == "variant")),
        "loss, these settings": listed(turned(settings.difference, settings.first == "variant")),
        "probability lower loss": chance if found.first == "variant" else 1 - chance,
        "metric": listed(turned(pair.difference, pair.first == label)),
    }


def held_against(evidence: Evidence, values: np.ndarray, shifts: np.ndarray) -> Comparison:
    """Return the comparison of baseline and variant by their losses, under the protocol's rule for wins."""
    threshold = evidence.spec.protocol.win_probability
    return rank_contenders(["baseline", "variant"], values, shifts, evidence.resamples, False, threshold).comparisons[0]


def verdict(found: Comparison, settings: Comparison) -> str:
    """Return the verdict in words: over seeds and searches, else over seeds at the rates found, else none."""
    for comparison, where in ((found, ""), (settings, " at these rates")):
        winner = {"first": comparison.first, "second": comparison.second}.get(comparison.verdict)
        if winner is not None:
            return f"{WORDS[winner]}{where}"
    return "not separable"


def loss_shifts(evidence: Evidence, label: str) -> np.ndarray:
    """Return what each resampled search adds to an alternative's loss, as the study does for its metric."""
    table, trial = evidence.tables[label], evidence.confirmations[label].trial
    on_loss = replace(table, metric=table.loss)
    return search_shifts(on_loss, evidence.resamples, trial, evidence.worst_loss, evidence.worst_loss)


def turned(found: Interval, keep: bool) -> Interval:
    """Return a difference the other way round unless it is to be kept."""
    if keep or found.mean is None or found.low is None or found.high is None:
        return found
    return Interval(-found.mean, -found.high, -found.low)


def listed(found: Interval) -> list[float | None]:
    """Return mean, low and high."""
    return [found.mean, found.low, found.high]


INTRODUCTION = """# What each technique does: short examples with intervals

Every section is one comparison, short enough to be repeated in seconds to a minute, by the command above its table. All
alternatives have the same optimizer, the same trials for the learning rate, and the same ten fresh seeds; the first is
the baseline. Figures and page are written by `python scripts/technique_effects.py`; the figures with more digits are in
`benchmarks/results/effects.json`.

- **Effect** is the mean difference in test loss, with minus without: below zero the technique is better. On a landscape
  the loss is the function's value. The 95 % interval holds the luck of the seed and the luck of the search, as
  [the protocol](protocol.md) has it for optimizers.
- **At these rates** is the same difference with the luck of the seed alone: a statement about the two tuned settings.
- **Metric** is the difference in the task's metric: accuracy, where more is better; error or distance, where less is.
- **Verdict**: *helps* or *hurts* if the chance that a run with it beats one without, on the same seed, is at least 0.75
  and the interval of the effect excludes zero; *at these rates* if that holds for the luck of the seed alone, so that
  another search might undo it; else *not separable*, which is no proof that there is no effect.
- A seed that diverges counts as the worst of its comparison.

{counts}
About {missing} of the {rows} intervals are expected to miss by chance. These are small networks trained for a short
time, on one task each, with few trials: signs and sizes may differ elsewhere.

The examples were not all chosen beforehand. Where the first one showed nothing, for schedules, averages and clipping, a
second was added in which theory promises more, after a look at four other small tasks; first and second are shown. The
growing batch was moved from the digits, where the decay itself showed nothing. *Against overfitting* was first run with
8 trials, all of its rows not separable, then with 16. So read what helps as examples of when it can, not as how often.
"""


def page(figures: Mapping[str, Any]) -> str:
    """Return the page as Markdown."""
    verdicts = [row["verdict"] for case in figures["cases"] for row in case["effects"]]
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in VERDICTS)
    head = INTRODUCTION.format(
        counts=f"Of {len(verdicts)} rows: {counts}.", rows=len(verdicts), missing=round(len(verdicts) / 20)
    )
    return "\n".join([head, overview(figures), *(section(case) for case in figures["cases"])])


def overview(figures: Mapping[str, Any]) -> str:
    """Return which techniques have which verdict, with the sections they have it in."""
    lines = ["| verdict | techniques |", "|---|---|"]
    for word in VERDICTS:
        found = {
            case["title"]: [f"`{row['technique']}`" for row in case["effects"] if row["verdict"] == word]
            for case in figures["cases"]
        }
        told = [f"{', '.join(rows)} ([{title}](#{anchor(title)}))" for title, rows in found.items() if rows]
        lines += [f"| {word} | {'; '.join(told)} |"] if told else []
    return "\n".join([*lines, ""])


def anchor(title: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def section(case: Mapping[str, Any]) -> str:
    """Return a case's heading, command and table."""
    first = case["baseline"]
    command = f"```console shown\n$ {case['command']}\n```"
    if PRETRAINED in case["vary"]:
        told = "thalweg train {task} --optimizer {optimizer} --set learning_rate={learning_rate} --epochs {epochs}"
        command = (
            f"`PRETRAINED` is the fingerprint of the autoencoder's run, which `{told.format(**PRETRAINING)}` trains "
            f"and `--json` prints as `run`.\n\n```text\n{case['command']}\n```"
        )
    lines = [
        f"## {case['title']}",
        "",
        f"Expected: {case['expected']}",
        "",
        command,
        "",
        f"Baseline: {first['label']}, rate {first['learning rate']:.3g}, test loss {first['test loss']:.4g}"
        f"{remarks(case, first)}; {case['steps']} steps.",
        "",
        f"| technique | rate | test loss | effect [95 %] | at these rates | {case['metric']} | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in case["effects"]:
        own = next(one for one in case["entries"] if one["label"] == row["label"])
        cells = [f"`{row['technique']}`", f"{own['learning rate']:.3g}", f"{own['test loss']:.4g}"]
        cells += [spread(row["loss"]), spread(row["loss, these settings"]), spread(row["metric"])]
        lines.append("| " + " | ".join([*cells, f"**{row['verdict']}**{remarks(case, own)}"]) + " |")
    return "\n".join([*lines, ""])


def remarks(case: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    """Return what else is to be said of an alternative."""
    found = []
    if case["name"].startswith(("bias", "initializers", "pretraining")):
        found.append(f"validation loss at the start {one['loss at the start']:.4g}")
    if case["name"] == "growth":
        found.append(f"{one['updates']:.0f} updates")
    elif one["steps taken"] < case["steps"] and not one["diverged"]:
        found.append(f"stopped after {one['steps taken']:.0f} of {case['steps']} steps")
    if one["diverged"]:
        found.append(f"{one['diverged']} of 10 seeds diverged")
    return "".join(f", {text}" for text in found)


def spread(values: list[float | None]) -> str:
    """Return an estimate with its interval."""
    mean, low, high = values
    if mean is None or low is None or high is None:
        return "–"
    digits = max(0, min(4, 2 - int(np.floor(np.log10(max(high - low, 1e-12))))))
    return f"{mean:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]".replace("-", "−")


def main() -> None:
    """Run the cases asked for; with all of them, keep the figures and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="beginnings of names: " + ", ".join(map(_name, CASES))
    )
    parser.add_argument("--json", type=Path, help="where the figures go; by default they are kept for the page")
    parser.add_argument("--page", action="store_true", help="run nothing; write the page from the figures kept")
    options = parser.parse_args()
    kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {"cases": []}
    if not options.page:
        chosen = [case for case in CASES if not options.only or case.name.startswith(tuple(options.only))]
        if not chosen:
            sys.exit(f"--only {' '.join(options.only)}: no such case; there are {', '.join(map(_name, CASES))}.")
        made = {}
        with tempfile.TemporaryDirectory() as folder:
            for case in chosen:
                made[case.name] = measure(case, f"sqlite:///{folder}/effects.db")
                told = ", ".join(f"{row['technique']} {row['verdict']}" for row in made[case.name]["effects"])
                print(f"{case.name} ({made[case.name]['seconds']} s): {told}", flush=True)
        if options.json:
            options.json.write_text(json.dumps({"cases": list(made.values())}, indent=1) + "\n")
            return
        made = {**{case["name"]: case for case in kept["cases"]}, **made}
        kept = {"version": tw.__version__, "cases": [made[case.name] for case in CASES if case.name in made]}
        FIGURES.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(page(kept))


def _name(case: Case) -> str:
    return case.name


if __name__ == "__main__":
    main()
