"""Everything that can be wrong with a store gets one sentence, with real faults wherever one can be made."""

import os
import shutil
import socket
import sqlite3
import sys
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import event
from store_samples import make_plan, make_result, make_spec, make_study

from thalweg.errors import StoreError, StoreUsageError
from thalweg.store import default_path, open_store
from thalweg.store.location import masked


def sentence(error: pytest.ExceptionInfo[BaseException]) -> str:
    """The message, after checking that it is one clear sentence."""
    text = str(error.value)
    assert text.startswith(("store ", "the folder "))
    assert text.endswith(".")
    assert "\n" not in text
    assert "Error" not in text
    return text


def filled(path: Path, runs: int = 50) -> Path:
    with open_store(path) as store:
        store.save_study(make_study(), make_plan(range(runs)))
        store.save_runs([make_result(number) for number in range(runs)])
    return path


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://ann:hunter2@host/db", "unsupported scheme 'mysql'"),
        ("ftp://host/file", "unsupported scheme 'ftp'"),
        ("sqlite://runs.db", "three slashes"),
        ("sqlite:///runs.db?mode=ro", "three slashes"),
        ("postgresql://ann:hunter2@host", "names no database"),
        ("postgresql://ann:hunter2@host:port/db", "not a PostgreSQL URL"),
        ("postgresql://ann:hunter2@[::1/db", "not a PostgreSQL URL"),
        ("no/such/folder/runs.db", "does not exist; make it"),
        ("sqlite:///no/such/folder/runs.db", "does not exist; make it"),
        ("runs\0.db", "not a usable path"),
        ("x" * 5000, "not a usable path"),
        ("/dev/null", "not an ordinary file"),
    ],
)
def test_a_place_that_cannot_be(url, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreUsageError) as error:
        open_store(url)
    assert words in sentence(error)
    assert "hunter2" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_a_store(tmp_path):
    with pytest.raises(StoreUsageError) as error:
        open_store(tmp_path)
    assert "is a folder; give a file" in sentence(error)


@pytest.mark.parametrize("text", ["x", "buy milk\n" * 500])
def test_a_file_of_another_kind(tmp_path, text):
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(StoreUsageError) as error:
        open_store(path)
    assert "not a Thalweg store but a file of another kind" in sentence(error)
    assert path.read_text() == text


@pytest.mark.parametrize("application", [0, 252006675])
def test_a_database_of_another_program(tmp_path, application):
    path = tmp_path / "photos.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photos (name TEXT)")
        connection.execute(f"PRAGMA application_id = {application}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreUsageError) as error:
        open_store(path)
    assert "belongs to another program" in sentence(error)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(tmp_path):
    path = tmp_path / "runs.db"
    path.touch()
    with open_store(path) as store:
        assert store.list_studies() == []


@pytest.mark.parametrize("settings", [{"create": False}, {"read_only": True}])
def test_a_missing_store_is_made_only_when_asked(tmp_path, settings):
    with pytest.raises(StoreUsageError) as error:
        open_store(tmp_path / "runs.db", **settings)
    assert "does not exist" in sentence(error)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "runs.db").touch()
    with pytest.raises(StoreUsageError, match=r"runs\.db' is empty"):
        open_store(tmp_path / "runs.db", **settings)


def test_a_store_opened_to_read_is_not_written(lasting):
    open_store(lasting).close()
    with open_store(lasting, read_only=True) as store:
        for write in (lambda: store.save_runs([make_result(1)]), lambda: store.save_study(make_study())):
            with pytest.raises(StoreUsageError) as error:
                write()
            assert "may only be read" in sentence(error)
        assert store.list_studies() == []


