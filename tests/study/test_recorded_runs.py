"""Curves of a user's own loop become a study that can be opened, listed and reported."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import InvalidValueError, UsageError
from thalweg.store import open_store


def record(store, optimizer="adam", rate=0.1, seed=0, steps=(0, 10, 20), last=None, test=None, **more):
    with tw.record_run(
        "mine", optimizer=optimizer, settings={"learning_rate": rate}, seed=seed, store=store, **more
    ) as run:
        for step in steps:
            loss = last if last is not None and step == steps[-1] else math.exp(-rate * step) + 0.01 * seed
            run.log(step, train_loss=2 * loss, validation_loss=loss)
        if test is not None:
            run.test(test)
    return run


def page(store: str) -> str:
    return tw.report.render_report([tw.open_study("mine", store).summary])


def test_runs_of_one_name_are_one_study(tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    for rate in (0.1, 0.01):
        for seed in range(3):
            run = record(store, rate=rate, seed=seed)
    study = tw.open_study("mine", store)
    assert study.id == run.study
    rows = study.summary.leaderboard
    assert [row.contender for row in rows] == ["adam (learning rate 0.1)", "adam (learning rate 0.01)"]
    assert rows[0].validation_loss.mean == pytest.approx(math.exp(-2) + 0.01, rel=1e-6)
    assert study.summary.warnings[0].kind == "recorded"
    band = next(c for c in study.summary.curves if c.quantity == "train_loss")
    assert band.step == (0, 10, 20)
    np.testing.assert_allclose(band.median, [2 * (math.exp(-0.1 * t) + 0.01) for t in (0, 10, 20)], rtol=1e-6)
    with open_store(store) as opened:
        (listing,) = opened.list_studies()
    assert (listing.status, listing.runs_finished) == ("finished", listing.runs_planned)
    assert "recorded from training loops" in tw.report.render_report([study.summary])


def test_an_entry_with_fewer_seeds_waits(tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    record(store, seed=0)
    record(store, seed=1)
    record(store, optimizer="sgd", seed=0)
    summary = tw.open_study("mine", store).summary
    assert [row.contender for row in summary.leaderboard] == ["adam (learning rate 0.1)"]
    record(store, optimizer="sgd", seed=1)
    assert len(tw.open_study("mine", store).summary.leaderboard) == 2


def test_divergence_metric_and_test_set(tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    lost = record(store, last=math.nan)
    assert (lost.result.status, lost.result.diverged_at) == ("diverged", 20)
    assert tw.open_study("mine", store).summary.leaderboard[0].diverged_share == 1.0
    with tw.record_run("other", optimizer="adam", metric="accuracy", larger_is_better=True, store=store) as run:
        run.log(5, validation_loss=1.0, validation_metric=0.5)
        run.test(loss=2.0, metric=0.4)
    (row,) = tw.open_study("other", store).summary.leaderboard
    assert (row.test_metric.mean, run.result.test_loss) == (pytest.approx(0.4), 2.0)


def test_a_report_claims_nothing_that_was_not_done(tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    for rate in (0.1, 0.01):
        for seed in range(3):
            record(store, rate=rate, seed=seed)
    text = page(store)
    for claim in (
        " sampled",
        "fresh seed",
        "held equal",
        "From default to tuned",
        "test loss",
        "0 parameters",
        "Sobol",
    ):
        assert claim not in text, claim
    assert "validation loss, lower is better" in text
    assert "3 seeds" in text
    assert "6 training runs" in text
    assert "<code>learning_rate=0.01</code>" in text


def test_a_test_set_that_was_read_is_named(tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    for seed in range(3):
        record(store, seed=seed, test=0.5 + seed)
    assert "test loss, lower is better" in page(store)


def test_a_run_that_ends_meanwhile_elsewhere_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, slipped = str(tmp_path / "store.db"), []
    record(path, optimizer="lion")
    with open_store(path) as opened:
        save = opened.save_study

        def late(*arguments) -> None:
            if not slipped:
                slipped.append(record(path, optimizer="sgd"))
            save(*arguments)

        monkeypatch.setattr(opened, "save_study", late)
        record(opened, optimizer="adam")
    found = {row.contender.partition(" ")[0] for row in tw.open_study("mine", path).summary.leaderboard}
    assert found == {"adam", "sgd", "lion"}


def test_a_loop_that_fails_keeps_nothing(tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    with pytest.raises(ZeroDivisionError), tw.record_run("mine", optimizer="adam", store=store) as run:
        run.log(1, validation_loss=1 / 0)
    record(store)
    with open_store(store) as opened:
        assert opened.list_studies()[0].runs_finished == 1  # winner and default are one run here


@pytest.mark.parametrize(
    ("action", "error", "said"),
    [
        (lambda s: record(s), UsageError, "with adam (learning rate 0.1) and seed 0 is in the store already"),
        (lambda s: record(s, seed=1, steps=(0, 5)), UsageError, "has 2 points up to step 5"),
        (lambda s: record(s, seed=1, steps=(5, 5)), InvalidValueError, "step = 5 is not allowed after step 5"),
        (lambda s: record(s, seed=1, steps=()), InvalidValueError, "has no points"),
        (
            lambda s: record(s, seed=1, test=0.5),
            UsageError,
            "has a test result and those stored under this name have none",
        ),
        (
            lambda s: record(s, seed=1, batch_size=8),
            UsageError,
            "with loss, smaller is better, batch size 8, and",
        ),
        (
            lambda s: record(f"{s}2", seed=1, metric="accuracy"),
            InvalidValueError,
            "step 0 of run 'mine' lacks",
        ),
        (lambda s: record(s, seed=1, steps=(0, 2**31)), InvalidValueError, "step = 2147483648"),
        (lambda s: record(s, optimizer=""), InvalidValueError, "optimizer = '' is not allowed"),
        (lambda s: record(s, seed=-1), InvalidValueError, "seed = -1"),
        (lambda s: record(s, last="much", seed=1), InvalidValueError, "train_loss = 'muchmuch' is not allowed"),
    ],
)
def test_mistakes_are_told_in_a_sentence(action, error, said: str, tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    record(store)
    with pytest.raises(error) as told:
        action(store)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("more", [{}, {"batch_size": 8}])
def test_what_could_not_be_kept_is_refused_before_training(more, tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    record(store)
    run = tw.record_run("mine", optimizer="adam", settings={"learning_rate": 0.1}, store=store, **more)
    with pytest.raises(UsageError, match=r"in the store already|batch size 8"), run:
        pytest.fail("trained in vain")


def test_recording_loads_no_framework() -> None:
    program = (
        "import thalweg as tw, sys\n"
        "with tw.record_run('m', optimizer='a', store='sqlite://') as run: run.log(1, validation_loss=1.0)\n"
        "print([name for name in ('jax', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
