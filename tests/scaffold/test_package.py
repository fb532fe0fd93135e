"""What `insgen plugins new` makes passes its own tests as it stands; a wrong name or folder is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.scaffolded import make_all

from insgen.errors import ConfigError
from insgen.scaffold.package import KINDS, make_package


def test_package_of_every_kind_passes_its_own_tests(tmp_path: Path) -> None:
    packages = make_all(tmp_path)
    sources = os.pathsep.join(str(package / "src") for package in packages)
    tests = [str(package / "tests") for package in packages]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "insgen.testing.fixtures", "--import-mode=importlib", *tests],
        env=os.environ | {"PYTHONPATH": sources},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "failed" not in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_entry_point_names_the_module_that_was_made(kind: str, tmp_path: Path) -> None:
    written = make_package("word-count", kind, tmp_path / "new", "use it")
    project = tomllib.loads((tmp_path / "new" / "pyproject.toml").read_text("utf-8"))

    (module,) = project["project"]["entry-points"]["insgen"].values()
    assert Path(f"src/{module}/__init__.py") in written
    assert {"README.md", "LICENSE", ".github/workflows/tests.yml"} <= {path.as_posix() for path in written}
    for path in written:
        assert "$" not in (tmp_path / "new" / path).read_text("utf-8").replace("${{ matrix.python }}", "")


@pytest.mark.parametrize("name", ["", "2fast", "Two Words", "a--b", "dots.in.it", "../up", "é"])
def test_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no name for a plugin"):
        make_package(name, "filter", tmp_path / "new", "")
    assert not (tmp_path / "new").exists()


def test_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        make_package("polite", "filter", tmp_path, "")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
