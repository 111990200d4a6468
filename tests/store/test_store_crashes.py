"""Processes that die while writing, and processes that write at once."""

import signal
import sqlite3

from store_samples import make_plan, make_spec, make_study

from thalweg.store import open_store

DIE_WITHIN = """
import os, signal, sys
from store_samples import make_result
from thalweg.store import codec, open_store
original, seen = codec.array_bytes, []
def die_at_the_curve_before_last(curve):
    seen.append(curve)
    if len(seen) == 1199:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(curve)
with open_store(sys.argv[1]) as store:
    results = [make_result(number) for number in range(1200)]
    codec.array_bytes = die_at_the_curve_before_last
    store.save_runs(results)
"""

WRITE_BATCHES = """
import sys
from store_samples import make_result
from thalweg.store import open_store
place, batches, size, step = sys.argv[1], *map(int, sys.argv[2:])
with open_store(place) as store:
    for batch in range(0, batches * step, step):
        store.save_runs([make_result(batch * size + number) for number in range(size)])
        print(batch, flush=True)
"""


def fingerprints(count: int) -> list[str]:
    return [make_spec(number).fingerprint for number in range(count)]


def test_a_process_killed_within_a_batch_leaves_none_of_it(lasting, python):
    with open_store(lasting) as store:
        store.save_study(make_study(), make_plan(range(10)))
    process = python(DIE_WITHIN, lasting)
    _, trouble = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, trouble
    with open_store(lasting) as store:
        assert store.known_runs(fingerprints(1200)) == set()
        assert len(store.study_runs("last")) == 10


def test_a_process_killed_at_any_moment_leaves_whole_batches(tmp_path, python):
    path, size = tmp_path / "runs.db", 40
    for killed_after in range(1, 4):
        process = python(WRITE_BATCHES, str(path), "1000", str(size), "1")
        for _ in range(3 * killed_after):
            assert process.stdout.readline()
        process.kill()
        told = len(process.communicate()[0].splitlines()) + 3 * killed_after
        with open_store(path) as store:
            there = store.known_runs(fingerprints(size * (told + 10)))
            assert len(there) >= size * told  # nothing that was reported is lost
            assert len(there) % size == 0
            assert there == set(fingerprints(len(there)))
            assert len(store.load_runs(there)) == len(there)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_processes_that_write_at_once(lasting, python):
    # Steps of one and two batches: every other batch of the first process is the second's as well,
    # and all of them make the store at the same moment.
    writers = [python(WRITE_BATCHES, lasting, "20", "15", step) for step in ("1", "2", "1")]
    for writer in writers:
        assert writer.wait(timeout=60) == 0, writer.stderr.read()
        writer.communicate()
    wanted = {
        make_spec(15 * batch + number).fingerprint for batch in [*range(20), *range(20, 40, 2)] for number in range(15)
    }
    with open_store(lasting) as store:
        assert store.known_runs(fingerprints(15 * 40)) == wanted
        assert len(store.load_runs(wanted)) == len(wanted)
