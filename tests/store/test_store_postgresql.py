"""What only a server can do wrong."""

import pytest
from store_samples import make_result, make_spec, make_study

from thalweg.errors import StoreError, StoreUsageError
from thalweg.store import open_store

pytestmark = pytest.mark.store


def test_the_password_opens_and_is_never_shown(server, database):
    with open_store(server.tcp_url(database, server.password)) as store:
        store.save_runs([make_result(1)])
        assert store.known_runs([make_spec(1).fingerprint])
        assert server.password not in store.url
        assert "***" in store.url


def test_a_wrong_password(server, database):
    with pytest.raises(StoreUsageError, match="refuses the user or password; correct them in the URL") as error:
        open_store(server.tcp_url(database, "hunter2"))
    told: BaseException | None = error.value
    while told is not None:  # nor in what the error was raised from
        assert "hunter2" not in str(told)
        told = told.__cause__


def test_no_password(server, database):
    with pytest.raises(StoreUsageError, match="refuses the user or password"):
        open_store(f"postgresql://thalweg@127.0.0.1:{server.port}/{database}")


def test_a_user_that_is_not_there(server, database):
    with pytest.raises(StoreUsageError, match="refuses the user or password"):
        open_store(server.url(database).replace("thalweg@", "nobody-here@"))


def test_a_database_that_is_not_there(server):
    with pytest.raises(StoreUsageError, match="names a database that does not exist; make it with createdb"):
        open_store(server.url("nowhere"))


def test_a_database_of_another_program(server, database):
    server.execute("CREATE TABLE photos (name text)", database)
    with pytest.raises(StoreUsageError, match="belongs to another program"):
        open_store(server.url(database))


def test_an_empty_database_is_made_a_store_only_when_asked(server, database):
    for settings in ({"create": False}, {"read_only": True}):
        with pytest.raises(StoreUsageError, match="is empty"):
            open_store(server.url(database), **settings)
    open_store(server.url(database)).close()
    with open_store(server.url(database), create=False) as store:
        assert store.list_studies() == []


def test_a_schema_of_its_own_beside_another_program(server, database):
    server.execute("CREATE TABLE photos (name text); CREATE SCHEMA training", database)
    with open_store(server.url(database) + "&options=-csearch_path%3Dtraining") as store:
        store.save_study(make_study())
        assert len(store.list_studies()) == 1
    with pytest.raises(StoreUsageError, match="names a schema that does not exist"):
        open_store(server.url(database) + "&options=-csearch_path%3Dnowhere")


def test_a_user_who_may_only_read(server, database):
    with open_store(server.url(database)) as store:
        store.save_study(make_study())
    server.execute(
        f"CREATE ROLE r{database} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO r{database}", database
    )
    with open_store(server.url(database).replace("thalweg@", f"r{database}@")) as store:
        assert len(store.list_studies()) == 1
        with pytest.raises(StoreUsageError, match="does not permit this"):
            store.save_runs([make_result(1)])


def test_rows_locked_for_too_long(server, database):
    import psycopg

    with (
        open_store(server.url(database), busy_seconds=0.2) as store,
        psycopg.connect(server.url(database)) as other,
    ):
        other.execute("LOCK TABLE results IN EXCLUSIVE MODE")
        with pytest.raises(StoreError, match=r"stayed locked by another program for 0\.2 s"):
            store.save_runs([make_result(1)])
        other.rollback()
        store.save_runs([make_result(1)])
        assert store.known_runs([make_spec(1).fingerprint])


def test_a_connection_cut_between_two_calls_is_made_again(server, database):
    with open_store(server.url(database)) as store:
        store.save_runs([make_result(1)])
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'thalweg'")
        store.save_runs([make_result(2)])
        assert len(store.known_runs([make_spec(number).fingerprint for number in (1, 2)])) == 2


def test_a_connection_cut_within_a_transaction_is_made_again(server, database, monkeypatch):
    from thalweg.store import codec

    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'thalweg'"
    original, calls = codec.array_bytes, []

    def cut_once(curve):
        if not calls:
            server.execute(cut)
        calls.append(curve)
        return original(curve)

    monkeypatch.setattr(codec, "array_bytes", cut_once)
    with open_store(server.url(database)) as store:
        store.save_runs([make_result(1)])
        assert len(calls) == 2  # the transaction was done a second time
        assert len(store.load_runs([make_spec(1).fingerprint])) == 1


def test_a_server_that_goes_away(server, database):
    with open_store(server.url(database), busy_seconds=0.2) as store:
        server.control("stop", "-m", "immediate")
        try:
            for use in (store.list_studies, lambda: store.save_runs([make_result(1)])):
                with pytest.raises(StoreError, match="lost its connection"):
                    use()
        finally:
            server.start()
        store.save_runs([make_result(1)])
        assert len(store.load_runs([make_spec(1).fingerprint])) == 1
