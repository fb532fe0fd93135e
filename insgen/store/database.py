"""Open the project's SQLite file: checks, pragmas, migrations, transactions.

Flows in: a path. Flows out: a `Store` for the one writer, or a read-only connection for everyone else. What goes
into the tables is the business of the other modules of this package.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from insgen.errors import StoreError
from insgen.store.lock import WriterLock, refuse_network_file_system
from insgen.store.migrations import APPLICATION_ID, SCHEMA_VERSION, insgen_migrations

BUSY_TIMEOUT_MS = 10_000
"""How long a statement waits for another process that holds the database, in milliseconds."""


class Store:
    """The project's database, open for the one writer.

    :ivar path: the file.
    :ivar conn: the plain connection, for bulk work inside `atomic`.
    """

    def __init__(self, path: Path, conn: sqlite3.Connection, lock: WriterLock) -> None:
        self.path = path
        self.conn = conn
        self._lock = lock

    @contextmanager
    def atomic(self) -> Iterator[sqlite3.Connection]:
        """Run a block in one transaction: all of it is stored, or nothing.

        :raises StoreError: the disk is full, the file is read-only, locked or damaged; nothing of the block is stored.
        """
        with explained(self.path), _transaction(self.conn):
            yield self.conn

    def close(self) -> None:
        """Close the database and give the writer's lock back."""
        self.conn.close()
        self._lock.release()


def open_store(path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Store:
    """Open (or create) a project's database for writing, and bring its schema up to date.

    :param busy_timeout_ms: how long a statement waits for a foreign program's transaction.

    :raises StoreError: no insgen database, a newer schema, a network file system, another writer, a damaged or
        read-only file; nothing is changed.
    """
    refuse_network_file_system(path)
    if not path.parent.is_dir():
        raise StoreError(
            f"There is no folder {path.parent}.\n  Expected the project's folder.\n"
            f"  `insgen init {path.parent}` makes a project."
        )
    lock = WriterLock(path)
    lock.acquire()
    conn: sqlite3.Connection | None = None
    try:
        with explained(path):
            if path.is_dir() or (path.exists() and path.stat().st_size):
                _check_identity(path)
            conn = sqlite3.connect(
                path,
                timeout=busy_timeout_ms / 1000,
                isolation_level=None,
                check_same_thread=False,  # paid answers are committed by a thread that waits for the disk meanwhile
            )
            conn.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
            conn.execute("PRAGMA journal_mode = WAL")
            conn.execute("PRAGMA synchronous = FULL")  # the file holds paid answers; costs .1 ms a commit
            if conn.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
                _migrate(conn)
    except BaseException:
        if conn is not None:
            conn.close()
        lock.release()
        raise
    return Store(path, conn, lock)


def _migrate(conn: sqlite3.Connection) -> None:
    from sqlite_utils import Database  # half a second, for it looks for pandas: only when there is something to do

    with _transaction(conn):
        insgen_migrations().apply(Database(conn))
        conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        conn.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextmanager
def _transaction(conn: sqlite3.Connection) -> Iterator[None]:
    """Everything or nothing; immediate, for only a transaction that begins as a writer waits for another writer."""
    conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:  # a full disk may have ended it already
            conn.execute("ROLLBACK")
        raise


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a project's database read-only; works while another process writes.

    :returns: a connection whose rows are `sqlite3.Row`.
    :raises StoreError: there is no such file, it is no insgen database, or its schema is newer or older than ours.
    """
    if not path.exists():
        raise StoreError(
            f"There is no database {path} yet.\n"
            "  Expected a project in which `insgen run` or `insgen add` was called.\n"
            f"  Call `insgen run {path.parent}` first."
        )
    with explained(path):
        _check_identity(path, exact=True)
        conn = _connect_read_only(path)
    conn.row_factory = sqlite3.Row
    return conn


def _connect_read_only(path: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_MS / 1000)
    conn.execute("PRAGMA query_only = ON")
    return conn


def _identity(conn: sqlite3.Connection) -> tuple[int, int, int]:
    """Whose file it is, which schema it has, and of how many parts; closes the connection."""
    try:
        statements = "PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master"
        application, version, parts = (conn.execute(statement).fetchone()[0] for statement in statements)
        return application, version, parts
    finally:
        conn.close()


def _check_identity(path: Path, *, exact: bool = False) -> None:
    if path.is_dir():
        raise StoreError(f"{path} is a folder.\n  Expected a database, or nothing of that name.\n  Rename the folder.")
    try:
        application, version, tables = _identity(_connect_read_only(path))
    except sqlite3.OperationalError as error:
        if "readonly" not in str(error):
            raise
        # A process was killed before the file had its write-ahead log; no reader may undo the journal it left.
        application, version, tables = _identity(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000))
    if application != APPLICATION_ID and (tables or application or exact):
        raise StoreError(
            f"{path} is an SQLite file, but not insgen's.\n  Expected a database that insgen made.\n"
            "  Name another project folder; nothing was changed."
        )
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path} was written by a newer insgen (schema {version}; this one knows {SCHEMA_VERSION}).\n"
            "  Nothing was changed.\n  Upgrade with `pip install -U insgen`."
        )
    if exact and version < SCHEMA_VERSION:
        raise StoreError(
            f"{path} was written by an older insgen (schema {version}; this one reads {SCHEMA_VERSION}).\n"
            "  Expected a database of this version; nothing was changed.\n"
            f"  `insgen run {path.parent}` brings it up to date."
        )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors of the environment (not of our SQL) into a message that says what to do.

    :raises StoreError: disk full, read-only, locked, damaged, or no database at all.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        cure = _cure(str(error))
        if cure is None:
            raise
        raise StoreError(f"{path}: {error}.\n{cure}") from error


_DAMAGED = (
    "  The file is damaged; nothing was changed.\n"
    "  Restore a backup, or save what can be read: `sqlite3 insgen.db .recover | sqlite3 rescued.db`."
)


def _cure(message: str) -> str | None:
    cures = {
        "disk is full": "  The step was undone; everything before it is stored.\n"
        "  Free some space and call `insgen run` again: it goes on from there.",
        "disk I/O error": "  The disk did not do what was asked; everything before this step is stored.\n"
        "  Check the disk and its free space, then call `insgen run` again.",
        "readonly": "  Expected a file this user may write to; nothing was changed.\n"
        "  Change its permissions, or copy the project to another folder.",
        "unable to open": "  Expected a folder and a file this user may read and write.\n  Check the permissions.",
        "database is locked": "  Another program has held the database for too long.\n"
        "  Close it (a shell with an open transaction, a copy job) and call the command again.",
        "not a database": "  Expected an insgen database; nothing was changed.\n  Name another project folder.",
        "malformed": _DAMAGED,
        "Could not decode to UTF-8": _DAMAGED,  # a flipped bit in a text: all that insgen stores is UTF-8
    }
    return next((cure for sign, cure in cures.items() if sign in message), None)
