"""A package that does everything wrong: each fault is told with distribution, file, line, promise and cure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.cli import insgen
from support.projects import DATA, PLAIN

EXPECTED = {
    "cannot_be_imported": (
        "ModuleNotFoundError: No module named 'a_library_that_is_not_there'",
        3,
        "a module that can be imported, and hooks that return",
        "Install the module a_library_that_is_not_there, which it needs. ",
    ),
    "leaves_at_import": (
        "SystemExit: this machine is not supported",
        5,
        "a module that can be imported, and hooks that return",
        "",
    ),
    "has_no_hook": (
        "it has no function marked @insgen.hookimpl",
        None,
        "at least one, for example insgen_filters()",
        "",
    ),
    "misspells_a_hook": (
        "unknown hook 'insgen_fliters'",
        6,
        'a hook that docs/hooks.md lists; perhaps "insgen_filters"',
        "",
    ),
    "wants_what_no_hook_has": (
        "its insgen_filters(database) asks for database",
        6,
        "insgen_filters(), or fewer of these parameters",
        "",
    ),
    "offers_what_is_no_stage": (
        'the scorer "hollow" has no method score()',
        9,
        "a scorer as docs/hooks.md describes it",
        "",
    ),
}
"""Module -> what is wrong, in which line, what was promised, and the cure besides upgrading and uninstalling."""

TABLES = {
    "forgetful": '[[filter]]\nuse = "forgetful"\n',
    "fragile": '[[filter]]\nuse = "fragile"\nword = "Explain"\n',
    "unlimited": '[[score]]\nuse = "unlimited"\n',
    "peculiar": '[[filter]]\nuse = "peculiar"\n',
}


@pytest.fixture(scope="module")
def file() -> str:
    """Where the modules stand, for messages: ``.../insgen_rogue/{}.py``."""
    import insgen_rogue  # type: ignore[import-not-found]  # installed by `tox -e wheel`

    return f"{Path(insgen_rogue.__file__).parent}/{{}}.py"


@pytest.fixture(scope="module")
def warnings() -> Mapping[str, str]:
    """What is said about each module that was left out."""
    said = insgen("plugins", "list").stderr.split("Warning: ")[1:]
    return {each.split(" ", 3)[2].removeprefix("insgen_rogue."): each.strip() for each in said}


@pytest.mark.parametrize("module", EXPECTED)
def test_what_cannot_be_loaded_is_left_out_and_explained(warnings: Mapping[str, str], file: str, module: str) -> None:
    problem, line, promised, cure = EXPECTED[module]
    place = file.format(module) + (f", line {line}" if line else "")
    assert warnings[module] == (
        f"The plugin insgen_rogue.{module} (distribution insgen-rogue 0.0.13) was left out: {problem} ({place}).\n"
        f"  Expected {promised}.\n  {cure}Upgrade or uninstall insgen-rogue, or tell its author."
    )


def test_the_others_and_the_good_ones_are_there_all_the_same(warnings: Mapping[str, str]) -> None:
    assert set(warnings) == set(EXPECTED)
    offers = insgen("plugins", "list", "--json").json()["offers"]
    assert {"fragile", "forgetful", "peculiar", "unlimited", "readability", "length"} <= {o["name"] for o in offers}


@pytest.fixture
def complaint(project: Callable[[str], Path]) -> Callable[[str], str]:
    """What a run says that uses one of its stages."""

    def run(name: str) -> str:
        done = insgen("run", project(DATA + PLAIN + TABLES[name]), "--quiet")
        assert (done.code, done.stdout) == (1, "")
        assert "Traceback" not in done.stderr
        return ("\n" + done.stderr).rpartition("\nError: ")[2].strip()

    return run


WHO = 'The {} "{}" of insgen_rogue.misbehaves_at_work (insgen-rogue 0.0.13)'


def test_a_verdict_too_few_breaks_the_contract(complaint: Callable[[str], str], file: str) -> None:
    place = f"{file.format('misbehaves_at_work')}, line 9"
    assert complaint("forgetful") == (
        f"{WHO.format('filter', 'forgetful')} broke its contract:"
        f" it returned 5 verdicts for 6 candidates ({place}).\n"
        "  Expected what docs/hooks.md says of a filter.\n"
        "  Take it out of the config, or tell its author; nothing of this round was stored but paid answers."
    )


def test_an_exception_is_named_with_the_line_that_raised_it(complaint: Callable[[str], str], file: str) -> None:
    place = f"{file.format('misbehaves_at_work')}, line 34"
    assert complaint("fragile") == (
        f"{WHO.format('filter', 'fragile')} failed: ZeroDivisionError: cannot bear Explain ({place}).\n"
        "  Expected an answer, or a StageError that says what to do.\n"
        "  Take it out of the config, or tell its author; what earlier rounds stored is safe."
    )


def test_a_score_beyond_its_scale_breaks_the_contract(complaint: Callable[[str], str], file: str) -> None:
    said = complaint("unlimited")
    assert said.startswith(f"{WHO.format('scorer', 'unlimited')} broke its contract: it scored b2:")
    assert f" 11.0 on the scale 0.0 to 10.0 ({file.format('misbehaves_at_work')}, line 38).\n" in said


def test_an_option_that_toml_cannot_write_is_refused_before_anything_runs(
    complaint: Callable[[str], str], file: str
) -> None:
    assert complaint("peculiar") == (
        f"{WHO.format('filter', 'peculiar')} has the option `where: complex`"
        f" ({file.format('misbehaves_at_work')}, line 49), which TOML cannot write.\n"
        "  Expected str, int, float, bool, Path, Literal texts, tuple[X, ...] or dict[str, X].\n"
        "  Take it out of the config, or tell its author."
    )
