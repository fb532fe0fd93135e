"""A copy of a project's database to play in; the project itself stays as it is."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from insgen.store.database import open_reader


@contextmanager
def scratch_copy(database: Path) -> Iterator[Path]:
    """Copy a project's database for the time of a block; where there is none yet, the copy begins empty.

    Works while a run is writing: what it has committed so far is copied.

    :param database: the project's.
    :returns: the path of the copy.
    :raises StoreError: the file is no insgen database, or of another schema.
    """
    with tempfile.TemporaryDirectory(prefix="insgen-scratch-") as folder:
        scratch = Path(folder) / "insgen.db"
        if database.exists():
            reader, target = open_reader(database), sqlite3.connect(scratch)
            reader.backup(target)
            target.close()
            reader.close()
        yield scratch
