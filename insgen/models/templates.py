"""A prompt file -> text: the project's own file first, then the built-in one of the same name.

Variables are written ``$name`` (instructions are full of braces); a missing or an unused one is an error.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from string import Template

from insgen.errors import StageError
from insgen.records import content_hash


class PromptFiles:
    """Implements `insgen.Prompts` over ``<project>/prompts`` and the built-in texts.

    :param project: the project's folder.
    """

    def __init__(self, project: Path) -> None:
        self._folder = project / "prompts"

    def render(self, name: str, **variables: str) -> str:
        """See `insgen.Prompts.render`."""
        template = Template(self._text(name))
        wanted = set(template.get_identifiers())
        for problem, names in (
            ("lacks a value for", wanted - set(variables)),
            ("does not use", set(variables) - wanted),
        ):
            if names:
                raise StageError(
                    f'The prompt "{name}" {problem} ${", $".join(sorted(names))}.\n'
                    f"  Expected exactly: ${', $'.join(sorted(variables)) or 'no variable'}.\n  Mend prompts/{name}.md."
                )
        return template.substitute(variables)

    def hash(self, name: str) -> str:
        """See `insgen.Prompts.hash`."""
        return content_hash("prompt", self._text(name))

    def _text(self, name: str) -> str:
        own = self._folder / f"{name}.md"
        if own.is_file():
            return own.read_text(encoding="utf-8")
        built_in = resources.files("insgen.prompts").joinpath(f"{name}.md")
        if built_in.is_file():
            return built_in.read_text(encoding="utf-8")
        raise StageError(
            f'There is no prompt "{name}".\n  Expected {own} or a built-in prompt of that name.\n  Write the file.'
        )
