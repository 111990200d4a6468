"""Determine the targets that ship with the tasks; print a table to copy into the tasks' files.

For every task four reference optimizers (AdamW, NAdam, Nesterov, momentum) are tuned with many trials, the winner by
validation loss is trained again on 20 fresh seeds, and the target is the median over these seeds of the best
validation loss along the run. The median of reruns keeps a lucky trial from setting the target (Dahl et al. 2023,
"Benchmarking neural network training algorithms", section 4.3).

    python scripts/set_targets.py digits digits-cnn
    python scripts/set_targets.py --trials 64 --seeds 20
"""

import argparse

import numpy as np

from thalweg import compare
from thalweg.landscapes import LANDSCAPES
from thalweg.optimizers import Rule, find_optimizer
from thalweg.records import OptimizerSpec, RunSpec
from thalweg.study.workbench import ReadyTask, ready_task
from thalweg.tasks import task_names
from thalweg.training.plan import choose_plan
from thalweg.training.population import Engine, Member

REFERENCES = ("adamw", "nadam", "nesterov", "momentum")
FIRST_SEED = 2_000_000_000  # far from the seeds of tuning
STUDY_SEED = 20_240_607


def best_losses(ready: ReadyTask, rule: Rule, seeds: int) -> np.ndarray:
    """Return the best validation loss along the run for each of several fresh seeds; infinity if diverged."""
    lengths = ready.schedule()
    values = {name: float(value) for name, value in rule.values().items()}
    members = [
        Member(
            RunSpec(
                task=ready.reference,
                task_version=ready.version,
                optimizer=OptimizerSpec(rule.name, values, rule.structure()),
                batch_size=lengths.batch_size,
                steps=lengths.steps,
                evaluate_every=lengths.evaluate_every,
                seed=FIRST_SEED + number,
            ),
            rule,
        )
        for number in range(seeds)
    ]
    windows = lengths.steps // lengths.evaluate_every
    plan = choose_plan(ready.member_bytes([rule], lengths.batch_size), [seeds], windows, 1)
    engine = Engine(ready.task, ready.data, [rule], lengths.batch_size, lengths.evaluate_every, plan)
    results = [result for batch in engine.train(members) for result in batch]
    return np.array([np.nanmin(r.curve.validation_loss) if r.status == "finished" else np.inf for r in results])


def main() -> None:
    """Tune the references on every task asked for, rerun the winners, print the targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    trainable = [name for name in task_names() if name not in LANDSCAPES]
    parser.add_argument("tasks", nargs="*", default=trainable, help="tasks; by default all that have data")
    parser.add_argument("--trials", type=int, default=64, help="trials per reference optimizer (64)")
    parser.add_argument("--seeds", type=int, default=20, help="fresh seeds of the winner (20)")
    parser.add_argument("--store", default="sqlite://", help="where the studies are kept (in memory)")
    options = parser.parse_args()
    print(f"{'task':<18}{'target':>10}{'quartiles':>22}  shipped    reference")
    for name in options.tasks:
        study = compare(
            name, REFERENCES, "quick", trials=options.trials, tuning_seeds=1, seed=STUDY_SEED, store=options.store
        )
        row = min(study.summary.leaderboard, key=lambda row: row.validation_loss.mean or np.inf)
        rule, ready = find_optimizer(row.optimizer)(**row.hyperparameters), ready_task(name)
        losses = best_losses(ready, rule, options.seeds)
        low, median, high = np.quantile(losses, [0.25, 0.5, 0.75])
        shipped = ready.task.target.value if ready.task.target else float("nan")
        settings = ", ".join(f"{key} {value:.3g}" for key, value in rule.values().items())
        spread = f"{low:.4g} … {high:.4g}"
        print(f"{name:<18}{median:>10.4g}{spread:>22}  {shipped:<9.4g}  {rule.name}: {settings}", flush=True)


if __name__ == "__main__":
    main()
