"""Places where a database must not or cannot be: read-only folders and files, network file systems."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from insgen.errors import StoreError
from insgen.store.database import open_store
from insgen.store.lock import refuse_network_file_system


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of one's own, as a user whom permission bits bind (root is not one)."""
    folder = Path(tempfile.mkdtemp(prefix="insgen-test-"))
    open_store(folder / "warm.db").close()  # what is imported late must be imported while it may be read
    (folder / "warm.db").unlink()
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700)
    shutil.rmtree(folder)


def test_a_folder_without_write_permission_is_refused(unprivileged: Path) -> None:
    (unprivileged / "warm.db.lock").unlink(missing_ok=True)
    unprivileged.chmod(0o555)
    with pytest.raises(StoreError) as caught:
        open_store(unprivileged / "insgen.db")
    for part in (
        "Cannot lock",
        "Permission denied",
        "Expected a folder this user may write to",
        "Change its permissions",
    ):
        assert part in str(caught.value)
    assert not (unprivileged / "insgen.db").exists()


def test_a_file_without_write_permission_is_told_when_it_is_written(unprivileged: Path) -> None:
    path = unprivileged / "insgen.db"
    open_store(path).close()
    path.chmod(0o444)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    store = open_store(path)
    with pytest.raises(StoreError) as caught, store.atomic() as conn:
        conn.execute("DELETE FROM runs")
    store.close()
    for part in ("readonly database", "Expected a file this user may write to", "nothing was changed"):
        assert part in str(caught.value)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


MOUNTS = """/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/me/local ext4 rw 0 0
//nas/share /mnt/with\\040space cifs rw 0 0
sshfs /mnt/far fuse.sshfs rw 0 0
half a line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/project", "nfs4"),
        ("/mnt/with space/p", "cifs"),
        ("/mnt/far/p", "fuse.sshfs"),
        ("/home/me/local/p", None),
        ("/srv/p", None),
        ("/homeless/p", None),
    ],
)
def test_a_network_file_system_is_refused_by_name(path: str, kind: str | None) -> None:
    database = Path(path) / "insgen.db"
    if kind is None:
        refuse_network_file_system(database, MOUNTS)
        return
    with pytest.raises(StoreError) as caught:
        refuse_network_file_system(database, MOUNTS)
    for part in (str(database), f"network file system ({kind})", "Keep the project on a local disk"):
        assert part in str(caught.value)
