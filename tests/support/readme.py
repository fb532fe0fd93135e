"""What the README says about the code, made from the code.

    python tests/support/readme.py            says which parts differ
    python tests/support/readme.py --write    writes them into the README

A part is a table, behind ``<!-- generated: NAME -->``, or a transcript, behind ``<!-- transcript: COMMAND -->``:
the text block that follows it holds what the command prints on stdout, in a folder where the transcripts before it were
played.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import re
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import click

from insgen.cli.main import main_group
from insgen.config.options import options_of
from insgen.config.settings import Budget, Embed, Llm, Loop, Project, Scored, Select, Train
from insgen.hooks import spec
from insgen.hooks.manager import load_plugins

README = Path(__file__).parents[2] / "README.md"
SECTIONS = {
    "[project]": Project,
    "[loop]": Loop,
    "[embed]": Embed,
    "[[score]]": Scored,
    "[select]": Select,
    "[llm]": Llm,
    "[budget]": Budget,
    "[train]": Train,
}
TRANSCRIPT = re.compile(r"(<!-- transcript: ([^\n]*?) -->\n```text\n)(.*?)(```)", re.DOTALL)
MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\+\d\d:\d\d)?"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? (s|ms|seconds)\b"), "DURATION"),
)


def hooks() -> dict[str, str]:
    """Hook name -> its signature."""
    found = {}
    for name, function in vars(spec).items():
        if name.startswith("insgen_"):
            found[name] = f"{name}{inspect.signature(function)}".replace("'", "")
    return found


def recipes_text() -> str:
    """The built-in recipes side by side: what each is made of."""
    rows = ["| recipe | what it makes | proposes with | filters | quality | bank | LLM | follows |", "|" + " --- |" * 8]
    for offer in load_plugins().named("recipe"):
        tables = tomllib.loads(offer.cls.toml)
        made_of = [
            ", ".join(f"`{row['use']}`" for row in tables.get(kind, [])) or none
            for kind, none in (("generate", "`insgen add`"), ("filter", "none"), ("score", "none"))
        ]
        bank = f"`{tables['select']['use']}`, {tables['select']['size']:,}"
        asks = "yes" if "llm" in tables else "no"
        cells = (f"`{offer.name}`", offer.cls.summary, *made_of, bank, asks, offer.cls.source)
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def config_text() -> str:
    """A table of every key of every section."""
    rows = ["| section | key | type | default | meaning |", "| --- | --- | --- | --- | --- |"]
    for section, cls in SECTIONS.items():
        for option in options_of(cls):
            default = "required" if option.required else f"`{_toml(option.default)}`"
            rows.append(f"| `{section}` | `{option.name}` | {option.type} | {default} | {option.doc} |")
    return "\n".join(rows)


def hooks_text() -> str:
    """A table of every hook with its signature and first sentence."""
    rows = ["| hook | what it is for |", "| --- | --- |"]
    for name, signature in hooks().items():
        sentence = inspect.cleandoc(getattr(spec, name).__doc__ or "").split("\n")[0]
        rows.append(f"| `{signature}` | {sentence} |")
    return "\n".join(rows)


def help_text() -> str:
    """The help of every command, behind a fold."""
    parts = []
    for path, command in commands():
        fold = f"<details><summary><code>{path} --help</code></summary>"
        parts.append(f"{fold}\n\n```text\n{help_of(path, command, 100)}\n```\n\n</details>")
    return "\n\n".join(parts)


def help_of(path: str, command: click.Command, columns: int) -> str:
    """The help of one command on a terminal of that width, with the settings that the program gives every command."""
    settings = {**main_group.context_settings, "terminal_width": columns, "max_content_width": columns}
    return command.get_help(click.Context(command, info_name=path, **settings))


def commands() -> list[tuple[str, click.Command]]:
    """Every built-in command with its path, groups before what is in them."""
    found: list[tuple[str, click.Command]] = [("insgen", main_group)]
    for name, command in main_group.commands.items():
        found.append((f"insgen {name}", command))
        if isinstance(command, click.Group):
            found += [(f"insgen {name} {below}", each) for below, each in command.commands.items()]
    return found


def generated() -> dict[str, str]:
    """Name of a generated block -> its text."""
    return {"recipes": recipes_text(), "config": config_text(), "hooks": hooks_text(), "help": help_text()}


def block(text: str, name: str) -> str:
    """The block of a text behind its mark, up to the next heading of the second level."""
    found = re.search(rf"<!-- generated: {name} -->\n(.*?)(?=\n## |\Z)", text, re.DOTALL)
    assert found, f"README.md has no block <!-- generated: {name} -->"
    return found[1].strip()


def transcripts(text: str) -> dict[str, str]:
    """Command -> what the README says that it prints."""
    return {found[2]: found[3] for found in TRANSCRIPT.finditer(text)}


def play_transcripts(text: str, folder: Path) -> dict[str, str]:
    """Play the commands of all transcripts, in order, in one folder.

    :returns: command -> what it printed on stdout.
    """
    from support.cli import insgen

    played = {}
    for command in transcripts(text):
        program, *arguments = command.split()
        assert program == "insgen", command
        done = insgen(*arguments, cwd=folder, env={"HF_HUB_OFFLINE": "1"})
        assert done.code == 0, f"{command}: {done.stderr}"
        played[command] = done.stdout
    return played


def masked(text: str) -> str:
    """A transcript without what differs from call to call: times and durations."""
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    return text


def with_generated(text: str) -> str:
    """The text with every generated block as it should be."""
    for name, made in generated().items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(?=\n## |\Z)"
        text = re.sub(pattern, _putting(made), text, flags=re.DOTALL)
    return text


def with_transcripts(text: str) -> str:
    """The text with every transcript played anew, where more than times and durations differ."""
    with tempfile.TemporaryDirectory(prefix="insgen-readme-") as folder:
        played = play_transcripts(text, Path(folder))

    def put(found: re.Match[str]) -> str:
        told = found[3] if masked(found[3]) == masked(played[found[2]]) else played[found[2]]
        return found[1] + told + found[4]

    return TRANSCRIPT.sub(put, text)


def _putting(made: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{found[1]}\n{made}\n"


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def main() -> int:
    """Compare, or write."""
    parser = argparse.ArgumentParser(description="Compare README.md with the code it tells of.")
    parser.add_argument("--write", action="store_true", help="write what differs into README.md")
    parser.add_argument("--no-transcripts", action="store_true", help="leave the transcripts alone; they take a minute")
    chosen = parser.parse_args()
    old = README.read_text(encoding="utf-8")
    new = with_generated(old)
    if not chosen.no_transcripts:
        new = with_transcripts(new)
    if chosen.write:
        README.write_text(new, encoding="utf-8")
        return 0
    sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), "README.md", "the code"))
    return int(old != new)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(main())
