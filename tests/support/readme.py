"""What the README says about the code, made from the code; ``python tests/support/readme.py`` writes it into the README."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import click

from insgen.cli.main import main_group
from insgen.config.options import options_of
from insgen.config.settings import Budget, Embed, Llm, Loop, Project, Scored, Select
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
}


def hooks() -> dict[str, str]:
    """Hook name -> its signature."""
    found = {}
    for name, function in vars(spec).items():
        if name.startswith("insgen_"):
            found[name] = f"{name}{inspect.signature(function)}".replace("'", "")
    return found


def recipes_text() -> str:
    """A table of the built-in recipes."""
    rows = ["| recipe | what it makes | follows |", "| --- | --- | --- |"]
    rows += [f"| `{o.name}` | {o.cls.summary} | {o.cls.source} |" for o in load_plugins().named("recipe")]
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
        context = click.Context(command, info_name=path, max_content_width=100, terminal_width=100)
        parts.append(f"<details><summary><code>{path} --help</code></summary>\n\n```text\n{command.get_help(context)}\n```\n\n</details>")
    return "\n\n".join(parts)


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


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    for name, made in generated().items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(?=\n## |\Z)"
        text = re.sub(pattern, lambda found, made=made: f"{found[1]}\n{made}\n", text, flags=re.DOTALL)
    README.write_text(text, encoding="utf-8")