def test_a_file_that_may_only_be_read(tmp_path, python):
    # Root may write anything, so another account opens the store.
    folder = Path(tempfile.mkdtemp(dir="/tmp")) if os.geteuid() == 0 else tmp_path
    program = """
import os, sys
from thalweg.errors import StoreUsageError
from thalweg.store import open_store
open_store("sqlite://").close()  # loads everything before the account changes
if os.geteuid() == 0:
    os.setgid(65534), os.setuid(65534)
file, made = sys.argv[1:]
for name, settings in ((file, {}), (made, {})):
    try:
        open_store(name, **settings)
    except StoreUsageError as error:
        print(error)
with open_store(file, read_only=True) as store:
    print(len(store.list_studies()))
os.path.exists(file) and print(sorted(os.listdir(os.path.dirname(file))))
"""
    try:
        path = filled(folder / "runs.db")
        path.chmod(0o444)
        folder.chmod(0o555)
        answer, trouble = python(program, str(path), str(folder / "new.db")).communicate(timeout=60)
        unreadable = path.with_name("runs.db")
        unreadable.chmod(0o000)
        hidden, _ = python(program, str(path), str(folder / "new.db")).communicate(timeout=60)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
    assert answer.splitlines() == [
        f"store '{path}' may only be read; make the file and its folder writable, or name another store with --store.",
        f"store '{folder / 'new.db'}' cannot be made: its folder may only be read; name another with --store.",
        "1",
        "['runs.db']",
    ], trouble
    assert hidden.splitlines()[0].startswith(f"store '{path}' may not be read; give yourself permission")


def test_a_store_of_a_newer_program(lasting):
    with open_store(lasting) as store, store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE thalweg_schema SET version_num = '0099'")
    for settings in ({}, {"read_only": True}):
        with pytest.raises(StoreUsageError) as error:
            open_store(lasting, **settings)
        assert "written by a newer Thalweg (form 0099" in sentence(error)


def test_a_truncated_store(tmp_path):
    path = filled(tmp_path / "runs.db")
    whole = path.read_bytes()
    for share in (0.9, 0.5, 0.2):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(StoreError) as error:
            read_all(path)
        assert "is damaged (" in sentence(error)
    path.write_bytes(whole[:50])
    with pytest.raises(StoreUsageError, match="a file of another kind"):
        open_store(path)


def read_all(path: Path) -> None:
    with open_store(path) as store:
        store.load_runs([make_spec(number).fingerprint for number in range(50)])
        store.study_runs("last")


def test_a_store_without_its_tables(tmp_path):
    path = filled(tmp_path / "runs.db")
    with sqlite3.connect(path) as connection:
        for table in ("curves", "results", "planned_runs", "studies", "runs", "thalweg_schema"):
            connection.execute(f"DROP TABLE {table}")
    connection.close()
    with pytest.raises(StoreError) as error:
        open_store(path)
    assert "is damaged" in sentence(error)


def test_a_record_changed_by_another_program(tmp_path):
    path = filled(tmp_path / "runs.db")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET spec = '{\"colour\":1}' WHERE id = 1")
        connection.execute("UPDATE studies SET record = 'hello'")
        connection.execute("UPDATE curves SET step = x'00' WHERE run_id = 2")
    connection.close()
    with open_store(path) as store:
        for read in (
            lambda: store.study_runs("last"),
            lambda: store.load_study("last"),
            lambda: store.load_runs([make_spec(number).fingerprint for number in range(50)]),
        ):
            with pytest.raises(StoreError) as error:
                read()
            assert "holds a record that cannot be read" in sentence(error)


def test_a_store_locked_for_too_long(tmp_path):
    path = filled(tmp_path / "runs.db")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with open_store(path, busy_seconds=0.2) as store:
        assert store.list_studies()  # a writer elsewhere does not keep anyone from reading
        with pytest.raises(StoreError) as error:
            store.save_runs([make_result(99)])
        assert "stayed locked by another program for 0.2 s" in sentence(error)
        other.execute("ROLLBACK")
        store.save_runs([make_result(99)])
        assert store.known_runs([make_spec(99).fingerprint])
    other.close()


def test_a_store_held_by_another_program_alone(tmp_path):
    path = filled(tmp_path / "runs.db")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError) as error:
        open_store(path, busy_seconds=0.2)
    assert "stayed locked" in sentence(error)
    other.close()


