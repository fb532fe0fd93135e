"""One writer per project: a lock that dies with its process, and says who holds it.

The lock is advisory and lives beside the database (``insgen.db.lock``); the operating system frees it when the
holder ends, however it ends. Who holds it stands in the file's text.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from insgen.errors import StoreError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_NETWORK_TYPES = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "glusterfs", "lustre", "ceph", "fuse.sshfs"}


class WriterLock:
    """Held for as long as this process may write to one project's database."""

    def __init__(self, database: Path) -> None:
        self._database = database.resolve()  # two names of one file are one project
        self._holder = self._database.with_name(self._database.name + ".writer")
        self._lock: BaseFileLock | None = None

    def acquire(self) -> None:
        """Take the lock at once.

        :raises StoreError: another process holds it; the message gives its pid and how long it has held it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self._database.with_name(self._database.name + ".lock"))
        try:
            lock.acquire(timeout=0)
            self._holder.write_text(json.dumps({"pid": os.getpid(), "since": time.time()}), encoding="utf-8")
        except Timeout:
            raise StoreError(self._refusal()) from None
        except OSError as error:
            lock.release()
            raise StoreError(
                f"Cannot lock {self._database}: {error}.\n"
                "  Expected a folder this user may write to.\n"
                "  Change its permissions, or copy the project to another folder."
            ) from error
        self._lock = lock

    def release(self) -> None:
        """Give the lock back; harmless when it was never taken."""
        if self._lock is not None:
            self._holder.unlink(missing_ok=True)
            self._lock.release()
            self._lock = None

    def _refusal(self) -> str:
        try:
            holder = json.loads(self._holder.read_text(encoding="utf-8"))
            who = f"process {holder['pid']} has been writing to it for {_duration(time.time() - holder['since'])}"
        except (OSError, ValueError, KeyError, TypeError):
            who = "another process has just begun writing to it"
        return (
            f"{self._database} is in use: {who}.\n"
            "  A project has one writer at a time; reading (status, why, sql, bank, export) works meanwhile.\n"
            "  Wait for it, or stop that process (Ctrl-C leaves a state that the next `insgen run` continues)."
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def refuse_network_file_system(path: Path, mounts: str | None = None) -> None:
    """Refuse a path on a network file system, where SQLite's locks and WAL cannot be trusted.

    :param path: the database's path; it need not exist.
    :param mounts: text in the form of Linux's ``/proc/self/mounts``; read from there when not given (on a system
        without that file nothing can be told and nothing is refused).
    :raises StoreError: naming the file system.
    """
    if mounts is None:
        table = Path("/proc/self/mounts")
        mounts = table.read_text(encoding="utf-8", errors="replace") if table.exists() else ""
    resolved = path.resolve()
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " "))
        if resolved.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    if kind in _NETWORK_TYPES:
        raise StoreError(
            f"{path} lies on a network file system ({kind}).\n"
            "  SQLite's locks and write-ahead log are not safe there, and paid answers could be lost.\n"
            "  Keep the project on a local disk; copy the finished export instead."
        )
