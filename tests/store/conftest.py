"""A place for each kind of store; PostgreSQL from a cluster of the tests' own where its programs are installed."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from thalweg.store import Store, open_store

PASSWORD = "correct-horse"


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL cluster that trusts its socket and asks a password over TCP."""

    programs: Path
    folder: Path
    port: int
    password: str
    account: dict[str, object]

    def url(self, database: str) -> str:
        return f"postgresql://thalweg@/{database}?host={self.folder}&port={self.port}"

    def tcp_url(self, database: str, password: str) -> str:
        return f"postgresql://thalweg:{password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        import psycopg

        with psycopg.connect(self.url(database).replace("?", "?connect_timeout=5&"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def control(self, *words: str) -> None:
        command = [str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), "-s", "-w", *words]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, **self.account)  # type: ignore[call-overload]

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=20"
        self.control("start", "-l", str(self.folder / "log"), "-o", options)


def find_programs() -> Path | None:
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    on_path = shutil.which("initdb")
    folders += [Path(on_path).parent] if on_path else []
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


def account_to_use(folder: Path) -> dict[str, object]:
    """The cluster refuses to run as root, so root lends it another account."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": str(folder)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed")
    folder = Path(tempfile.mkdtemp(prefix="tw-pg-", dir="/tmp"))  # a socket's path must be short
    try:
        account = account_to_use(folder)
        secret = folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        initdb = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "thalweg", "--no-sync", "-E", "UTF8"]
        initdb += ["--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}"]
        made = subprocess.run(initdb, capture_output=True, text=True, **account)  # type: ignore[call-overload]
        if made.returncode:
            pytest.skip(f"no PostgreSQL cluster can be made here: {made.stderr.strip()}")
        cluster = Server(programs, folder, free_port(), PASSWORD, account)
        cluster.start()
        yield cluster
        cluster.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(server: Server) -> str:
    name = f"t{uuid.uuid4().hex}"
    server.execute(f"CREATE DATABASE {name}")
    return name


KINDS = ["memory", "file", pytest.param("postgresql", marks=pytest.mark.store)]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    with open_store(place(request, tmp_path)) as opened:
        yield opened


@pytest.fixture(params=KINDS[1:])
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be that outlives its process; nothing is there yet."""
    return place(request, tmp_path)


def place(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "memory":
        return "sqlite://"
    if request.param == "file":
        return str(folder / "runs.db")
    server: Server = request.getfixturevalue("server")
    schema = f"s{uuid.uuid4().hex}"  # several times faster to make and to remove than a database
    server.execute(f"CREATE SCHEMA {schema}")
    return server.url("postgres") + f"&options=-csearch_path%3D{schema}"


@pytest.fixture
def python() -> Callable[..., subprocess.Popen[str]]:
    """Start a program in another process, with the samples at hand."""

    def start(program: str, *arguments: str, **settings: object) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        command = [sys.executable, "-c", program, *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=environment, **{**pipes, **settings})  # type: ignore[call-overload]

    return start