def test_a_full_store_keeps_what_it_has(tmp_path):
    path = filled(tmp_path / "runs.db")
    with open_store(path) as store:

        @event.listens_for(store._engine, "connect")
        def limit(connection, _record):
            connection.execute("PRAGMA max_page_count = 40")

        store.close()  # the next connection gets the limit
        with pytest.raises(StoreError) as error:
            store.save_runs([make_result(number) for number in range(1000)])
        assert "is full: the disk, or its quota, has no more room" in sentence(error)
        assert len(store.known_runs([make_spec(number).fingerprint for number in range(1000)])) == 50


def test_a_file_that_cannot_grow(tmp_path, python):
    path = filled(tmp_path / "runs.db")
    program = """
import resource, sys
from store_samples import make_result, make_spec
from thalweg.errors import StoreError
from thalweg.store import open_store
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
with open_store(sys.argv[1]) as store:
    try:
        store.save_runs([make_result(number) for number in range(2000)])
    except StoreError as error:
        print(error)
    print(len(store.known_runs([make_spec(number).fingerprint for number in range(2000)])))
"""
    answer, trouble = python(program, str(path)).communicate(timeout=60)
    message, count = answer.splitlines()
    assert "could not be read or written (disk I/O error)" in message, trouble
    assert count == "50"


def test_the_users_own_store(tmp_path, monkeypatch):
    monkeypatch.delenv("THALWEG_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    if sys.platform == "linux":
        assert default_path() == tmp_path / "data" / "thalweg" / "thalweg.db"
    with pytest.raises(StoreUsageError, match="does not exist"):
        open_store(read_only=True)
    with open_store() as store:
        assert store.url == str(default_path())
    assert default_path().is_file()
    monkeypatch.setenv("THALWEG_STORE", str(tmp_path / "other.db"))
    open_store().close()
    assert (tmp_path / "other.db").is_file()
    monkeypatch.setenv("THALWEG_STORE", f"sqlite:///{tmp_path / 'third.db'}")
    open_store().close()
    assert (tmp_path / "third.db").is_file()
    monkeypatch.setenv("THALWEG_STORE", str(tmp_path / "none" / "fourth.db"))
    with pytest.raises(StoreUsageError, match="its folder"):
        open_store()


def test_a_data_folder_that_cannot_be_made(tmp_path, monkeypatch):
    monkeypatch.delenv("THALWEG_STORE", raising=False)
    (tmp_path / "data").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with pytest.raises(StoreUsageError) as error:
        open_store()
    assert "cannot be made" in sentence(error)


def test_paths_with_difficult_characters(tmp_path):
    for name in ("a b.db", "50%25.db", "what?.db", "#1.db", "größe.db"):
        open_store(tmp_path / name).close()
        assert (tmp_path / name).is_file()
    assert len(list(tmp_path.iterdir())) == 5


def test_a_missing_driver_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreUsageError) as error:
        open_store("postgresql://localhost/runs")
    assert "pip install 'thalweg[postgres]'" in sentence(error)


def test_a_server_out_of_reach():
    pytest.importorskip("psycopg")
    with socket.socket() as probe:  # bound but not listening: refuses
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(StoreUsageError) as error:
            open_store(f"postgresql://ann:hunter2@127.0.0.1:{probe.getsockname()[1]}/runs")
    assert "cannot be reached" in sentence(error)
    assert "hunter2" not in str(error.value)


def test_passwords_are_masked_wherever_they_stand():
    for url in (
        "postgresql://ann:hunter2@host/db",
        "postgresql://ann:hunter2@host:77/db?password=hunter2&sslmode=require",
        "postgresql://ann:hun:ter2@ho@host/db",
        "postgresql://ann:hunter2@[::1/db",
    ):
        shown = masked(url)
        assert "hunter2" not in shown
        assert "ter2" not in shown
        assert "db" in shown
    assert masked("postgresql://host/db?sslmode=require") == "postgresql://host/db?sslmode=require"
