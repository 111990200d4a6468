"""What every store does, on every database."""

import dataclasses

import numpy as np
import pytest
from store_samples import diverged_result, make_plan, make_result, make_spec, make_study, same

from thalweg.errors import UnknownNameError, UsageError
from thalweg.records import PlannedRun
from thalweg.store import Store, StudyListing, open_store


def test_an_empty_store_has_nothing(store):
    assert store.list_studies() == []
    assert store.load_runs(["0" * 64]) == {}
    assert store.known_runs(["0" * 64]) == set()
    assert store.known_runs([]) == set()
    with pytest.raises(UnknownNameError, match=r"study 'last' is not known: Allowed: none\."):
        store.load_study("last")


def test_results_come_back_equal(store):
    results = [make_result(1), make_result(2, test_loss=0.25, test_metric=float("inf")), diverged_result(3)]
    store.save_runs(results)
    loaded = store.load_runs([result.spec.fingerprint for result in results])
    assert len(loaded) == 3
    for result in results:
        back = loaded[result.spec.fingerprint]
        assert same(back, result)
        assert back.curve.train_loss.dtype == np.float32
        assert back.curve.step.dtype == np.int32


def test_a_missing_test_loss_is_not_nan(store):
    untested, diverged = make_result(1), diverged_result(2)
    store.save_runs([untested, diverged])
    loaded = store.load_runs([untested.spec.fingerprint, diverged.spec.fingerprint])
    assert loaded[untested.spec.fingerprint].test_loss is None
    assert np.isnan(loaded[diverged.spec.fingerprint].test_loss)


def test_a_kept_fingerprint_is_the_specs_own(store):
    result = make_result(1)
    store.save_runs([result])
    spec = store.load_runs([result.spec.fingerprint])[result.spec.fingerprint].spec
    assert dataclasses.replace(spec).fingerprint == result.spec.fingerprint  # a copy computes it anew


def test_numpy_numbers_are_taken(store):
    result = make_result(
        1,
        diverged_at=np.int32(7),
        validation_loss=np.float32(0.5),
        gradient_evaluations=np.int64(900),
        status="diverged",
    )
    store.save_runs([result])
    back = store.load_runs([result.spec.fingerprint])[result.spec.fingerprint]
    assert (back.diverged_at, back.validation_loss, back.gradient_evaluations) == (7, 0.5, 900)


def test_a_finished_run_never_changes(store):
    first, second = make_result(1), make_result(1, validation_loss=-1.0)
    store.save_runs([first, second][:1])
    store.save_runs([second, make_result(2)])
    loaded = store.load_runs([first.spec.fingerprint])
    assert loaded[first.spec.fingerprint].validation_loss == first.validation_loss
    assert same(loaded[first.spec.fingerprint].curve, first.curve)
    assert len(store.known_runs([make_spec(1).fingerprint, make_spec(2).fingerprint])) == 2


def test_equal_runs_in_one_call_are_kept_once(store):
    store.save_runs([make_result(1), make_result(1)])
    assert len(store.load_runs([make_spec(1).fingerprint] * 2)) == 1


def test_many_runs_go_in_and_out(store):
    results = [make_result(number) for number in range(1203)]  # more than two chunks of a query
    store.save_runs(results)
    names = [result.spec.fingerprint for result in results]
    assert store.known_runs([*names, "f" * 64]) == set(names)
    loaded = store.load_runs(names)
    assert all(loaded[result.spec.fingerprint].validation_loss == result.validation_loss for result in results)


def test_a_study_comes_back_equal(store):
    record = make_study()
    store.save_study(record)
    back = store.load_study(record.id)
    assert same(back, record)
    assert back.spec.fingerprint == record.spec.fingerprint


def test_saving_a_study_again_replaces_its_record_and_keeps_its_runs(store):
    record = make_study()
    store.save_study(record, make_plan([1, 2]))
    finished = dataclasses.replace(record, status="finished", seconds={"total": 9.0})
    store.save_study(finished)
    assert same(store.load_study(record.id), finished)
    assert len(store.study_runs(record.id)) == 2
    assert len(store.list_studies()) == 1


def test_planned_runs_keep_their_order_and_are_added_once(store):
    record, plan = make_study(), make_plan([5, 3, 4])
    store.save_study(record, plan)
    store.save_study(record, [*make_plan([4, 1]), PlannedRun("adam", "winner", 3, make_spec(3))])
    back = store.study_runs(record.id)
    assert [(run.role, run.trial) for run in back] == [
        ("trial", 5),
        ("trial", 3),
        ("trial", 4),
        ("trial", 1),
        ("winner", 3),
    ]
    assert same(back[:3], plan)


def test_a_planned_run_needs_no_result(store):
    store.save_study(make_study(), make_plan([1, 2]))
    assert store.known_runs([make_spec(1).fingerprint]) == set()
    store.save_runs([make_result(1)])
    assert store.known_runs([make_spec(1).fingerprint, make_spec(2).fingerprint]) == {make_spec(1).fingerprint}


def test_two_studies_share_a_run(store):
    first, second = make_study(0), make_study(1)
    store.save_study(first, make_plan([1, 2]))
    store.save_study(second, make_plan([2, 3]))
    store.save_runs([make_result(2)])
    assert [(s.runs_planned, s.runs_finished) for s in store.list_studies()] == [(2, 1), (2, 1)]


def test_studies_are_listed_newest_first(store):
    old, new = make_study(1), make_study(2, status="finished")
    store.save_study(new, make_plan([1, 2, 3]))
    store.save_study(old)
    store.save_runs([make_result(2), make_result(9)])
    assert store.list_studies() == [
        StudyListing(new.id, "digits", ("adam", "sgd"), "quick", "finished", new.created, 3, 1),
        StudyListing(old.id, "digits", ("adam", "sgd"), "quick", "running", old.created, 0, 0),
    ]


def test_a_study_is_found_by_beginning_last_and_task(store):
    old, new = make_study(1), make_study(2)
    store.save_study(old, make_plan([1]))
    assert store.load_study("digits").id == old.id
    store.save_study(new)
    assert store.load_study(old.id[:6]).id == old.id
    assert store.load_study(f" {old.id[:6].upper()} ").id == old.id
    assert store.load_study("last").id == new.id
    assert len(store.study_runs(old.id[:6])) == 1
    with pytest.raises(UsageError, match=r"study 'digits' is not unique: the store has 2 studies on the task 'digits'"):
        store.load_study("digits")
    with pytest.raises(UnknownNameError, match=f"did you mean '{old.id}'"):
        store.study_runs("x" + old.id[1:])


def test_what_was_saved_is_there_after_reopening(lasting):
    with open_store(lasting) as store:
        store.save_study(make_study(), make_plan([1]))
        store.save_runs([make_result(1)])
    with open_store(lasting, read_only=True) as store:
        assert same(store.load_study("last"), make_study())
        assert same(store.load_runs([make_spec(1).fingerprint])[make_spec(1).fingerprint], make_result(1))


def test_a_closed_store_opens_again(lasting):
    store = open_store(lasting)
    store.save_runs([make_result(1)])
    store.close()
    assert store.known_runs([make_spec(1).fingerprint])
    store.close()


def test_words_in_any_script_are_kept(store):
    record = make_study(command="thalweg compare ./Prüfung.py:Дельта 深い \N{ROCKET} \0 \udc80")
    store.save_study(record)
    assert store.load_study(record.id).command == record.command


def test_a_store_is_told_from_a_path(store):
    assert isinstance(store, Store)
    assert not isinstance(store.url, Store)
