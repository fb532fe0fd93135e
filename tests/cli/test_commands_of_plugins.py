"""Commands that installed plugins offer: beside the built-in ones, found through the entry point group `insgen`."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cli import insgen

COMMAND = """
import click
from insgen import hookimpl

@click.command()
@click.argument("name")
def {name}(name):
    "Greet somebody."
    click.echo("Hello " + name)

@hookimpl
def insgen_commands():
    return [{name}]
"""


@pytest.fixture
def install(tmp_path: Path) -> object:
    """Install a distribution into a folder, as pip would; its name is the module's."""

    def make(module: str, code: str) -> dict[str, str]:
        site = tmp_path / "site"
        about = site / f"{module}-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[insgen]\n{module} = {module}\n")
        (site / f"{module}.py").write_text(code)
        return {"PYTHONPATH": str(site)}

    return make


def test_offered_command_stands_beside_the_others(install: object) -> None:
    env = install("greeting", COMMAND.format(name="greet"))  # type: ignore[operator]  # the fixture's function

    assert "greet       Greet somebody." in insgen("--help", env=env).stdout
    assert insgen("greet", "you", env=env).stdout == "Hello you\n"
    assert insgen("plugins", "list", "--kind", "command", "--json", env=env).json()["offers"] == [
        {
            "kind": "command",
            "name": "greet",
            "summary": "Greet somebody",
            "plugin": "greeting",
            "distribution": "greeting",
            "version": "1.0",
        }
    ]


def test_command_whose_name_is_taken_is_an_error_that_names_its_plugin(install: object) -> None:
    done = insgen("nothing", env=install("grabber", COMMAND.format(name="run")))  # type: ignore[operator]  # see above

    assert (done.code, done.stdout) == (1, "")
    assert 'grabber (grabber 1.0) offers the command "run", which is taken.' in done.stderr


def test_broken_plugin_is_named_where_plugins_are_listed_and_stops_nobody(install: object) -> None:
    env = install("broken", "import nothing_of_that_name\n")  # type: ignore[operator]  # the fixture's function

    assert insgen("--help", env=env).code == 0
    listed = insgen("plugins", "list", env=env)
    assert listed.code == 0
    assert "The plugin broken (distribution broken 1.0) was left out" in listed.stderr
    assert "nothing_of_that_name" in insgen("plugins", "list", "--json", env=env).json()["broken"][0]["problem"]
