"""The reference of hooks, stages and records in docs/hooks.md, made from signatures and docstrings.

    python tests/support/hooks_doc.py            says which parts differ
    python tests/support/hooks_doc.py --write    writes them into docs/hooks.md

A part stands behind ``<!-- generated: NAME -->`` and reaches to the next heading of the second level.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import difflib
import functools
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import insgen
from insgen.hooks import handed, spec, stages
from insgen.hooks.manager import KINDS, load_plugins

ROOT = Path(__file__).parents[2]
DOC = ROOT / "docs" / "hooks.md"
HELPERS = ("LLM", "Prompts", "BankView", "NeighbourIndex", "GeneratorContext", "SeedContext", "FeedbackView")
"""What stages are handed, besides records."""

_FIELD = re.compile(r"^:(\w+) ?([\w.]*):\s*", re.MULTILINE)


@dataclass(frozen=True)
class Told:
    """A docstring, read.

    :ivar summary: its first paragraph; ``rest``: the others.
    :ivar fields: (``param``, name, sentence) and likewise for returns, raises, ivar.
    """

    summary: str
    rest: tuple[str, ...]
    fields: tuple[tuple[str, str, str], ...]

    def of(self, kind: str) -> dict[str, str]:
        """Sentences of one kind by name."""
        return {name: sentence for each, name, sentence in self.fields if each == kind}


def read_docstring(thing: Any) -> Told:
    """Read a docstring in the form this project writes them."""
    text = inspect.cleandoc(thing.__doc__ or "")
    start = _FIELD.search(text)
    prose = text[: start.start()] if start else text
    paragraphs = [_joined(each) for each in re.split(r"\n\s*\n", prose) if each.strip()]
    _, *parts = _FIELD.split(text)
    fields = [(parts[n], parts[n + 1], _joined(parts[n + 2])) for n in range(0, len(parts), 3)]
    return Told(paragraphs[0] if paragraphs else "", tuple(paragraphs[1:]), tuple(fields))


def signature_of(function: Any, name: str = "") -> str:
    """A signature as it stands in the source: annotations unevaluated."""
    found = inspect.signature(function)
    kept = [each.replace(annotation=_shown(each.annotation)) for each in found.parameters.values()]
    plain = found.replace(parameters=kept, return_annotation=_shown(found.return_annotation))
    return f"def {name or function.__name__}{plain}"


class _Annotation:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _shown(annotation: Any) -> Any:
    return _Annotation(annotation) if isinstance(annotation, str) else annotation


def hooks() -> dict[str, Any]:
    """Hook name -> its specification, in order."""
    return {name: each for name, each in vars(spec).items() if name.startswith("insgen_")}


def members_of(protocol: type[Any]) -> dict[str, Any]:
    """Methods and properties that a protocol, or a record, defines itself and people call or write, in order."""
    fields = getattr(protocol, "__dataclass_fields__", ())  # a field's default may be a function
    own = {name: each for name, each in vars(protocol).items() if name[0] != "_" or name == "__len__"}
    own = {name: each for name, each in own.items() if name not in fields}
    return {name: each for name, each in own.items() if inspect.isfunction(each) or isinstance(each, property)}


def stage_protocols() -> dict[str, type[Any]]:
    """Kind of stage -> its protocol, in the order of the hooks."""
    found = {}
    for kind, (hook, _) in KINDS.items():
        offered = re.search(r"type\[(\w+)\]", str(inspect.signature(hooks()[hook]).return_annotation))
        assert offered, hook
        found[kind] = getattr(stages, offered[1])
    return found


def hooks_text(*, offer: bool) -> str:
    """The hooks that offer something, or those that watch."""
    parts = []
    for name, function in hooks().items():
        watches = read_docstring(function).summary.startswith("Watch ")
        if watches != offer:
            parts.append(f"### {name}\n\n{_entry(function, signature_of(function))}\n\n{_example(name)}")
    return "\n\n".join(parts)


def stages_text() -> str:
    """Every kind of stage: its attributes and methods, and who offers it."""
    parts = []
    for kind, protocol in stage_protocols().items():
        hook, _ = KINDS[kind]
        parts.append(f"### {protocol.__name__}\n\n{read_docstring(protocol).summary} Offered by [{hook}](#{hook}).")
        attributes = "\n".join(f"- `{name}: {type_}`: {sentence}" for name, type_, sentence in _attributes(protocol))
        parts += [attributes, *_methods(protocol)]
        names = [offer for offer in load_plugins().named(kind) if offer.distribution == "insgen"]
        built_in = ", ".join(f"[`{each.name}`](../{_path_of(each.plugin)})" for each in names)
        parts.append(f"Built-in: {built_in or 'none'}.")
    return "\n\n".join(parts)


def helpers_text() -> str:
    """What stages are handed to work with."""
    parts = []
    for name in HELPERS:
        cls = getattr(handed, name)
        told = read_docstring(cls)
        parts.append("\n\n".join([f"### {name}", told.summary, *told.rest]))
        parts += [_fields(cls)] if dataclasses.is_dataclass(cls) else _methods(cls)
    return "\n\n".join(parts)


def records_text() -> str:
    """Every record of the face."""
    parts = []
    for name in insgen.__all__:
        cls = getattr(insgen, name)
        if dataclasses.is_dataclass(cls) and name not in HELPERS:
            told = read_docstring(cls)
            parts.append("\n\n".join([f"### {name}", told.summary, *told.rest, _fields(cls)]))
            parts += [each for each in _methods(cls) if each]
    return "\n\n".join(parts)


def generated() -> dict[str, str]:
    """Name of a generated part -> its text."""
    return {
        "offers": hooks_text(offer=True),
        "watchers": hooks_text(offer=False),
        "stages": stages_text(),
        "helpers": helpers_text(),
        "records": records_text(),
    }


def part(text: str, name: str) -> str:
    """What stands in a text behind a mark, up to the next heading of the second level."""
    found = re.search(_part_pattern(name), text, re.DOTALL)
    assert found, f"there is no part <!-- generated: {name} -->"
    return found[2].strip()


def with_generated(text: str) -> str:
    """The text with every generated part as it should be."""
    for name, made in generated().items():
        text = re.sub(_part_pattern(name), lambda found, made=made: f"{found[1]}\n{made}\n", text, flags=re.DOTALL)
    return text


def _part_pattern(name: str) -> str:
    return rf"(<!-- generated: {name} -->\n)(.*?)(?=\n## |\Z)"


def _methods(cls: type[Any]) -> list[str]:
    entries = []
    for name, member in members_of(cls).items():
        function = member.fget if isinstance(member, property) else member
        code = signature_of(function, name)
        if isinstance(member, property):
            code = f"@property\n{code}"
        entries.append(f"#### {cls.__name__}.{name}\n\n{_entry(function, code)}")
    return entries


def _entry(function: Any, code: str) -> str:
    told = read_docstring(function)
    lines = [f"- `{name}`: {sentence}" for name, sentence in told.of("param").items()]
    lines += [f"- returns: {sentence}" for sentence in told.of("returns").values()]
    lines += [
        f"- raises {f'`{name}`' if name else ''}: {sentence}".replace(" :", ":")
        for name, sentence in told.of("raises").items()
    ]
    parts = [f"```python\n{code}\n```", told.summary, *told.rest, "\n".join(lines)]
    return "\n\n".join(each for each in parts if each)


def _fields(cls: type[Any]) -> str:
    told = read_docstring(cls).of("ivar")
    lines = []
    for field in dataclasses.fields(cls):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        default = "" if required else f" = {field.default!r}" if field.default is not dataclasses.MISSING else " = ..."
        default = " = ..." if callable(field.default) else default
        sentence = f": {told[field.name]}" if field.name in told else ""
        lines.append(f"- `{field.name}: {field.type}{default}`{sentence}")
    return "\n".join(lines)


def _attributes(protocol: type[Any]) -> Iterator[tuple[str, str, str]]:
    """Class attributes of a protocol with their ``#:`` sentences."""
    for line in inspect.getsource(protocol).splitlines():
        found = re.match(r"    (\w+): (.+?)  #: (.+)", line)
        if found:
            yield found[1], found[2], found[3].replace("``", "`")


