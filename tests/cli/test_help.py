"""Every help text teaches: what the command does, its options, and at least one command line that works."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from support.readme import commands, help_of

from insgen.cli.main import main_group

COMMANDS = dict(commands())
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}


@pytest.mark.parametrize("path", COMMANDS)
def test_no_sentence_is_cut_on_eighty_columns(path: str) -> None:
    text = help_of(path, COMMANDS[path], 80)

    assert "..." not in text.replace("[ARGS]...", "").replace("HUB_ID...", "")
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("path", COMMANDS)
def test_example_stands_at_the_end_and_can_be_parsed(path: str) -> None:
    lines = help_of(path, COMMANDS[path], 80).split("Example")[1].splitlines()[1:]

    assert lines
    for line in lines:
        words = shlex.split(line.split(" > ")[0])
        assert line.strip().startswith(path.split()[0])
        command: click.Command = main_group
        name, *rest = words
        while isinstance(command, click.Group):
            name, *rest = rest
            command = command.commands[name]
        command.make_context(name, rest)  # a wrong option or argument raises here


@pytest.mark.parametrize("path", LEAVES)
def test_every_option_has_a_sentence(path: str) -> None:
    for parameter in LEAVES[path].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.opts}"
            assert parameter.help.split("  [")[0].rstrip("]").endswith((".", "here"))


@pytest.mark.parametrize("path", LEAVES)
def test_help_says_more_than_one_sentence(path: str) -> None:
    text = LEAVES[path].help or ""

    assert text.split("\n")[0].endswith(".")
    arguments = [
        p.make_metavar(click.Context(LEAVES[path])) for p in LEAVES[path].params if isinstance(p, click.Argument)
    ]
    assert len(text.split()) > 12 or not arguments


def test_first_page_lists_the_commands_in_the_order_of_the_journey() -> None:
    page = help_of("insgen", main_group, 80)
    listed = re.findall(r"^  ([a-z]+) ", page.split("Commands:")[1].split("Example")[0], re.MULTILINE)

    assert listed[:5] == ["quickstart", "init", "check", "preview", "run"]
    assert listed == list(main_group.commands)
