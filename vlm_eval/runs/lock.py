"""The lock of a run folder: held by one `run` at a time, and gone when its process is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vlm_eval.errors import RunFolderError


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a run folder for writing outcomes. Raises RunFolderError when another process holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / "lock.sqlite", timeout=0, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise RunFolderError(
            f"The run folder {folder} cannot be written: {error}. Choose another --out."
        ) from error
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.DatabaseError as error:
        connection.close()
        if "locked" not in str(error):
            raise RunFolderError(f"{folder / 'lock.sqlite'} is damaged ({error}). Delete that file.") from error
        raise RunFolderError(
            f"Another run is writing to {folder}. Wait for it, stop it, or choose another --out folder."
        ) from error
    try:
        yield
    finally:
        connection.close()
