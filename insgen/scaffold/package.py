"""Writes the beginning of a plugin: a package that installs, is tested, and can be published as it is.

Flows in: a name and a kind of stage (or ``recipe``). Flows out: files in a new folder. The texts are templates beside
this file; the project's tests make every one of them and run what it made.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib import metadata, resources
from pathlib import Path
from string import Template

from insgen.errors import ConfigError, suggest

KINDS = (
    *("generator", "parser", "embedder", "filter", "responder", "scorer", "selector"),
    *("seed-policy", "feedback-source", "exporter", "executor", "recipe"),
)
"""What can be begun; the kinds of stages with a hyphen for the blank, and recipes."""

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_FILES = {
    "pyproject.toml": "package/pyproject.txt",
    "LICENSE": "package/licence.txt",
    ".github/workflows/tests.yml": "package/ci.txt",
}
_CLASS_ENDINGS = {"seed-policy": "Policy", "feedback-source": "Feedback"}


def make_package(name: str, kind: str, folder: Path, use: str) -> list[Path]:
    """Write a package that offers one stage or recipe of this name.

    :param kind: one of `KINDS`.
    :param folder: made by this call.
    :param use: how the name is put to use, lines of a config or a command.
    :returns: the files, relative to the folder, in order.
    :raises ConfigError: the name or the kind is none, or the folder is there and not empty.
    """
    _check(name, kind, folder)
    module = "insgen_" + name.replace("-", "_")
    values = {
        "name": name,
        "title": name.replace("-", " ").replace("_", " ").capitalize(),
        "kind": kind.replace("-", " "),
        "class": _class_name(name, kind),
        "module": module,
        "distribution": module.replace("_", "-"),
        "insgen_version": metadata.version("insgen"),
        "year": str(datetime.now(UTC).year),
        "use": "\n".join(f"    {line}".rstrip() for line in use.split("\n")),
    }
    ending = "-recipe" if kind == "recipe" else ""
    files = _FILES | {
        "README.md": f"package/readme{ending}.txt",
        f"src/{module}/__init__.py": f"stages/{kind}.txt",
        f"tests/test_{name.replace('-', '_')}.py": f"package/test{ending}.txt",
    }
    written = {path: Template(_template(source)).substitute(values) for path, source in files.items()}
    written[f"src/{module}/py.typed"] = ""
    written[".gitignore"] = "__pycache__/\n*.egg-info/\n.mypy_cache/\n.pytest_cache/\nbuild/\ndist/\n"
    for path, text in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return sorted(Path(path) for path in written)


def _check(name: str, kind: str, folder: Path) -> None:
    if kind not in KINDS:
        raise ConfigError(
            f'There is no stage "{kind}".{suggest(kind, KINDS)}\n  Known: {", ".join(KINDS)}.\n  Name one of these.'
        )
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f'"{name}" is no name for a plugin.\n  Expected small letters, digits and single hyphens, a letter first.\n'
            "  Choose another, for example polite-filter."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            f"{folder} is there already.\n  Expected a folder that does not exist, or an empty one.\n"
            "  Choose another name, or another folder with --into."
        )


def _class_name(name: str, kind: str) -> str:
    ending = _CLASS_ENDINGS.get(kind, kind.capitalize())
    title = "".join(part.capitalize() for part in re.split("[-_]", name))
    return title if title.endswith(ending) else title + ending


def _template(source: str) -> str:
    return resources.files("insgen.scaffold").joinpath("templates", source).read_text(encoding="utf-8")
