"""A damaged database is explained by every command that reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cli import insgen

from insgen.store.database import open_store


@pytest.mark.parametrize("command", [["status"], ["why", "1", "-p"], ["bank", "list", "-p"], ["bank", "log", "-p"]])
def test_reading_a_damaged_database_is_one_clear_error(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "insgen.toml").touch()
    path = tmp_path / "insgen.db"
    open_store(path).close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)  # the first page, by which the file is recognised, stays whole
    path.write_bytes(data)
    done = insgen(*command, str(tmp_path))
    assert done.code == 1
    assert "malformed" in done.stderr
    assert ".recover" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_text_with_a_flipped_bit_is_damage_too(tmp_path: Path) -> None:
    (tmp_path / "insgen.toml").touch()
    store = open_store(tmp_path / "insgen.db")
    with store.atomic() as conn:
        conn.execute(
            "INSERT INTO runs (started_utc, config, config_hash, plugins) VALUES (CAST(x'ff' AS TEXT), '', '', '')"
        )
    store.close()
    done = insgen("status", tmp_path)
    assert done.code == 1
    assert "Could not decode to UTF-8" in done.stderr
    assert ".recover" in done.stderr
    assert "Traceback" not in done.stderr