def _example(hook: str) -> str:
    """The shortest built-in function for a hook; where no built-in has one, the tests that do."""
    found = sorted((len(code), path, code) for path, code in implementations().get(hook, ()))
    if found:
        _, path, code = found[0]
        return f"Built-in example, [{path}](../{path}):\n\n```python\n{code}\n```"
    tests = [path for path in _files("tests") if f"def {hook}(" in path.read_text(encoding="utf-8")]
    links = ", ".join(f"[{path.name}](../{path.relative_to(ROOT).as_posix()})" for path in tests)
    return f"No built-in uses it; tests do: {links}."


@functools.cache
def implementations() -> dict[str, list[tuple[str, str]]]:
    """Hook -> the built-in functions marked ``hookimpl`` for it: their file and code."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in [*_files("plugins"), *_files("insgen")]:
        source = path.read_text(encoding="utf-8")
        nodes = ast.walk(ast.parse(source)) if "hookimpl" in source else ()
        for node in nodes:
            if isinstance(node, ast.FunctionDef) and "hookimpl" in map(ast.unparse, node.decorator_list):
                lines = source.splitlines()[node.decorator_list[0].lineno - 1 : node.end_lineno]
                code = "\n".join(line[node.col_offset :] for line in lines)
                found.setdefault(node.name, []).append((path.relative_to(ROOT).as_posix(), code))
    return found


def _files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def _path_of(module: str) -> str:
    """The file of a built-in plugin, or its folder."""
    path = Path(*module.split(".")[1:])
    return (path.with_suffix(".py") if (ROOT / path.with_suffix(".py")).is_file() else path).as_posix()


def _joined(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")


def main() -> int:
    """Compare, or write."""
    parser = argparse.ArgumentParser(description="Compare docs/hooks.md with the code it tells of.")
    parser.add_argument("--write", action="store_true", help="write what differs into docs/hooks.md")
    chosen = parser.parse_args()
    old = DOC.read_text(encoding="utf-8")
    new = with_generated(old)
    if chosen.write:
        DOC.write_text(new, encoding="utf-8")
        return 0
    sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), "docs/hooks.md", "the code"))
    return int(old != new)


if __name__ == "__main__":
    sys.exit(main())
