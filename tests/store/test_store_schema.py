"""The tables' history, and what opening costs."""

import subprocess
import sys
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import thalweg.store
from thalweg.store import open_store
from thalweg.store.schema import HEAD, VERSION_TABLE, known_versions
from thalweg.store.tables import metadata

MIGRATIONS = Path(thalweg.store.__file__).parent / "migrations"


def test_the_revisions_are_one_numbered_line_that_ends_at_head():
    script = ScriptDirectory(str(MIGRATIONS))
    revisions = [revision.revision for revision in script.walk_revisions()]
    assert revisions[::-1] == known_versions()
    assert script.get_current_head() == HEAD
    files = sorted(file.name for file in (MIGRATIONS / "versions").glob("0*.py"))
    assert [name[:4] for name in files] == known_versions()


def test_the_migrations_lead_to_the_tables_that_the_program_uses(store):
    options = {"version_table": VERSION_TABLE, "compare_type": False}
    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_keys_are_never_given_twice(tmp_path):
    import sqlite3

    open_store(tmp_path / "runs.db").close()
    connection = sqlite3.connect(tmp_path / "runs.db")
    numbers = []
    for _ in range(2):
        numbers.append(connection.execute("INSERT INTO runs (fingerprint, spec) VALUES ('a', '{}')").lastrowid)
        connection.execute("DELETE FROM runs")
    connection.close()
    assert numbers == [1, 2]


def test_a_file_has_its_log_and_its_mark(tmp_path):
    with open_store(tmp_path / "runs.db") as store, store._engine.connect() as connection:
        ask = connection.exec_driver_sql
        assert ask("PRAGMA journal_mode").scalar() == "wal"
        assert ask("PRAGMA synchronous").scalar() == 1
        assert ask("PRAGMA foreign_keys").scalar() == 1
        assert ask("PRAGMA application_id").scalar() == 0x5468616C


def loaded(program: str) -> set[str]:
    """The top-level modules that a program has loaded in the end."""
    program += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def test_importing_the_package_loads_no_database():
    modules = loaded("import thalweg.store")
    assert not modules & {"sqlalchemy", "alembic", "platformdirs", "jax", "torch", "pandas"}


def test_opening_an_up_to_date_store_loads_no_migrations(tmp_path):
    open_store(tmp_path / "runs.db").close()
    modules = loaded(f"from thalweg.store import open_store; open_store({str(tmp_path / 'runs.db')!r}).list_studies()")
    assert "sqlalchemy" in modules
    assert not modules & {"alembic", "mako", "jax", "torch", "pandas", "psycopg"}
