"""The layers: which module may import which of ours, and where each wrapped library may be imported.

`LAYERS` is the architecture as data. A module imports only from rows above its own, and only what its row says; an
import for a type, or inside a function, counts like any other. A new file needs a row.
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

import pytest
from support.imports import Import, imports_of, source_tree

import insgen

ROOT = Path(__file__).parents[1]

# module (or package, for all that is in it): what it may import, both without "insgen."
LAYERS: dict[str, tuple[str, ...]] = {
    "errors": (),
    "deprecations": (),
    "records": (),
    "refusals": (),
    "feedback": ("records", "errors"),
    "handbook": (),
    "scaffold": ("errors",),
    "config.options": ("errors",),
    "config.settings": ("config.options", "errors"),
    "config.load": ("config.options", "config.settings", "errors"),
    "hooks.stages": ("records",),
    "hooks.spec": ("hooks.stages", "records"),
    "hooks.places": (),
    "hooks.scan": (),
    "hooks.examine": ("hooks.places", "hooks.spec", "records", "errors"),
    "hooks.manager": ("hooks.examine", "hooks.places", "hooks.spec", "hooks.stages", "records", "errors"),
    "hooks.checks": ("hooks.stages", "records", "errors"),
    "hooks.call": ("hooks.checks", "hooks.places", "hooks.stages", "records", "errors"),
    "store.migrations": (),
    "store.lock": ("errors",),
    "store.database": ("store.migrations", "store.lock", "errors"),
    "store.calls": ("store.database", "records"),
    "store.ledger": ("store.database", "records"),
    "store.members": ("store.database", "store.ledger", "records"),
    "store.yields": ("records",),
    "store.feedback": ("store.yields", "records"),
    "store.verdicts": ("store.feedback", "records"),
    "store.results": (),
    "store.judging": (),
    "store.transfer": ("store.ledger", "records"),
    "store.embedded": ("records",),
    "store.pools": ("store.ledger", "records"),
    "store.texts": ("store.ledger", "records"),
    "store.rounds": ("store.database", "records"),
    "store.costs": ("store.calls", "store.ledger"),
    "store.trends": ("store.ledger", "records"),
    "store.blame": ("records",),
    "store.queries": (
        *("store.blame", "store.costs", "store.database", "store.ledger", "store.members"),
        *("records", "errors"),
    ),
    "store.steering": ("store.queries",),
    "store.labels": ("store.ledger", "store.members", "store.queries", "store.verdicts", "records"),
    "store.versions": ("store.members", "store.queries", "errors"),
    "models.templates": ("records", "errors"),
    "models.pace": ("errors",),
    "models.commits": ("store.database",),
    "models.purse": ("config.settings", "store.calls", "store.database", "errors"),
    "models.llm": ("config.settings", "models.pace", "store.calls", "store.database", "records", "errors"),
    "models.line": (
        *("models.llm", "models.pace", "models.purse", "models.commits"),
        *("config.settings", "store.calls", "store.database", "records", "errors"),
    ),
    "models.asking": (
        *("models.line", "models.llm"),
        *("config.settings", "store.calls", "store.database", "records", "errors"),
    ),
    "training.templates": ("records", "errors"),
    "models.embedding": ("training.templates", "hooks.call", "store.database", "store.ledger", "records"),
    "bank.neighbours": ("records", "errors"),
    "bank.seeds": ("records", "errors"),
    "bank.ingest": ("records", "errors"),
    "bank.bank": ("bank.neighbours", "bank.seeds", "store.members", "store.ledger", "records", "errors"),
    "report.batches": ("errors",),
    "training.records": ("feedback", "records", "errors"),
    "training.plan": ("report.batches", "errors"),
    "training.encoding": ("training.templates", "records"),
    "training.target": ("training.encoding", "training.templates", "records", "errors"),
    "training.lora": ("training.target", "errors"),
    "training.steps": ("training.encoding", "training.target", "records", "errors"),
    "training.checkpoints": ("training.steps", "errors"),
    "training.run": (
        *("training.checkpoints", "training.encoding", "training.lora", "training.records", "training.steps"),
        *("training.target", "records", "errors"),
    ),
    "training.small": ("training.target", "records", "errors"),
    "training.raising.options": ("errors",),
    "training.raising.state": (),
    "training.raising.choosing": (),
    "training.raising.learning": (),
    "training.raising.policy": ("training.raising.choosing", "training.raising.state", "errors"),
    "training.raising.episode": ("training.raising.choosing", "training.raising.state"),
    "training.raising.learner": (
        *("training.raising.episode", "training.raising.learning", "training.raising.options"),
        *("training.raising.policy", "errors"),
    ),
    "training.raising.dialogue": (
        *("training.raising.episode", "training.raising.learner", "training.raising.learning"),
        *("training.raising.options", "training.raising.policy", "errors"),
    ),
    "training.raising.features": ("training.encoding", "training.target", "records", "errors"),
    "training.raising.playing": (
        *("training.raising.dialogue", "training.raising.episode"),
        *("training.checkpoints", "training.encoding", "training.steps", "training.target", "errors"),
    ),
    "training.raising.folder": (
        *("training.raising.episode", "training.raising.learner", "training.raising.options"),
        *("training.raising.playing", "training.lora", "training.steps", "training.target", "records", "errors"),
    ),
    "training.raising.run": (
        *("training.raising.dialogue", "training.raising.episode", "training.raising.features"),
        *("training.raising.folder", "training.raising.learner", "training.raising.playing"),
        *("training.raising.policy", "training.raising.state", "report.batches"),
        *("training.lora", "training.small", "training.steps", "training.target", "records", "errors"),
    ),
    "training.raising.ranking": (
        *("training.raising.choosing", "training.raising.features", "training.raising.folder"),
        *("training.raising.policy", "training.raising.run", "training.raising.state", "training.target", "records"),
    ),
    "training.raising.stage": (
        *("training.raising.folder", "training.raising.options", "training.raising.ranking", "training.raising.run"),
        *("training.steps", "training.target", "records", "errors"),
    ),
    "training.raising.applying": (
        *("training.raising.dialogue", "training.raising.episode", "training.raising.features"),
        *("training.raising.folder", "training.raising.options", "training.raising.playing"),
        *(
            "training.raising.policy",
            "training.raising.ranking",
            "training.checkpoints",
            "training.lora",
            "training.records",
            "training.steps",
        ),
        *("training.target", "report.batches", "records", "errors"),
    ),
    "training.raising.explain": (
        *("training.raising.episode", "training.raising.features", "training.raising.folder"),
        *("training.raising.policy", "training.raising.state", "errors"),
    ),
    "loop.pipeline": ("config", "hooks", "errors"),
    "loop.failures": ("config.settings", "hooks.call", "store.blame", "records"),
    "loop.feedback": (
        *("loop.failures", "loop.pipeline", "hooks.call", "hooks.manager", "hooks.stages", "feedback"),
        *("bank", "models", "store", "config.settings", "records", "errors"),
    ),
    "loop.coverage": ("bank", "store", "records"),
    "loop.proposals": (
        *("loop.failures", "loop.feedback", "loop.pipeline", "hooks.call", "hooks.stages"),
        *("bank", "models", "store", "records", "errors"),
    ),
    "loop.ranking": ("bank", "hooks.call", "store", "records"),
    "loop.overruling": ("store.verdicts", "records"),
    "loop.reviewing": ("bank.neighbours", "store", "records", "errors"),
    "loop.rounds": (
        "loop.failures",
        "loop.overruling",
        "loop.pipeline",
        "loop.proposals",
        "loop.ranking",
        "hooks.call",
        "hooks.stages",
        "bank",
        "models",
        "store",
        "records",
    ),
    "loop.reembedding": ("loop.rounds", "hooks.stages", "store"),
    "loop.training": (
        *("loop.feedback", "loop.proposals", "loop.rounds", "training", "report.batches"),
        *("hooks.stages", "store", "config.settings", "records", "errors"),
    ),
    "loop.watch": ("config.settings", "store.rounds", "store.trends"),
    "loop.run": (
        *("loop.failures", "loop.proposals", "loop.rounds", "loop.training", "loop.watch"),
        *("bank.seeds", "config.settings", "hooks", "store", "records"),
    ),
    "loop.assemble": (
        *("loop.failures", "loop.feedback", "loop.pipeline", "loop.proposals", "loop.reembedding", "loop.rounds"),
        *("loop.run", "loop.training"),
        *("bank", "models", "store", "hooks", "config", "records", "errors"),
    ),
    "loop.adding": ("loop.pipeline", "bank", "models", "store", "hooks", "config", "records", "errors"),
    "loop.scratch": ("store.database",),
    "loop.overlap": ("store.ledger", "store.transfer", "records"),
    "loop.merging": (
        *("loop.assemble", "loop.overlap", "loop.ranking", "loop.rounds", "loop.run"),
        *("hooks.stages", "store", "records", "errors"),
    ),
    "loop.migrating": (
        *("loop.assemble", "loop.reembedding", "loop.rounds", "loop.run", "hooks.stages", "store", "records"),
    ),
    "loop.splitting": ("store", "config", "records", "errors"),
    "loop.estimate": (
        *("loop.assemble", "loop.run", "loop.scratch", "hooks.call"),
        *("models", "store", "records", "errors"),
    ),
    "loop.check_llm": ("loop.assemble", "loop.estimate", "models", "store", "config.settings", "records", "errors"),
    "loop.freezing": ("loop.pipeline", "hooks.manager", "errors"),
    "loop.check": (
        *("loop.assemble", "loop.check_llm", "loop.estimate", "loop.failures", "loop.freezing", "loop.run"),
        "loop.training",
        *("bank", "models", "store", "hooks", "config", "records", "errors"),
    ),
    "loop.preview": ("loop.assemble", "loop.run", "loop.scratch", "store", "errors"),
    "loop.project": ("hooks.manager", "config", "records", "errors"),
    "loop.replay": ("loop.assemble", "loop.proposals", "loop.rounds", "store", "records", "errors"),
    "report.summary": ("store.queries", "records", "errors"),
    "report.tokens": ("records", "errors"),
    "report.budget": ("records",),
    "report.card": ("report.budget", "records", "errors"),
    "report.metrics": (),
    "report.thresholds": ("errors",),
    "loop.trials": ("loop.pipeline", "bank", "store", "hooks", "config", "records", "errors"),
    "loop.comparing": (
        *("loop.trials", "report.batches", "report.metrics"),
        *("store", "hooks.manager", "config", "records", "errors"),
    ),
    "report.export": ("report.budget", "report.card", "store.queries", "records", "errors"),
    "report.facts": ("report.card", "store.judging", "store.queries", "config.settings", "records", "errors"),
    "integrations.executed": ("training.encoding", "errors"),
    "integrations.planned": ("training.plan", "errors"),
    "integrations.transformers": (
        *("integrations.executed", "integrations.planned", "training.records"),
        *("records", "errors"),
    ),
    # What plugin authors test with: it hands a stage everything the loop would.
    "testing.faults": (),
    "testing.llm_server": ("testing.faults", "config.settings"),
    "testing.samples": ("records",),
    "testing.workshop": (
        *("testing.llm_server", "testing.samples"),
        *("bank", "models", "store", "hooks.stages", "config.settings", "records"),
    ),
    "testing.contract": ("testing.workshop", "hooks.call", "config.options", "errors"),
    "testing.common": ("testing.contract", "testing.workshop", "hooks.call", "config.options", "errors"),
    "testing.judging": ("testing.contract", "testing.samples", "testing.workshop", "hooks.call", "records"),
    "testing.proposing": (
        *("testing.contract", "testing.judging", "testing.samples", "testing.workshop"),
        *("hooks.call", "records", "errors"),
    ),
    "testing.choosing": (
        *("testing.contract", "testing.judging", "testing.samples", "testing.workshop"),
        *("bank.bank", "hooks.call", "records"),
    ),
    "testing.checks": (
        *("testing.choosing", "testing.common", "testing.contract", "testing.judging", "testing.proposing"),
        *("testing.workshop", "hooks.manager", "errors"),
    ),
    "testing.fixtures": ("testing.llm_server", "testing.workshop", "bank.bank", "store.database", "records"),
    "testing.recipes": ("loop.pipeline", "hooks.manager", "config", "records", "errors"),
    "testing.running": ("testing.checks", "testing.contract", "testing.workshop", "errors"),
    "testing": ("testing.checks", "testing.contract", "testing.workshop"),
    "cli.output": ("store.database", "records", "hooks.spec", "errors"),
    "cli.progress": ("cli.output", "hooks.spec", "hooks.stages", "records"),
    "cli.export": (
        *("cli.output", "report", "loop.pipeline"),
        *("store.database", "store.queries", "hooks.manager", "config", "records", "errors"),
    ),
    "cli.run": (
        *("cli.output", "cli.progress", "loop.assemble", "loop.check_llm", "loop.estimate", "loop.run"),
        *("config", "errors"),
    ),
    "cli.why": ("cli.output", "store"),
    "cli.editing": ("errors",),
    "cli.review": ("cli.editing", "cli.output", "loop.reviewing", "store", "config", "errors"),
    "cli.seeds": ("cli.output", "bank.seeds", "store"),
    "cli.preview": ("cli.output", "cli.progress", "cli.why", "loop.preview"),
    # All commands that have no row of their own: they decode, call one function, print.
    "cli": ("cli.output", "cli.progress", "loop", "report", "store", "hooks.manager", "config", "records", "errors"),
    "cli.plugins_new": ("cli.output", "scaffold", "errors"),
    "cli.plugins_freeze": ("cli.output", "loop.assemble", "loop.freezing"),
    "cli.plugins_test": ("cli.output", "testing", "hooks.manager", "config", "errors"),
    "cli.plugins": (
        *("cli.output", "cli.plugins_freeze", "cli.plugins_new", "cli.plugins_test"),
        *("hooks.manager", "config", "errors"),
    ),
    "cli.train": ("cli.output", "training", "report.batches", "store", "records", "errors"),
    "cli.raise_options": ("cli.output", "training", "store.queries", "records", "errors"),
    "cli.raise_train": ("cli.output", "cli.raise_options", "training", "bank.ingest", "errors"),
    "cli.raise_apply": ("cli.output", "cli.raise_options", "training", "records"),
    "cli.raise_explain": ("cli.output", "training"),
    "cli.raise_": ("cli.output", "cli.raise_train", "cli.raise_apply", "cli.raise_explain"),
    "cli.bank_versions": ("cli.output", "cli.progress", "loop", "store"),
    "cli.bank": ("cli.output", "cli.bank_versions", "report.metrics", "store", "errors"),
    "cli.quickstart": ("cli.output", "cli.export", "cli.run", "loop.project", "store", "config", "records", "errors"),
    "cli.main": ("cli", "hooks.manager", "hooks.scan", "errors"),
    "__main__": ("cli.main",),
    "": (
        *("deprecations", "records", "refusals", "feedback", "errors", "hooks.stages", "hooks.spec"),
        "training.raising.stage",
        "training.target",  # for the type checker, and when one of its names is asked for
    ),
}

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
    return path.name == "__init__.py" and path.parent not in (ROOT / "insgen", ROOT / "insgen" / "testing")


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
