"""Exported files, read back by other programs."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from thalweg.errors import UnknownNameError, UsageError, WorkError
from thalweg.records import (
    Contender,
    Curve,
    OptimizerSpec,
    PlannedRun,
    Protocol,
    RunResult,
    RunSpec,
    StudyRecord,
    StudySpec,
)
from thalweg.report.export import export_study

ADAM = OptimizerSpec("adam", {"learning_rate": 1e-3, "beta1": 0.9}, {"bias_correction": True})
SGD = OptimizerSpec("sgd", {"learning_rate": 0.1}, {"form": 'plain, "quoted"\nline'})
STEPS = np.array([10, 20], np.int32)


def a_run(optimizer: OptimizerSpec, seed: int, **techniques: object) -> RunResult:
    spec = RunSpec("houses", "v1", optimizer, 32, 20, 10, seed, read_test=seed > 0, techniques=techniques)
    values = np.random.default_rng(seed).random((3, 2)).astype(np.float32)
    test = (0.5, 0.25) if seed > 0 else (None, None)
    return RunResult(spec, "finished", None, Curve(STEPS, *values), 0.1 + seed, 0.7, *test, 20)


def a_diverged_run() -> RunResult:
    values = np.array([3.0, np.nan], np.float32)
    curve = Curve(STEPS, values, values, values)
    spec = dataclasses.replace(a_run(SGD, 9).spec, techniques={"clipping": [1, 2]})
    return RunResult(spec, "diverged", 13, curve, math.nan, math.nan, math.nan, math.nan, 13)


@pytest.fixture
def record() -> StudyRecord:
    contenders = tuple(Contender(o.name, o.name, "", "all", (), o.hyperparameters) for o in (ADAM, SGD))
    spec = StudySpec("houses", "v1", contenders, Protocol("quick", 2, 1, 2, 32, 20, 10), 0)
    card = {"metric": "RMSE", "unit": "dollars", "loss": "squared loss"}
    return StudyRecord(spec.fingerprint[:12], spec, card, "finished", "2025-01-01T00:00:00Z", "thalweg …", {})


@pytest.fixture
def runs() -> list[tuple[PlannedRun, RunResult]]:
    first, second, third = a_run(ADAM, 0), a_run(SGD, 1), a_diverged_run()
    places = [("adam", "trial", 4, first), ("adam", "default", -1, first), ("sgd", "winner", 2, second)]
    places.append(("sgd", "trial", 3, third))
    return [(PlannedRun(label, role, trial, run.spec), run) for label, role, trial, run in places]


def check_runs(table: pd.DataFrame, record: StudyRecord, runs) -> None:
    assert list(table["study"]) == [record.id] * 4
    assert list(table["contender"]) == ["adam", "adam", "sgd", "sgd"]
    assert list(table["role"]) == ["trial", "default", "winner", "trial"]
    assert list(table["trial"]) == [4, -1, 2, 3]
    assert list(table["seed"]) == [0, 0, 1, 9]
    assert list(table["status"]) == ["finished"] * 3 + ["diverged"]
    assert list(table["fingerprint"]) == [run.spec.fingerprint for run, _ in runs]
    np.testing.assert_array_equal(table["hyperparameter.learning_rate"], [1e-3, 1e-3, 0.1, 0.1])
    np.testing.assert_array_equal(table["hyperparameter.beta1"], [0.9, 0.9, np.nan, np.nan])
    np.testing.assert_array_equal(table["validation_loss"].astype(float), [0.1, 0.1, 1.1, np.nan])
    np.testing.assert_array_equal(table["test_metric"].astype(float), [np.nan, np.nan, 0.25, np.nan])
    np.testing.assert_array_equal(table["diverged_at"].astype(float), [np.nan] * 3 + [13])
    assert table["variant.form"].iloc[2] == 'plain, "quoted"\nline'
    assert table["technique.clipping"].iloc[3] == "[1, 2]"
    assert table["gradient_evaluations"].iloc[3] == 13


def check_curves(table: pd.DataFrame, runs) -> None:
    assert len(table) == 3 * 2  # the run at two places once
    for _, result in runs:
        points = table[table["run"] == result.spec.fingerprint]
        assert list(points["step"]) == [10, 20]
        for part in ("train_loss", "validation_loss", "validation_metric"):
            # Shortest digits of a float32 name it exactly.
            np.testing.assert_array_equal(points[part].astype(np.float32), getattr(result.curve, part))


def test_csv_reads_back(tmp_path, record, runs):
    files = export_study(record, runs, "csv", tmp_path / "new" / "digits")
    assert files == [tmp_path / "new" / "digits" / "runs.csv", tmp_path / "new" / "digits" / "curves.csv"]
    check_runs(pd.read_csv(files[0]), record, runs)
    check_curves(pd.read_csv(files[1]), runs)
    raw = pd.read_csv(files[0], dtype=str, keep_default_na=False)
    assert list(raw["test_loss"]) == ["", "", "0.5", "NaN"]  # never measured, and not a number
    assert list(raw["diverged_at"]) == ["", "", "", "13"]
    assert b"\r" not in files[0].read_bytes()


def test_a_csv_stem_names_both_files(tmp_path, record, runs):
    files = export_study(record, runs, "csv", tmp_path / "digits.csv")
    assert [file.name for file in files] == ["digits-runs.csv", "digits-curves.csv"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["digits-curves.csv", "digits-runs.csv"]


def test_parquet_reads_back_with_types_and_meanings(tmp_path, record, runs):
    files = export_study(record, runs, "parquet", tmp_path)
    assert [file.name for file in files] == ["runs.parquet", "curves.parquet"]
    check_runs(pd.read_parquet(files[0]), record, runs)
    check_curves(pd.read_parquet(files[1]), runs)
    table = pq.read_table(files[0])
    assert [str(table.schema.field(name).type) for name in ("seed", "test_loss", "variant.bias_correction")] == [
        "int64",
        "double",
        "bool",
    ]
    assert str(pq.read_schema(files[1]).field("train_loss").type) == "float"
    losses = table["test_loss"].to_pylist()
    assert losses[:3] == [None, None, 0.5]
    assert math.isnan(losses[3])
    assert table.schema.field("validation_metric").metadata[b"meaning"].startswith(b"RMSE in dollars")
    assert all(field.metadata[b"meaning"] for field in [*table.schema, *pq.read_schema(files[1])])


def test_json_reads_back(tmp_path, record, runs):
    (file,) = export_study(record, runs, "json", tmp_path / "digits.json")
    document = json.loads(file.read_text(encoding="utf-8"), parse_constant=lambda word: pytest.fail(word))
    check_runs(pd.DataFrame(document["runs"]), record, runs)
    check_curves(pd.DataFrame(document["curves"]), runs)
    assert document["study"]["id"] == record.id
    assert document["study"]["spec"]["protocol"]["effort"] == "quick"
    assert set(document["columns"]["runs"]) == set(document["runs"][0])
    assert set(document["columns"]["curves"]) == set(document["curves"][0])
    digits = document["curves"][0]["train_loss"]
    assert len(str(digits)) <= 12  # 0.636961..., not the 17 digits of a double


def test_json_into_a_folder_is_named_for_the_study(tmp_path, record, runs):
    assert export_study(record, runs, "json", tmp_path) == [tmp_path / f"study-{record.id}.json"]


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_a_study_without_results_gives_empty_tables(tmp_path, record, form):
    files = export_study(record, [], form, tmp_path)
    if form == "json":
        assert json.loads(files[0].read_text())["runs"] == []
    else:
        read = pd.read_csv if form == "csv" else pd.read_parquet
        assert [len(read(file)) for file in files] == [0, 0]
        assert list(read(files[1]))[:2] == ["run", "step"]


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_nothing_is_overwritten_unless_forced(tmp_path, record, runs, form):
    files = export_study(record, runs, form, tmp_path / "out")
    before = [file.read_bytes() for file in files]
    files[0].write_text("mine")
    with pytest.raises(UsageError, match="give another path, or overwrite with --force"):
        export_study(record, runs, form, tmp_path / "out")
    assert files[0].read_text() == "mine"
    assert export_study(record, runs, form, tmp_path / "out", force=True) == files
    assert [file.read_bytes() for file in files] == before


def test_one_file_in_the_way_keeps_both_from_being_written(tmp_path, record, runs):
    (tmp_path / "curves.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"curves\.csv' already exists"):
        export_study(record, runs, "csv", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["curves.csv"]


def test_an_unknown_format_names_the_nearest(tmp_path, record, runs):
    with pytest.raises(UnknownNameError, match="did you mean 'parquet'"):
        export_study(record, runs, "parket", tmp_path)


def test_a_place_that_cannot_be_written(tmp_path, record, runs):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "below", tmp_path / ("x" * 300), tmp_path / "nul\0"):
        with pytest.raises(UsageError, match="cannot be written") as error:
            export_study(record, runs, "csv", place)
        assert str(error.value).endswith("give a path where you may write.")


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_a_full_disk_leaves_no_half_file(tmp_path, record, runs, form):
    resource = pytest.importorskip("resource", reason="needs POSIX limits")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        with pytest.raises(WorkError, match=r"could not be written .*; free some room and try again\."):
            export_study(record, runs, form, tmp_path / "out.json" if form == "json" else tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
