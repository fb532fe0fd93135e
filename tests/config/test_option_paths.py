"""Options that are paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from insgen.config.options import decode, options_of
from insgen.errors import ConfigError


@dataclass(frozen=True)
class Reader:
    """A stage that reads files."""

    name: ClassVar[str] = "reader"

    paths: tuple[Path, ...] = ()  #: what is read
    log: Path = Path("log.txt")  #: where to


def test_relative_path_is_relative_to_the_folder_and_an_absolute_one_stays(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    table = {"paths": ["eval/a.jsonl", str(tmp_path / "b.txt")], "log": "../log"}
    assert decode(Reader, table, "here", folder) == Reader(
        (folder / "eval/a.jsonl", tmp_path / "b.txt"), folder / "../log"
    )


def test_home_folder_is_written_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert decode(Reader, {"log": "~/log"}, "here", Path("elsewhere")).log == tmp_path / "log"


@pytest.mark.parametrize("value", [3, "", ["a"], True])
def test_what_is_no_path_is_refused_with_the_place(value: object) -> None:
    with pytest.raises(ConfigError, match=r"here, log: .*\n  Expected a path"):
        decode(Reader, {"log": value}, "here")


def test_path_is_shown_to_people_as_such() -> None:
    assert [(option.name, option.type) for option in options_of(Reader)] == [
        ("paths", "a list of a path"),
        ("log", "a path"),
    ]
