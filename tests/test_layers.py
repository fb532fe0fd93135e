"""Every import of the project against the table of layers, `support/layers.py`; where wrapped libraries are imported.

A module imports only from rows above its own, and only what its row says; an import for a type, or inside a function,
counts like any other. A new file needs a row.
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

import pytest
from support.imports import Import, imports_of, source_tree
from support.layers import LAYERS

import insgen

ROOT = Path(__file__).parents[1]

# library: the files, or folders, that may import it
WRAPPED = {
    "litellm": ("insgen/models/llm.py",),
    "hnswlib": ("insgen/bank/neighbours.py",),
    "datasets": ("insgen/bank/ingest.py", "insgen/report/export.py", "plugins/generators/dataset"),
    "sentence_transformers": ("plugins/embedders/sentence_transformers.py",),
    "tiktoken": ("insgen/report/tokens.py",),
    "tokenizers": ("insgen/report/tokens.py", "insgen/training/small.py"),
    "sklearn": ("insgen/report/batches.py", "plugins/selectors/cluster_quota.py", "plugins/seed_policies/_groups.py"),
    "transformers": ("insgen/integrations/transformers.py", "insgen/training/"),
    "peft": ("insgen/training/lora.py",),
    "safetensors": ("insgen/training/", "plugins/embedders/sentence_transformers.py"),
}

TREE = source_tree(ROOT)
CORE = {module: path for module, path in TREE.items() if module.split(".")[1:2] not in (["plugins"], ["prompts"])}
PLUGINS = {module: path for module, path in TREE.items() if module.startswith("insgen.plugins.")}


def short(module: str) -> str:
    return module.removeprefix("insgen").removeprefix(".")


def row_of(module: str) -> str | None:
    """The row of a module, by its short name: its own, or its package's; packages themselves hold nothing."""
    return module if module in LAYERS else next((row for row in LAYERS if row and module.startswith(f"{row}.")), None)


def allows(row: str, target: str) -> bool:
    """Whether a row lets its modules import a module, by short name; the face is allowed by its own name only."""
    return any(target == each or (each and target.startswith(f"{each}.")) for each in LAYERS[row])


def breaches(module: str, found: list[Import]) -> list[str]:
    """The imports that a core module's row does not allow."""
    row = row_of(short(module))
    ours = [each for each in found if each.module == "insgen" or each.module.startswith("insgen.")]
    if row is None:
        return [f"{module} has no row"]
    return [f"{module}:{each.line} imports {each.module}" for each in ours if not allows(row, short(each.module))]


def plugin_breaches(module: str, found: list[Import]) -> list[str]:
    """The imports of a plugin that are neither a name of the face nor a helper named ``_*`` of its folder or kind."""
    wrong = []
    kind = ".".join(module.split(".")[:3])
    for each in found:
        if each.written.startswith("."):
            right = each.written.startswith("._") or (
                each.written == "." and each.module.rpartition(".")[2].startswith("_")
            )
            shared = each.written.startswith(".._") and each.module.startswith(f"{kind}._")
            right = right or shared
        elif each.module.split(".")[0] in ("insgen", "plugins", "prompts"):
            right = each.module == "insgen" and each.name in insgen.__all__
        else:
            right = True
        if not right:
            wrong.append(f"{module}:{each.line} imports {each.name or each.module} from {each.written or each.module}")
    return wrong


@functools.cache
def found_in(module: str) -> list[Import]:
    return list(imports_of(module, TREE[module], set(TREE)))


def is_package_without_code(path: Path) -> bool:
    gathering = (ROOT / "insgen", ROOT / "insgen" / "records", ROOT / "insgen" / "testing")
    return path.name == "__init__.py" and path.parent not in gathering


def test_every_row_allows_only_rows_above_it() -> None:
    order = list(LAYERS)
    for number, row in enumerate(order):
        for allowed in LAYERS[row]:
            members = [each for each in order if each == allowed or (allowed and each.startswith(f"{allowed}."))]
            assert members, f"{row or 'the face'} may import {allowed}, which has no row"
            late = [each for each in members if order.index(each) >= number and row != "cli.main"]
            assert not late, f"{row or 'the face'} may import {late}, which do not stand above it"


