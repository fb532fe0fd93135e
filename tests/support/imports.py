"""Which module imports which, read with `ast`: anywhere in a file, also for types and inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One imported name.

    :ivar written: the module as it was written (``insgen.store``, ``._index``).
    :ivar module: the absolute module that it names: ``insgen.store.ledger`` for ``from insgen.store import ledger``.
    :ivar name: what is taken out of it; empty for the module itself.
    """

    line: int
    written: str
    module: str
    name: str


def source_tree(root: Path) -> dict[str, Path]:
    """Map every module of the project to its file, by the names under which they are installed."""
    tops = {"insgen": root / "insgen", "insgen.plugins": root / "plugins", "insgen.prompts": root / "prompts"}
    found = {}
    for package, folder in tops.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])] = path
    return found


def imports_of(module: str, path: Path, known: set[str]) -> Iterator[Import]:
    """Give every import of one file.

    :param known: the project's modules; a name taken out of a package may be one of them.
    """
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                module_name, name = (inner, "") if inner in known else (base, alias.name)
                yield Import(node.lineno, "." * node.level + (node.module or ""), module_name, name)
