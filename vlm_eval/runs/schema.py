"""The tables of a run, and how its database is opened."""

import sqlite3
from pathlib import Path

from vlm_eval.errors import RunFolderError

SCHEMA_VERSION = 2
_CACHE_KIBIBYTES = 65_536  # keys are digests, so a plan of a million requests writes all over their index

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE model (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, spec TEXT NOT NULL);
CREATE TABLE cell (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, ingredients TEXT NOT NULL);
CREATE TABLE sample (id INTEGER PRIMARY KEY, sample_id TEXT UNIQUE NOT NULL, data TEXT NOT NULL);
CREATE TABLE text (id INTEGER PRIMARY KEY, text TEXT UNIQUE NOT NULL);
CREATE TABLE view (
    id INTEGER PRIMARY KEY, identity TEXT UNIQUE NOT NULL, path TEXT NOT NULL, recipe TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, sent TEXT
);
CREATE TABLE request (
    id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, model INTEGER NOT NULL REFERENCES model,
    prompt TEXT NOT NULL, generation TEXT NOT NULL, repeat INTEGER NOT NULL
);
CREATE TABLE ask (
    id INTEGER PRIMARY KEY, model INTEGER NOT NULL REFERENCES model, sample INTEGER NOT NULL REFERENCES sample,
    cell INTEGER NOT NULL REFERENCES cell, round INTEGER NOT NULL, repeat INTEGER NOT NULL, purpose TEXT NOT NULL,
    request INTEGER NOT NULL REFERENCES request, question TEXT NOT NULL, planned INTEGER NOT NULL,
    view INTEGER NOT NULL, UNIQUE (model, sample, cell, round, repeat, purpose, view)
);
CREATE INDEX ask_by_request ON ask (request);
CREATE TABLE outcome (
    request INTEGER PRIMARY KEY REFERENCES request, kind TEXT NOT NULL, data TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE judgement (
    ask INTEGER NOT NULL REFERENCES ask, scorer TEXT NOT NULL, version TEXT NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (ask, scorer, version)
) WITHOUT ROWID;
"""


def database_path(folder: Path) -> Path:
    """Return where a run folder keeps its database."""
    return folder / "run.sqlite"


def connect(folder: Path, *, write: bool) -> sqlite3.Connection:
    """Open a run's database; `write` creates it.

    WAL with synchronous=NORMAL; where the file system cannot do WAL, a rollback journal.

    Raises:
        RunFolderError: there is no run, it is damaged, or of another version.
    """
    path = database_path(folder)
    if not write and not path.is_file():
        raise RunFolderError(f"{folder} is not a run folder: it holds no run.sqlite. Give the --out of a run.")
    try:
        if write:
            folder.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
            _set_journal(connection)
            _create(connection)
        else:
            connection = _open_read_only(path)
        _check_version(connection, folder)
    except (sqlite3.Error, OSError) as error:
        raise RunFolderError(
            f"The run folder {folder} cannot be opened ({path.name}: {error}). Restore it from a copy, see "
            "whether it may be read and written, or give another run folder."
        ) from error
    return connection


def _open_read_only(path: Path) -> sqlite3.Connection:
    """Open for reading; on a medium that cannot be written, without the shared memory that WAL needs."""
    for suffix in ("?mode=ro", "?mode=ro&immutable=1"):
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}{suffix}", uri=True, isolation_level=None, timeout=30
        )
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection.close()
        else:
            return connection
    raise sqlite3.OperationalError(f"{path} cannot be read")


def _set_journal(connection: sqlite3.Connection) -> None:
    try:
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    except sqlite3.OperationalError:
        mode = "failed"
    if mode != "wal":
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIBIBYTES}")


def _create(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        connection.executescript(
            f"BEGIN; {TABLES} INSERT INTO meta VALUES ('schema_version', '{SCHEMA_VERSION}'); COMMIT;"
        )


def _check_version(connection: sqlite3.Connection, folder: Path) -> None:
    row = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
    if row is None or int(row[0]) != SCHEMA_VERSION:
        raise RunFolderError(
            f"{folder} was written by another version of vlm-eval (its tables are version {row and row[0]}, "
            f"this one reads {SCHEMA_VERSION}). Use that version, or start a new run folder."
        )