@pytest.mark.parametrize("module", CORE)
def test_core_module_imports_what_its_row_says(module: str) -> None:
    found = found_in(module)
    if is_package_without_code(CORE[module]):
        assert found == []
    else:
        assert breaches(module, found) == []


@pytest.mark.parametrize("module", PLUGINS)
def test_plugin_imports_the_face_alone_and_its_own_helpers(module: str) -> None:
    assert plugin_breaches(module, found_in(module)) == []


@pytest.mark.parametrize("library", WRAPPED)
def test_wrapped_library_is_imported_in_its_place_only(library: str) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for module, path in TREE.items()
        for each in found_in(module)
        if each.module.split(".")[0] == library
    }
    assert users
    assert [user for user in users if not user.startswith(WRAPPED[library])] == []


def test_listed_packages_are_those_of_the_tree() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]

    folders = {module for module, path in TREE.items() if path.name == "__init__.py"}
    holders = {module if path.name == "__init__.py" else module.rpartition(".")[0] for module, path in TREE.items()}
    assert sorted(listed) == sorted(folders) == sorted(holders)


BREAKS = [
    ("records", "from insgen.errors import InsgenError"),
    ("records", "def f():\n    import insgen.errors"),
    ("records", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from insgen.hooks.stages import Filter"),
    ("store.ledger", "from insgen.store import members"),
    ("store.ledger", "from . import members"),
    ("store.ledger", "from .members import bank_version"),
    ("store.ledger", "from ..bank import bank"),
    ("loop.rounds", "from insgen import Candidate"),
    ("loop.pipeline", "from insgen.plugins.embedders import hashing"),
    ("report.card", "from insgen.store.queries import status"),
    ("cli.status", "from insgen.cli.main import main"),
    ("unheard_of", ""),
]


@pytest.mark.parametrize(("module", "source"), BREAKS)
def test_forbidden_import_in_the_core_is_found(module: str, source: str, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(source)

    found = list(imports_of(f"insgen.{module}", tmp_path / "file.py", {*TREE, "insgen.store.ledger"}))
    assert len(breaches(f"insgen.{module}", found)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from insgen.records import Candidate",
        "from insgen import hooks",
        "from insgen.plugins.filters import length",
        "from . import length",
        "from .length import LengthFilter",
        "from .. import embedders",
        "from ..embedders.hashing import HashingEmbedder",
        "import plugins.filters.length",
        "def f():\n    import insgen.store.database",
    ],
)
def test_forbidden_import_in_a_plugin_is_found(source: str, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(source)

    found = list(imports_of("insgen.plugins.filters.keywords", tmp_path / "file.py", set(TREE)))
    assert len(plugin_breaches("insgen.plugins.filters.keywords", found)) == 1


def test_helpers_shared_by_a_kind_are_open_to_a_method_of_several_files(tmp_path: Path) -> None:
    (tmp_path / "_code.py").write_text("from .._reading import Block\nfrom ...filters._words import split")

    found = list(imports_of("insgen.plugins.generators.documents._code", tmp_path / "_code.py", set(TREE)))
    assert len(plugin_breaches("insgen.plugins.generators.documents._code", found)) == 1


def test_face_and_underscored_siblings_are_open_to_a_plugin(tmp_path: Path) -> None:
    source = "from insgen import Candidate, hookimpl\nfrom ._index import Index\nfrom . import _tokens\nimport numpy"
    (tmp_path / "__init__.py").write_text(source)

    found = list(imports_of("insgen.plugins.filters.rouge", tmp_path / "__init__.py", set(TREE)))
    assert [each.module for each in found][2:4] == [
        "insgen.plugins.filters.rouge._index",
        "insgen.plugins.filters.rouge._tokens",
    ]
    assert plugin_breaches("insgen.plugins.filters.rouge", found) == []
